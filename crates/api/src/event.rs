//! Live events and timelines: what the service says while it works (`/cupola/v1/events`).
//!
//! Every event has an id that grows; a client that lost the stream resumes with the last id it
//! saw. Events of kind [`EventKind::NodeChanged`] carry the new summary and are not kept; all
//! others are a node's timeline and survive a restart.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::boot_ladder::Rung;
use crate::cupola::NodeSummary;
use crate::diagnosis::Diagnosis;
use crate::id::NodeId;
use crate::mac::MacAddress;
use crate::state::provision::ProvisionState;

/// The position of an event in the stream; grows, never reused.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct EventId(pub i64);

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its position.
    pub id: EventId,
    /// When it happened.
    pub at: Timestamp,
    /// The node it is about.
    pub node: Option<NodeId>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// How bad a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Severity {
    Debug,
    Info,
    Warning,
    Error,
}

/// The boot service that a machine contacted; in the order of the boot ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BootService {
    /// DHCP.
    Dhcp,
    /// TFTP.
    Tftp,
    /// HTTP.
    Http,
    /// The agent's lookup.
    Lookup,
    /// The agent's heartbeat.
    Heartbeat,
}

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Outcome {
    Succeeded,
    Failed,
    Aborted,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventKind {
    /// A node was enrolled, or a field that lists show has changed. Not kept.
    NodeChanged {
        /// The node as it is now.
        summary: Box<NodeSummary>,
    },
    /// A node was deleted.
    NodeDeleted {
        /// Its name, if it had one.
        name: Option<String>,
    },
    /// The provision state changed.
    Transition {
        /// The state before.
        from: ProvisionState,
        /// The state after.
        to: ProvisionState,
        /// What caused it: a verb, or the outcome of the work.
        cause: String,
    },
    /// A power request, or a change found by the power sync.
    Power {
        /// What the node was asked for or found in.
        state: String,
        /// Who or what caused it.
        cause: String,
    },
    /// A step of a deploy or cleaning starts.
    StepStarted {
        /// `deploy`, `clean`, `verify` or `inspect`.
        phase: String,
        /// `interface.step`.
        step: String,
        /// Its position, from 1.
        index: u32,
        /// How many steps there are.
        total: u32,
    },
    /// A step has got further. Not kept beyond the last one of each step.
    StepProgress {
        /// `interface.step`.
        step: String,
        /// From 0 to 100, when known.
        percent: Option<u8>,
        /// What a person reads, such as `312 of 576 MiB, 88 MiB/s`.
        message: String,
    },
    /// A step ended.
    StepFinished {
        /// `interface.step`.
        step: String,
        /// How it ended.
        outcome: Outcome,
        /// The error, or what was done.
        message: String,
        /// How long it took, in milliseconds.
        duration_ms: u64,
    },
    /// A machine contacted a boot service.
    BootContact {
        /// Which one.
        service: BootService,
        /// The machine's address, when known.
        mac: Option<MacAddress>,
        /// What it asked for and what it got.
        message: String,
        /// Whether it got what it asked for.
        ok: bool,
        /// The rung of the boot ladder that this reaches, or where it stands when it is not well.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rung: Option<Rung>,
    },
    /// A command was sent to a BMC.
    BmcCommand {
        /// Such as `chassis power on`.
        command: String,
        /// Whether it succeeded.
        ok: bool,
        /// The answer or the error.
        message: String,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// The rung of the boot ladder that this reaches, or where it broke.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rung: Option<Rung>,
        /// What to do about the error.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remedy: Option<String>,
    },
    /// The work on the node failed, and this is where it broke.
    Diagnosis(Box<Diagnosis>),
    /// Maintenance was set or ended.
    Maintenance {
        /// Whether the node is in maintenance now.
        on: bool,
        /// Why.
        reason: Option<String>,
    },
    /// A line for the node's log, from the conductor or its agent.
    Log {
        /// How bad it is.
        severity: Severity,
        /// Where it comes from: `conductor`, `agent`, `bmc`.
        source: String,
        /// The line.
        text: String,
    },
}

impl EventKind {
    /// Whether the event belongs to the node's durable timeline.
    #[must_use]
    pub const fn is_kept(&self) -> bool {
        match self {
            Self::NodeChanged { .. } | Self::StepProgress { .. } => false,
            Self::NodeDeleted { .. }
            | Self::Transition { .. }
            | Self::Power { .. }
            | Self::StepStarted { .. }
            | Self::StepFinished { .. }
            | Self::BootContact { .. }
            | Self::BmcCommand { .. }
            | Self::Diagnosis(_)
            | Self::Maintenance { .. }
            | Self::Log { .. } => true,
        }
    }
}

/// What a subscriber of the stream gets.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamItem {
    /// The next event.
    Event(Box<Event>),
    /// The client was too slow or away for too long: events are missing, it must list again.
    Missed,
}
