//! Chassis commands (chapter 28): power status, power control and the identify light.

use super::{
    DecodeError, Reader,
    message::{Command, NetFn},
};

/// Get Chassis Status.
pub const GET_CHASSIS_STATUS: u8 = 0x01;
/// Chassis Control.
pub const CHASSIS_CONTROL: u8 = 0x02;

/// Chassis Identify.
pub const CHASSIS_IDENTIFY: u8 = 0x04;

/// Get Chassis Status (28.2).
#[derive(Debug, Clone, Copy)]
pub struct GetChassisStatus;

/// The part of the chassis' status that is used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChassisStatus {
    /// Whether the main power is on.
    pub power_on: bool,
    /// Whether there was a power overload.
    pub overload: bool,
    /// Whether a fault was detected in the main power subsystem.
    pub fault: bool,
    /// Whether the last power-down was caused by a command over IPMI.
    pub last_off_by_command: bool,
    /// Whether the identify light is on; `None` where the BMC does not tell.
    pub identify: Option<IdentifyLight>,
}

/// The identify light, as Get Chassis Status tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IdentifyLight {
    /// Off.
    Off,
    /// On for a while.
    Timed,
    /// On until it is put out.
    Indefinite,
}

impl IdentifyLight {
    /// Bits 4 and 5 of the miscellaneous chassis state; `None` for the reserved value.
    const fn from_code(code: u8) -> Option<Self> {
        match code & 0x03 {
            0 => Some(Self::Off),
            1 => Some(Self::Timed),
            2 => Some(Self::Indefinite),
            _ => None,
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Off => 0,
            Self::Timed => 1,
            Self::Indefinite => 2,
        }
    }
}

impl ChassisStatus {
    /// The response's data.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        vec![
            u8::from(self.power_on) | (u8::from(self.overload) << 1) | (u8::from(self.fault) << 3),
            u8::from(self.last_off_by_command) << 4,
            self.identify.map_or(0, |light| 0x40 | (light.code() << 4)),
            0,
        ]
    }
}

impl Command for GetChassisStatus {
    type Response = ChassisStatus;
    const NET_FN: NetFn = NetFn::Chassis;
    const COMMAND: u8 = GET_CHASSIS_STATUS;
    const NAME: &'static str = "Get Chassis Status";

    fn request(&self) -> Vec<u8> {
        Vec::new()
    }

    fn response(data: &[u8]) -> Result<ChassisStatus, DecodeError> {
        let mut reader = Reader::new(data);
        let power = reader.u8("current power state")?;
        let last = reader.u8("last power event")?;
        // Some BMCs leave the rest out.
        let rest = reader.u8("miscellaneous chassis state").unwrap_or(0);
        let told = rest & 0x40 != 0;
        Ok(ChassisStatus {
            power_on: power & 0x01 != 0,
            overload: power & 0x02 != 0,
            fault: power & 0x08 != 0,
            last_off_by_command: last & 0x10 != 0,
            identify: told.then(|| IdentifyLight::from_code(rest >> 4)).flatten(),
        })
    }
}

/// Chassis Control (28.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChassisControl {
    /// Power off at once.
    PowerDown,
    /// Power on.
    PowerUp,
    /// Off for at least a second, then on.
    PowerCycle,
    /// Reset without a change of power.
    HardReset,
    /// Pulse a diagnostic interrupt (NMI).
    DiagnosticInterrupt,
    /// Ask the operating system to shut down (ACPI).
    SoftShutdown,
}

impl ChassisControl {
    /// The action on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::PowerDown => 0,
            Self::PowerUp => 1,
            Self::PowerCycle => 2,
            Self::HardReset => 3,
            Self::DiagnosticInterrupt => 4,
            Self::SoftShutdown => 5,
        }
    }

    /// From a request's data.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        Ok(match Reader::new(data).u8("chassis control")? & 0x0F {
            0 => Self::PowerDown,
            1 => Self::PowerUp,
            2 => Self::PowerCycle,
            3 => Self::HardReset,
            4 => Self::DiagnosticInterrupt,
            5 => Self::SoftShutdown,
            other => {
                return Err(DecodeError::Invalid {
                    field: "chassis control",
                    value: other.into(),
                });
            }
        })
    }
}

impl Command for ChassisControl {
    type Response = ();
    const NET_FN: NetFn = NetFn::Chassis;
    const COMMAND: u8 = CHASSIS_CONTROL;
    const NAME: &'static str = "Chassis Control";

    fn request(&self) -> Vec<u8> {
        vec![self.code()]
    }

    fn response(_data: &[u8]) -> Result<(), DecodeError> {
        Ok(())
    }
}

/// Chassis Identify (28.5): lights the identify light for so many seconds; 0 puts it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChassisIdentify(pub u8);

impl ChassisIdentify {
    /// How long it is lit when no time is said.
    const USUAL: u8 = 15;

    /// From a request's data; nothing for "until it is put out".
    #[must_use]
    pub fn decode(data: &[u8]) -> Option<Self> {
        match data {
            [] => Some(Self(Self::USUAL)),
            [_, force, ..] if force & 0x01 != 0 => None,
            [seconds, ..] => Some(Self(*seconds)),
        }
    }
}

impl Command for ChassisIdentify {
    type Response = ();
    const NET_FN: NetFn = NetFn::Chassis;
    const COMMAND: u8 = CHASSIS_IDENTIFY;
    const NAME: &'static str = "Chassis Identify";

    fn request(&self) -> Vec<u8> {
        vec![self.0]
    }

    fn response(_data: &[u8]) -> Result<(), DecodeError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..8)) {
            let _ = GetChassisStatus::response(&bytes);
            if let Some(identify) = ChassisIdentify::decode(&bytes) {
                prop_assert_eq!(ChassisIdentify::decode(&identify.request()), Some(identify));
            }
            if let Ok(control) = ChassisControl::decode(&bytes) {
                prop_assert_eq!(ChassisControl::decode(&control.request()), Ok(control));
            }
        }

        #[test]
        fn status_survives_the_wire(power_on: bool, overload: bool, fault: bool, last_off_by_command: bool, light in proptest::option::of(0_u8..3)) {
            let identify = light.and_then(IdentifyLight::from_code);
            let status = ChassisStatus { power_on, overload, fault, last_off_by_command, identify };
            prop_assert_eq!(GetChassisStatus::response(&status.encode()), Ok(status));
        }
    }
}
