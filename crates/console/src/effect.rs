//! What `update` asks to be done. The worker does it and answers with a reply.

use cupola_api::cupola::{IdentifyRequest, ProbeRequest};
use cupola_api::discovery::DiscoveryRequest;
use cupola_api::id::NodeId;
use cupola_api::mac::MacAddress;
use cupola_api::patch::PatchOperation;
use cupola_api::resource::BootDevice;
use cupola_api::secret::Secret;
use cupola_api::state::power::PowerTarget;
use cupola_api::state::provision::ProvisionVerb;
use serde_json::Value;

use crate::command::{Act, Flag};
use crate::serial;
use crate::state::view::View;
use crate::watching::Ask;

/// Tells the answer of the last question from the answers of earlier ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ticket(pub(crate) u32);

/// The steps of manual cleaning or servicing. Their arguments may be secret: they are not printed.
#[derive(Clone, PartialEq)]
pub(crate) enum Steps {
    /// They, as objects with `interface`, `step` and `args`.
    Listed(Vec<Value>),
    /// Those of the runbook of this name.
    Runbook(String),
}

impl std::fmt::Debug for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listed(steps) => write!(f, "{} steps", steps.len()),
            Self::Runbook(name) => write!(f, "runbook {name}"),
        }
    }
}

/// What is done with a node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// A provision verb.
    Provision(ProvisionVerb),
    /// Manual cleaning or servicing.
    Steps {
        /// `clean` or `service`.
        verb: ProvisionVerb,
        /// What is run.
        steps: Steps,
        /// Whether it is run without a ramdisk.
        disable_ramdisk: bool,
    },
    /// The rescue ramdisk is started, with this password.
    Rescue(Secret),
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
    /// A device to boot from, for good or once.
    BootDevice(BootDevice, bool),
    /// A non-maskable interrupt.
    Nmi,
    /// The locate LED on or off.
    Locate(bool),
    /// The serial console on or off.
    Console(bool),
    /// A flag of the node on or off.
    Flag(Flag, bool),
    /// Deletion.
    Delete,
}

impl Action {
    /// What a person calls it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Provision(ProvisionVerb::Deleted) => "undeploy",
            Self::Provision(verb) | Self::Steps { verb, .. } => verb.as_str(),
            Self::Rescue(_) => "rescue",
            Self::Deploy { .. } => "deploy",
            Self::Power(target) => target.as_str(),
            Self::Maintenance(true, _) => "maintenance on",
            Self::Maintenance(false, _) => "maintenance off",
            Self::BootDevice(..) => "boot device",
            Self::Nmi => "NMI",
            Self::Locate(true) => "locate LED on",
            Self::Locate(false) => "locate LED off",
            Self::Console(true) => "console on",
            Self::Console(false) => "console off",
            Self::Flag(flag, true) => flag.name(),
            Self::Flag(Flag::Retired, false) => "not retired",
            Self::Flag(Flag::Protected, false) => "not protected",
            Self::Delete => "delete",
        }
    }

    /// What it is one of.
    pub(crate) const fn act(&self) -> Act {
        match self {
            Self::Provision(verb) | Self::Steps { verb, .. } => Act::Verb(*verb),
            Self::Rescue(_) => Act::Verb(ProvisionVerb::Rescue),
            Self::Deploy { .. } => Act::Deploy,
            Self::Power(target) => Act::Power(*target),
            Self::Maintenance(..) => Act::Maintenance,
            Self::BootDevice(device, persistent) => Act::BootDevice(*device, *persistent),
            Self::Nmi => Act::Nmi,
            Self::Locate(on) => Act::Locate(*on),
            Self::Console(on) => Act::Console(*on),
            Self::Flag(flag, on) => Act::Flag(*flag, *on),
            Self::Delete => Act::Delete,
        }
    }

    /// Whether it destroys or interrupts what may run on the machine: it is asked for, and can be
    /// taken back for a while before it is sent.
    pub(crate) const fn destroys(&self) -> bool {
        self.act().destroys()
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
    /// Light the locate LED of a machine without a node, or put it out.
    Identify(Ticket, IdentifyRequest),
    /// Ask who asked DHCP and is not enrolled.
    UnknownMacs,
    /// Look for BMCs.
    Discover(Ticket, Box<DiscoveryRequest>),
    /// Read a file of machines, and find out where their BMCs are.
    Machines(Ticket, String),
    /// Enrol a node with its ports.
    Enroll(Ticket, Box<Value>, Vec<MacAddress>),
    /// What a screen that watches asks for.
    Watch(Ask),
    /// What the pane of serial consoles asks for.
    Serial(serial::Ask),
    /// Ask for the names of the runbooks.
    Runbooks,
    /// Write a text to a new file of this name.
    Save(String, String),
    /// Give a text to the clipboard of the terminal, and to a file.
    Copy(String),
    /// Ask for the conductors.
    Conductors,
    /// Keep a line of the command bar for later runs.
    Remember(String),
    /// Save a view of the node list under this name.
    SaveView(String, Box<View>),
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
