//! What the console knows for watching: usual durations, the state lens, the deploy board, what was
//! recorded, and the moment of the past that is looked at.

pub(crate) mod board;
pub(crate) mod compare;
pub(crate) mod lens;
pub(crate) mod recorder;
pub(crate) mod usual;
pub(crate) mod viewer;

use board::Board;
use jiff::Timestamp;
use lens::Lens;
use recorder::{Past, Recorder};
use usual::Usual;

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Watching {
    /// How long things usually take.
    pub(crate) usual: Usual,
    /// The pane about the node under the cursor.
    pub(crate) lens: Lens,
    /// What runs and what has just ended.
    pub(crate) board: Board,
    /// What was recorded.
    pub(crate) recorder: Recorder,
    /// The moment of the past that is looked at; none while it is now.
    pub(crate) past: Option<Box<Past>>,
    /// The time by the clock, which goes on while the past is looked at.
    pub(crate) real_now: Option<Timestamp>,
}
