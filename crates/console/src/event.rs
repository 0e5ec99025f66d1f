//! Everything that can happen to the console. The loop feeds events to `update`, one at a time.

use std::time::Duration;

use cupola_api::cupola::{AgentLog, Image, LogPage, NodeSummary, UnknownMac};
use cupola_api::diagnosis::Explanation;
use cupola_api::discovery::{DiscoveryReport, Target};
use cupola_api::event;
use cupola_api::id::NodeId;
use cupola_api::node::Node;
use cupola_api::port::Port;
use cupola_api::probe::ProbeReport;
use cupola_api::resource::Conductor;
use jiff::Timestamp;
use ratatui::layout::Size;

use crate::effect::{Action, Ticket};
use crate::key::Key;
use crate::machine::Machine;
use crate::mouse::Mouse;
use crate::serial;
use crate::state::link::{Server, Trouble};
use crate::state::view::View;
use crate::watching::Told;

/// One thing that happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// A key was pressed.
    Key(Key),
    /// Enter was pressed after a burst of characters, each of which came as a key: what a barcode
    /// scanner types.
    Scanned {
        /// The characters.
        text: String,
        /// Whether nothing was typed for a while before it.
        fresh: bool,
    },
    /// Something was done with the mouse.
    Mouse(Mouse),
    /// A text was pasted.
    Paste(String),
    /// The terminal has this size now.
    Resized(Size),
    /// A second has passed while something on the screen depends on the time.
    Tick,
    /// The service told something.
    Live(Live),
    /// The outcome of an effect.
    Reply(Reply),
}

/// What the service tells by itself.
#[derive(Debug)]
pub(crate) enum Live {
    /// All nodes.
    Listed {
        /// They.
        nodes: Vec<NodeSummary>,
        /// What answers: whether changes come by themselves depends on it.
        server: Server,
    },
    /// Some of the nodes as they were when the console was left, before the service has answered.
    Remembered {
        /// They.
        nodes: Vec<NodeSummary>,
        /// When that was.
        at: Timestamp,
    },
    /// The stream of events flows.
    Connected,
    /// What changed in a short while; of each node only the last change.
    Changed(Changes),
    /// The service does not answer, or has closed the stream.
    Lost {
        /// Why.
        reason: String,
        /// In which way.
        trouble: Trouble,
        /// When it is tried again.
        retry: Duration,
    },
}

/// What changed in a short while.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Nodes as they are now.
    pub(crate) nodes: Vec<NodeSummary>,
    /// Nodes that are gone.
    pub(crate) deleted: Vec<NodeId>,
    /// Events for timelines.
    pub(crate) events: Vec<event::Event>,
}

/// What is told of what only Cupola has, where something else answers.
pub(crate) const NOT_SERVED: &str = "this server does not have it (it is not Cupola)";

/// What a call has brought; errors are texts for a person.
pub(crate) type Answer<T> = Result<T, String>;

/// Why an action was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// A text for a person.
    pub(crate) why: String,
    /// Whether the service was reached at all.
    pub(crate) reached: bool,
}

/// What is known of an action that was accepted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Accepted {
    /// What undoes it, where only the worker could tell.
    pub(crate) inverse: Option<Action>,
    /// The indicator that was set.
    pub(crate) indicator: Option<String>,
}

/// The outcome of an effect.
#[derive(Debug)]
pub(crate) enum Reply {
    /// A node and its ports.
    Node(NodeId, Answer<Box<(Node, Vec<Port>)>>),
    /// A node's timeline.
    Timeline(NodeId, Answer<Vec<event::Event>>),
    /// A node's collected logs.
    Logs(NodeId, Answer<Vec<AgentLog>>),
    /// Lines of the log of this name.
    LogLines(NodeId, String, Answer<LogPage>),
    /// Where a node stands, and why.
    Explained(NodeId, Answer<Box<Explanation>>),
    /// An action was accepted or refused.
    Acted(NodeId, Action, Result<Accepted, Refusal>),
    /// The names of the runbooks.
    Runbooks(Answer<Vec<String>>),
    /// A text was written to this file.
    Saved(Answer<String>),
    /// The hardware types that are served.
    Drivers(Answer<Vec<String>>),
    /// The images that are configured.
    Images(Answer<Vec<Image>>),
    /// The conductors.
    Conductors(Answer<Vec<Conductor>>),
    /// A view of the node list was saved in this file.
    ViewSaved(String, Box<View>, Answer<String>),
    /// A BMC was tested.
    Probed(Ticket, Answer<ProbeReport>),
    /// What came of a node's serial console.
    Serial(NodeId, serial::Told),
    /// A locate LED was switched.
    Identified(Ticket, bool, Answer<()>),
    /// Who asked DHCP and is not enrolled.
    UnknownMacs(Answer<Vec<UnknownMac>>),
    /// It was looked for BMCs.
    Discovered(Ticket, Answer<DiscoveryReport>),
    /// A file of machines was read: the machines, and where their BMCs are, as far as that is known.
    Machines(Ticket, Answer<Vec<(Machine, Option<Target>)>>),
    /// What a screen that watches had asked for.
    Watched(Told),
    /// A node was enrolled with its ports, or something of it failed.
    Enrolled(Ticket, Answer<NodeId>),
}
