//! What `update` asks to be done. The worker does it and answers with a reply.

use cupola_api::cupola::ProbeRequest;
use cupola_api::id::NodeId;
use cupola_api::mac::MacAddress;
use cupola_api::patch::PatchOperation;
use cupola_api::state::power::PowerTarget;
use cupola_api::state::provision::ProvisionVerb;
use serde_json::Value;

/// Tells the answer of the last question from the answers of earlier ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ticket(pub(crate) u32);

/// What is done with a node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// A provision verb.
    Provision(ProvisionVerb),
    /// Instance information and a config drive are set, then the image is deployed.
    Deploy {
        /// Changes of the node before the verb.
        patch: Vec<PatchOperation>,
        /// The config drive.
        config_drive: Option<Value>,
    },
    /// A power request.
    Power(PowerTarget),
    /// Maintenance on, with a reason, or off.
    Maintenance(bool, Option<String>),
    /// Deletion.
    Delete,
}

impl Action {
    /// What a person calls it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Provision(ProvisionVerb::Deleted) => "undeploy",
            Self::Provision(verb) => verb.as_str(),
            Self::Deploy { .. } => "deploy",
            Self::Power(target) => target.as_str(),
            Self::Maintenance(true, _) => "maintenance on",
            Self::Maintenance(false, _) => "maintenance off",
            Self::Delete => "delete",
        }
    }
}

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    /// Ask for all nodes again.
    Refresh,
    /// Ask for a node and its ports.
    Node(NodeId),
    /// Ask for a node's timeline.
    Timeline(NodeId),
    /// Ask for the list of a node's collected logs.
    Logs(NodeId),
    /// Ask for the lines of such a log from this number on.
    LogLines(NodeId, String, u64),
    /// Ask where a node stands, and why.
    Explain(NodeId),
    /// Act on a node.
    Act(NodeId, Action),
    /// Ask for the hardware types.
    Drivers,
    /// Ask for the images.
    Images,
    /// Test a BMC.
    Probe(Ticket, ProbeRequest),
    /// Enrol a node with its ports.
    Enroll(Ticket, Box<Value>, Vec<MacAddress>),
    /// Load a theme by name.
    Theme(String),
    /// Break this program, to see that the terminal survives it.
    #[cfg(debug_assertions)]
    Panic,
    /// Stop the process as Ctrl-Z does.
    Suspend,
    /// Leave the console.
    Quit,
}
