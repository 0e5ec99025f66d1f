//! Which rung of the boot ladder a BMC command reaches, and which one it breaks when it fails.

use cupola_api::Rung;

use super::error::IpmiFault;
use super::wire::boot::SetBootFlags;
use super::wire::chassis::ChassisControl;
use super::wire::message::Command;

/// The rung that a command of this name is about.
fn subject(command: &str) -> Rung {
    if command == SetBootFlags::NAME {
        Rung::BootDevice
    } else if command == ChassisControl::NAME {
        Rung::Power
    } else {
        Rung::BmcSession
    }
}

/// The rung that is reached when a command of this name succeeds: an accepted power command has
/// changed no power yet.
pub(super) fn reached(command: &str) -> Rung {
    if command == SetBootFlags::NAME {
        Rung::BootDevice
    } else {
        Rung::BmcSession
    }
}

/// The rung at which this command failed.
pub(super) fn broken(command: &str, fault: &IpmiFault) -> Rung {
    match fault {
        IpmiFault::UnknownHost(_)
        | IpmiFault::Unreachable(_)
        | IpmiFault::Silent { .. }
        | IpmiFault::LostPackets { .. }
        | IpmiFault::NoIpmi20
        | IpmiFault::QueueFull
        | IpmiFault::QueueTimeout
        | IpmiFault::Cancelled
        | IpmiFault::NoRandom => Rung::BmcAnswers,
        IpmiFault::Unusable(_)
        | IpmiFault::CipherSuite { .. }
        | IpmiFault::UnknownUser(_)
        | IpmiFault::WrongPassword(_)
        | IpmiFault::WrongKg
        | IpmiFault::PrivilegeTooLow { .. }
        | IpmiFault::SessionsExhausted(_)
        | IpmiFault::SerialInUse
        | IpmiFault::SerialDisabled
        | IpmiFault::SerialEnded
        | IpmiFault::LoginRefused { .. } => Rung::BmcSession,
        IpmiFault::Unconfirmed { .. } => Rung::Power,
        IpmiFault::BootDeviceNotKept { .. } => Rung::BootDevice,
        IpmiFault::Refused { .. } | IpmiFault::Busy { .. } | IpmiFault::Malformed { .. } => {
            subject(command)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipmi::wire::completion::CompletionCode;

    #[test]
    fn a_refusal_breaks_the_rung_of_its_command() {
        let refused = |command| {
            let code = CompletionCode::Unspecified;
            broken(command, &IpmiFault::Refused { command, code })
        };
        assert_eq!(refused(SetBootFlags::NAME), Rung::BootDevice);
        assert_eq!(refused(ChassisControl::NAME), Rung::Power);
        assert_eq!(refused("Get Device ID"), Rung::BmcSession);
    }
}
