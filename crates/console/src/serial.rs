//! What the pane of serial consoles asks of the worker, and what it is told.

use std::time::Duration;

use cupola_api::id::NodeId;
use cupola_api::serial::{SerialCursor, SerialItem, SerialSend};

use crate::event::Answer;

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    /// Follow this node's console, from this place on, instead of any other.
    Follow {
        /// The node.
        node: NodeId,
        /// The place behind what is known; none for all that the service keeps.
        after: Option<SerialCursor>,
        /// Whether another session of the BMC loses it.
        take_over: bool,
    },
    /// Follow none any more.
    Leave,
    /// Type into the console that is followed.
    Send(SerialSend),
    /// Read a recording.
    Recording(NodeId, String),
}

/// What is told.
#[derive(Debug)]
pub(crate) enum Told {
    /// Something came of the console.
    Item(SerialItem),
    /// The service does not answer; it is asked again.
    Lost {
        /// Why.
        why: String,
        /// When it is asked again.
        retry: Duration,
    },
    /// There is no console to be had, and why.
    Refused(String),
    /// What was typed was not sent, and why.
    NotSent(String),
    /// The recording of this name.
    Recorded(String, Answer<Vec<u8>>),
}
