//! The screen of one node.

use cupola_api::diagnosis::Explanation;
use cupola_api::id::NodeId;
use cupola_api::node::Node;
use cupola_api::port::Port;

use super::logs::Logs;
use super::timeline::Timeline;
use super::watching::viewer::Viewer;
use crate::redact;

/// The parts of the node screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Part {
    /// What it is, and what happened last.
    #[default]
    Summary,
    /// The verbs that are allowed now, and why the others are not.
    Verbs,
    /// Everything that happened.
    Timeline,
    /// The logs that were collected of its ramdisks.
    Logs,
    /// All that the API has of the node.
    Json,
}

impl Part {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [
        Self::Summary,
        Self::Verbs,
        Self::Timeline,
        Self::Logs,
        Self::Json,
    ];

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Summary => "Summary",
            Self::Verbs => "Verbs",
            Self::Timeline => "Timeline",
            Self::Logs => "Logs",
            Self::Json => "JSON",
        }
    }

    /// The next one.
    pub(crate) const fn next(self) -> Self {
        match self {
            Self::Summary => Self::Verbs,
            Self::Verbs => Self::Timeline,
            Self::Timeline => Self::Logs,
            Self::Logs => Self::Json,
            Self::Json => Self::Summary,
        }
    }
}

/// One node, looked at.
#[derive(Debug)]
pub(crate) struct NodeView {
    /// Which one.
    pub(crate) id: NodeId,
    /// The part that is shown.
    pub(crate) part: Part,
    /// The node, once it has been read.
    pub(crate) node: Option<Box<Node>>,
    /// Its ports.
    pub(crate) ports: Vec<Port>,
    /// Why it could not be read.
    pub(crate) error: Option<String>,
    /// How its lines are looked at.
    pub(crate) viewer: Viewer,
    /// What happened to it.
    pub(crate) timeline: Timeline,
    /// The logs of its ramdisks.
    pub(crate) logs: Logs,
    /// Where it stands, and why, as far as the service says so.
    pub(crate) explanation: Option<Box<Explanation>>,
    /// Whether the service is being asked for that.
    pub(crate) is_asking: bool,
    /// The verb under the cursor.
    pub(crate) verb: usize,
    /// The first line of the summary that is shown.
    pub(crate) top: usize,
    /// The first line of the JSON that is shown.
    pub(crate) json_top: usize,
}

impl NodeView {
    /// A view of this node; nothing has been read yet.
    pub(crate) fn new(id: NodeId) -> Self {
        Self {
            id,
            part: Part::default(),
            node: None,
            ports: Vec::new(),
            error: None,
            viewer: Viewer::default(),
            timeline: Timeline::default(),
            logs: Logs::default(),
            explanation: None,
            is_asking: false,
            verb: 0,
            top: 0,
            json_top: 0,
        }
    }

    /// All that the API has of the node, a line a member; what is secret is masked.
    pub(crate) fn json(&self) -> Vec<String> {
        let node = self.node.as_deref().map(serde_json::to_value);
        let Some(Ok(mut node)) = node else {
            return Vec::new();
        };
        redact::json(&mut node);
        // An alternate form of a value is its text over several lines.
        format!("{node:#}").lines().map(str::to_owned).collect()
    }
}
