//! Power states and the targets of a power request (wire reference §11.1).

use serde::{Deserialize, Serialize};

/// The power state of a node as last read from its BMC. Unknown is `Option::None`, never `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PowerState {
    /// The chassis is powered.
    #[serde(rename = "power on")]
    On,
    /// The chassis is not powered.
    #[serde(rename = "power off")]
    Off,
    /// The BMC answered, but not with a power state.
    #[serde(rename = "error")]
    Error,
}

impl PowerState {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::On => "power on",
            Self::Off => "power off",
            Self::Error => "error",
        }
    }

    /// Reads the name on the wire.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::On, Self::Off, Self::Error]
            .into_iter()
            .find(|s| s.as_str() == text)
    }
}

/// What a power request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PowerTarget {
    /// Power on.
    #[serde(rename = "power on")]
    On,
    /// Power off at once.
    #[serde(rename = "power off")]
    Off,
    /// Off and on again.
    #[serde(rename = "rebooting")]
    Reboot,
    /// Ask the operating system to shut down (microversion 1.27).
    #[serde(rename = "soft power off")]
    SoftOff,
    /// Ask the operating system to shut down, then power on (microversion 1.27).
    #[serde(rename = "soft rebooting")]
    SoftReboot,
}

impl PowerTarget {
    /// Every target, in the order in which help lists them.
    pub const ALL: [Self; 5] = [
        Self::On,
        Self::Off,
        Self::Reboot,
        Self::SoftOff,
        Self::SoftReboot,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::On => "power on",
            Self::Off => "power off",
            Self::Reboot => "rebooting",
            Self::SoftOff => "soft power off",
            Self::SoftReboot => "soft rebooting",
        }
    }

    /// Reads the name on the wire.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.as_str() == text)
    }

    /// The power state when the request has been fulfilled.
    #[must_use]
    pub const fn reached(self) -> PowerState {
        match self {
            Self::On | Self::Reboot | Self::SoftReboot => PowerState::On,
            Self::Off | Self::SoftOff => PowerState::Off,
        }
    }
}
