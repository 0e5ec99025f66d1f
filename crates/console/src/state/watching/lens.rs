//! The state lens: a pane about the node under the cursor. It follows the cursor, and asks the
//! server only when the cursor has rested.

use cupola_api::diagnosis::Explanation;
use cupola_api::id::NodeId;
use jiff::Timestamp;
use ratatui::layout::Size;

use crate::effect::Ticket;
use crate::event::Answer;

/// The pane.
#[derive(Debug, Default)]
pub(crate) struct Lens {
    /// Whether it is open.
    pub(crate) open: bool,
    /// The node that it is about.
    pub(crate) node: Option<NodeId>,
    /// The stand of that node that was asked about, as a hash.
    pub(crate) stand: u64,
    /// When the server was asked.
    pub(crate) asked: Option<Timestamp>,
    /// What the server says of it.
    pub(crate) explanation: Option<Answer<Box<Explanation>>>,
    /// The pause that is waited for.
    pub(crate) rest: Option<Ticket>,
}

/// With so many columns it stands beside the list, else below it.
const BESIDE: u16 = 120;

impl Lens {
    /// How many columns it takes beside the list.
    pub(crate) const fn width(&self, size: Size) -> u16 {
        if self.open && size.width >= BESIDE {
            size.width * 2 / 5
        } else {
            0
        }
    }

    /// How many lines it takes below the list.
    pub(crate) const fn height(&self, size: Size) -> u16 {
        if self.open && size.width < BESIDE {
            size.height / 2
        } else {
            0
        }
    }
}
