//! What the screens that watch ask the worker for, and what they are told: durations, a pause before
//! a question, facts to compare, files to write.

use std::path::PathBuf;
use std::time::Duration;

use cupola_api::durations::Durations;
use cupola_api::event::Event;
use cupola_api::id::NodeId;

use crate::effect::Ticket;
use crate::event::Answer;
use crate::state::watching::compare::Sheet;

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    /// How long everything usually takes.
    Durations,
    /// To be told when so much time has passed; a later question of this kind takes its place.
    Rest(Ticket, Duration),
    /// The facts of these nodes.
    Compare(Ticket, Vec<NodeId>),
    /// To write a text to a new file of this name in the working directory.
    Save(String, String),
    /// To write this log of a node to a new file of that name.
    SaveLog(NodeId, String, String),
    /// To write a bundle for a ticket.
    Bundle(Box<Bundle>),
}

/// What the console itself puts into a bundle.
#[derive(Clone, Debug)]
pub(crate) struct Bundle {
    /// The name of the archive without its suffix.
    pub(crate) stem: String,
    /// The node that it is about.
    pub(crate) node: Option<NodeId>,
    /// Version, server, terminal.
    pub(crate) about: String,
    /// What is on the screen; the loop fills it in.
    pub(crate) screen: String,
    /// The last events.
    pub(crate) events: Vec<Event>,
    /// What the service answered that was an error.
    pub(crate) errors: Vec<String>,
}

/// What is told.
#[derive(Debug)]
pub(crate) enum Told {
    /// How long everything usually takes; none where the server does not measure it.
    Durations(Answer<Option<Durations>>),
    /// The time has passed.
    Rested(Ticket),
    /// The facts, in the order of the nodes.
    Compared(Ticket, Answer<Vec<Sheet>>),
    /// Where the file is.
    Saved(Answer<PathBuf>),
}
