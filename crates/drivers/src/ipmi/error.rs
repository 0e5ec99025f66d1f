//! What can go wrong between us and a BMC, each with what to do about it.

use std::{fmt, io, time::Duration};

use thiserror::Error;

use super::wire::{
    DecodeError, app::Privilege, boot::BootDevice, completion::CompletionCode, open_session::Status,
};

/// A failed operation: which BMC, what is wrong, and what to do next.
#[derive(Debug)]
pub struct IpmiError {
    bmc: String,
    fault: IpmiFault,
}

impl IpmiError {
    pub(super) fn new(bmc: impl fmt::Display, fault: IpmiFault) -> Self {
        Self {
            bmc: bmc.to_string(),
            fault,
        }
    }

    /// The BMC's address.
    #[must_use]
    pub fn bmc(&self) -> &str {
        &self.bmc
    }

    /// What is wrong.
    #[must_use]
    pub fn fault(&self) -> &IpmiFault {
        &self.fault
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        self.fault.remedy()
    }

    /// Whether the same operation may succeed later without anyone changing anything.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.fault.is_temporary()
    }
}

impl fmt::Display for IpmiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "BMC {}: {}; {}",
            self.bmc,
            self.fault,
            self.fault.remedy()
        )
    }
}

impl std::error::Error for IpmiError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.fault)
    }
}

/// What is wrong with a BMC or with what it was told.
#[derive(Debug, Error)]
pub enum IpmiFault {
    /// The host name does not resolve.
    #[error("the host name does not resolve")]
    UnknownHost(#[source] Option<io::Error>),
    /// Name or password do not fit into the protocol.
    #[error("{0}")]
    Unusable(&'static str),
    /// The local network stack refused to send.
    #[error("no datagram can be sent to it")]
    Unreachable(#[source] io::Error),
    /// Nothing at all answered.
    #[error("silent: no answer to {sent} packets in {waited:.1?}")]
    Silent {
        /// Packets sent.
        sent: u32,
        /// How long we listened.
        waited: Duration,
    },
    /// The BMC answered at first, then packets were lost.
    #[error(
        "packets are lost: it answered before, but {sent} packets for {stage} in {waited:.1?} did not get through"
    )]
    LostPackets {
        /// What was being asked.
        stage: &'static str,
        /// Packets sent for it without an answer.
        sent: u32,
        /// How long the operation took until then.
        waited: Duration,
    },
    /// The BMC has no IPMI v2.0.
    #[error("it does not offer IPMI v2.0 sessions (RMCP+)")]
    NoIpmi20,
    /// No cipher suite in common.
    #[error("cipher suite {wanted} is refused; the BMC offers {offered}")]
    CipherSuite {
        /// The suite or suites that were proposed.
        wanted: String,
        /// What the BMC lists, or that it lists nothing.
        offered: String,
    },
    /// The BMC knows no user of that name.
    #[error("unknown user '{0}'")]
    UnknownUser(String),
    /// The password is wrong.
    #[error("wrong password for user '{0}'")]
    WrongPassword(String),
    /// Kg is missing or wrong.
    #[error("the password is right, but the BMC key (Kg) is not")]
    WrongKg,
    /// The user may not have the wanted privilege, or the command needs more than the session has.
    #[error("privilege too low: {wanted} is not enough or not allowed for {stage}")]
    PrivilegeTooLow {
        /// The level that was asked for.
        wanted: Privilege,
        /// The command or the stage of the login.
        stage: &'static str,
    },
    /// All of the BMC's sessions are in use.
    #[error("all sessions of the BMC are in use ({0})")]
    SessionsExhausted(Status),
    /// The login was refused for another reason.
    #[error("the login was refused at {stage}: {status}")]
    LoginRefused {
        /// The message that was refused.
        stage: &'static str,
        /// Why.
        status: Status,
    },
    /// The BMC refused a command.
    #[error("{command} was refused: {code}")]
    Refused {
        /// The command's name.
        command: &'static str,
        /// The completion code.
        code: CompletionCode,
    },
    /// The BMC kept saying that it is busy until the deadline.
    #[error("busy until the deadline at {command}: {code}")]
    Busy {
        /// The command's name.
        command: &'static str,
        /// The last completion code.
        code: CompletionCode,
    },
    /// The BMC's answer makes no sense.
    #[error("its answer to {stage} cannot be read")]
    Malformed {
        /// What was being asked.
        stage: &'static str,
        /// What is wrong with the answer.
        #[source]
        cause: DecodeError,
    },
    /// A power command was accepted, but the power state did not follow.
    #[error("the command was accepted, but the power is still not {wanted} after {waited:.0?}")]
    Unconfirmed {
        /// The state that was wanted.
        wanted: &'static str,
        /// How long it was read.
        waited: Duration,
    },
    /// The boot device was accepted, but it does not read back.
    #[error(
        "the BMC accepted the boot device {wanted:?} and reads back {}",
        found.map_or_else(|| "none".to_owned(), |device| format!("{device:?}"))
    )]
    BootDeviceNotKept {
        /// What was set.
        wanted: BootDevice,
        /// What was read; none where no override is in force.
        found: Option<BootDevice>,
    },
    /// Another session holds the serial console.
    #[error("its serial console is in use by another session")]
    SerialInUse,
    /// Serial-over-LAN is switched off.
    #[error("serial-over-LAN is switched off on it")]
    SerialDisabled,
    /// The BMC ended the serial console, or another session took it over.
    #[error("it ended the serial console, or another session took it over")]
    SerialEnded,
    /// Too many operations wait for this BMC.
    #[error("too many operations are waiting for it")]
    QueueFull,
    /// The operation waited for others until its deadline.
    #[error("other operations kept it busy until the deadline")]
    QueueTimeout,
    /// The caller gave up.
    #[error("cancelled")]
    Cancelled,
    /// The system has no random numbers.
    #[error("the system gives no random numbers")]
    NoRandom,
}

impl IpmiFault {
    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::UnknownHost(_) => "check the spelling of the address and the DNS",
            Self::Unusable(_) => "shorten it on the BMC and here",
            Self::Unreachable(_) => "check the route from this host to the BMC network",
            Self::Silent { .. } => {
                "check address, cable and VLAN of the BMC port, and that IPMI over LAN is enabled"
            }
            Self::LostPackets { .. } => {
                "check the BMC network for loss; if it only answers pings, enable IPMI over LAN; \
                 if it stops at the login, check user name and cipher suite"
            }
            Self::NoIpmi20 => "enable IPMI 2.0 over LAN on the BMC or update its firmware",
            Self::CipherSuite { .. } => {
                "set ipmi_cipher_suite to 3 or 17, whichever the BMC allows, or enable one on it"
            }
            Self::UnknownUser(_) => {
                "check ipmi_username; on the BMC, enable the user for IPMI over LAN"
            }
            Self::WrongPassword(_) => "type the right password of this user (ipmi_password)",
            Self::WrongKg => "set ipmi_hex_kg_key to the BMC's key, or clear the key on the BMC",
            Self::PrivilegeTooLow { .. } => {
                "raise the user's privilege for IPMI over LAN, or set ipmi_priv_level"
            }
            Self::SessionsExhausted(_) => {
                "close other IPMI tools that hold sessions, or wait a minute for theirs to expire"
            }
            Self::LoginRefused { .. } => "check the user's settings for IPMI over LAN on the BMC",
            Self::Refused { .. } => "check that the machine supports it in its present state",
            Self::Busy { .. } => "wait for the BMC to finish what it does, then try again",
            Self::Malformed { .. } => "update the BMC's firmware, or report the answer as a bug",
            Self::Unconfirmed { .. } => {
                "look at the machine; if the BMC hangs, reset the BMC and try again"
            }
            Self::BootDeviceNotKept { .. } => {
                "set the network first in the boot order of the machine's firmware, or update the \
                 BMC's firmware; then start the action again"
            }
            Self::SerialInUse => "close the other console, or take it over",
            Self::SerialDisabled => {
                "enable serial-over-LAN on the BMC (ipmitool sol set enabled true), and for this user"
            }
            Self::SerialEnded => "open it again",
            Self::QueueFull | Self::QueueTimeout => "try again when they are done",
            Self::Cancelled => "start it again if it is still wanted",
            Self::NoRandom => "check /dev/urandom of this host",
        }
    }

    /// Whether the same operation may succeed later without anyone changing anything.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable(_)
            | Self::Silent { .. }
            | Self::LostPackets { .. }
            | Self::SessionsExhausted(_)
            | Self::Busy { .. }
            | Self::SerialInUse
            | Self::SerialEnded
            | Self::QueueFull
            | Self::QueueTimeout => true,
            Self::UnknownHost(_)
            | Self::Unusable(_)
            | Self::NoIpmi20
            | Self::CipherSuite { .. }
            | Self::UnknownUser(_)
            | Self::WrongPassword(_)
            | Self::WrongKg
            | Self::PrivilegeTooLow { .. }
            | Self::LoginRefused { .. }
            | Self::Refused { .. }
            | Self::Malformed { .. }
            | Self::Unconfirmed { .. }
            | Self::BootDeviceNotKept { .. }
            | Self::SerialDisabled
            | Self::Cancelled
            | Self::NoRandom => false,
        }
    }
}
