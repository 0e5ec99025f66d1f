//! The smaller resources: conductors, drivers, history, validation, boot devices, node states.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::HistoryId;
use crate::node::Object;
use crate::state::power::PowerState;
use crate::state::provision::ProvisionState;

/// A process that manages nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conductor {
    /// Its name, unique among conductors.
    pub hostname: String,
    /// The group of nodes that it serves.
    #[serde(default)]
    pub conductor_group: String,
    /// Whether it has been heard of lately.
    pub alive: bool,
    /// Names of the hardware types that it serves.
    #[serde(default)]
    pub drivers: Vec<String>,
    /// When it was first seen.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// When it was last heard of.
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
}

/// A hardware type and the conductors that serve it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Driver {
    /// The name of the hardware type.
    pub name: String,
    /// Live conductors that serve it.
    pub hosts: Vec<String>,
    /// `default_<interface>_interface` and `enabled_<interface>_interfaces`.
    #[serde(flatten)]
    pub rest: Object,
}

/// Whether one interface of a node has what it needs to work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validation {
    /// True, false, or null when the node lacks the interface.
    pub result: Option<bool>,
    /// What is missing or wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The answer of `validate`: interface name to its validation.
pub type Validations = BTreeMap<String, Validation>;

/// The answer of `states`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of the node resource")]
pub struct NodeStates {
    pub power_state: Option<PowerState>,
    pub target_power_state: Option<PowerState>,
    pub provision_state: Option<ProvisionState>,
    pub target_provision_state: Option<ProvisionState>,
    pub provision_updated_at: Option<Timestamp>,
    pub last_error: Option<String>,
    pub console_enabled: bool,
}

/// An image for a virtual drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualMedia {
    /// The drive: `cdrom`, `disk` or `floppy`.
    pub device: String,
    /// Where the image is.
    pub image_url: String,
}

/// A lamp of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indicator {
    /// Its name, unique within its component.
    pub name: &'static str,
    /// What it is on, such as `system`.
    pub component: &'static str,
    /// Whether it only shows something.
    pub is_read_only: bool,
    /// The states that it can have.
    pub states: &'static [&'static str],
    /// The state that it has.
    pub state: &'static str,
}

/// A device to boot from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum BootDevice {
    Pxe,
    Disk,
    Cdrom,
    Bios,
    Safe,
    Wanboot,
    Iscsiboot,
    Floppy,
    UefiHttp,
}

impl BootDevice {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Pxe,
        Self::Disk,
        Self::Cdrom,
        Self::Bios,
        Self::Safe,
        Self::Wanboot,
        Self::Iscsiboot,
        Self::Floppy,
        Self::UefiHttp,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pxe => "pxe",
            Self::Disk => "disk",
            Self::Cdrom => "cdrom",
            Self::Bios => "bios",
            Self::Safe => "safe",
            Self::Wanboot => "wanboot",
            Self::Iscsiboot => "iscsiboot",
            Self::Floppy => "floppy",
            Self::UefiHttp => "uefihttp",
        }
    }

    /// Reads the name on the wire.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|d| d.as_str() == text)
    }
}

/// The boot device that a BMC has set; both unknown when the BMC does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootDeviceSetting {
    /// The device.
    pub boot_device: Option<BootDevice>,
    /// Whether it stays after the next boot.
    pub persistent: Option<bool>,
}

/// One record of a node's history (wire reference §11.8).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// Its identifier.
    pub uuid: HistoryId,
    /// When it happened.
    pub created_at: Option<Timestamp>,
    /// `ERROR` or `INFO`.
    #[serde(default)]
    pub severity: Option<String>,
    /// What happened.
    #[serde(default)]
    pub event: Option<String>,
    /// The kind of event, such as `deploying`.
    #[serde(default)]
    pub event_type: Option<String>,
    /// The conductor that recorded it.
    #[serde(default)]
    pub conductor: Option<String>,
    /// The user who caused it.
    #[serde(default)]
    pub user: Option<String>,
    /// The provision state of the node then.
    #[serde(default)]
    pub state: Option<String>,
    /// The state that it was on its way to.
    #[serde(default)]
    pub target_provision_state: Option<String>,
    /// How long it had been in its state, in seconds.
    #[serde(default)]
    pub duration_seconds: Option<f64>,
}

/// What inspection found (wire reference §11.7).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeInventory {
    /// The hardware.
    pub inventory: Object,
    /// What inspection hooks kept.
    pub plugin_data: Object,
}

/// The body of a provision request (wire reference §10). Its config drive, password and arguments
/// of steps are secrets: they are not printed.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ProvisionRequest {
    /// The verb.
    pub target: String,
    /// Config drive: text (URL or base64) or an object from which it is built.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub configdrive: Option<serde_json::Value>,
    /// Steps of manual cleaning.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub clean_steps: Option<Vec<serde_json::Value>>,
    /// Steps to add to a deploy.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub deploy_steps: Option<Vec<serde_json::Value>>,
    /// Steps of servicing.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub service_steps: Option<Vec<serde_json::Value>>,
    /// The password of the rescue ramdisk.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rescue_password: Option<String>,
    /// Whether cleaning or servicing does without a ramdisk.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub disable_ramdisk: Option<bool>,
    /// A runbook that gives the steps.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub runbook: Option<String>,
}

impl fmt::Debug for ProvisionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProvisionRequest")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// A request to attach a virtual network interface (VIF) to a node (wire reference §11.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VifRequest {
    /// Its name or UUID, which is that of whoever plumbs the network.
    pub id: String,
    /// The UUID of the port that is to carry it; any that is free when none is named.
    pub port: Option<String>,
    /// The UUID of the port group that is to carry it.
    pub portgroup: Option<String>,
}

/// The identifier of an instance or another object that is not ours.
pub type ForeignId = Uuid;
