//! Completion codes: how a BMC says that a command failed (table 5-2, and the command-specific
//! codes of the commands that are spoken here).

use std::fmt;

/// A completion code other than 00h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompletionCode {
    /// C0h
    NodeBusy,
    /// C1h
    InvalidCommand,
    /// C2h
    InvalidForLun,
    /// C3h
    Timeout,
    /// C4h
    OutOfSpace,
    /// C5h
    ReservationCancelled,
    /// C6h
    RequestTruncated,
    /// C7h
    RequestLengthInvalid,
    /// C9h
    ParameterOutOfRange,
    /// CBh
    NotPresent,
    /// CCh
    InvalidDataField,
    /// CEh
    ResponseNotProvided,
    /// D0h
    RepositoryInUpdate,
    /// D1h
    FirmwareInUpdate,
    /// D2h
    InitializationInProgress,
    /// D4h
    InsufficientPrivilege,
    /// D5h
    NotInPresentState,
    /// D6h
    SubFunctionDisabled,
    /// FFh
    Unspecified,
    /// Command-specific (80h to BEh), OEM (01h to 7Eh) or reserved.
    Other(u8),
}

impl CompletionCode {
    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::NodeBusy => 0xC0,
            Self::InvalidCommand => 0xC1,
            Self::InvalidForLun => 0xC2,
            Self::Timeout => 0xC3,
            Self::OutOfSpace => 0xC4,
            Self::ReservationCancelled => 0xC5,
            Self::RequestTruncated => 0xC6,
            Self::RequestLengthInvalid => 0xC7,
            Self::ParameterOutOfRange => 0xC9,
            Self::NotPresent => 0xCB,
            Self::InvalidDataField => 0xCC,
            Self::ResponseNotProvided => 0xCE,
            Self::RepositoryInUpdate => 0xD0,
            Self::FirmwareInUpdate => 0xD1,
            Self::InitializationInProgress => 0xD2,
            Self::InsufficientPrivilege => 0xD4,
            Self::NotInPresentState => 0xD5,
            Self::SubFunctionDisabled => 0xD6,
            Self::Unspecified => 0xFF,
            Self::Other(code) => code,
        }
    }

    /// `None` for 00h, success.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0x00 => return None,
            0xC0 => Self::NodeBusy,
            0xC1 => Self::InvalidCommand,
            0xC2 => Self::InvalidForLun,
            0xC3 => Self::Timeout,
            0xC4 => Self::OutOfSpace,
            0xC5 => Self::ReservationCancelled,
            0xC6 => Self::RequestTruncated,
            0xC7 => Self::RequestLengthInvalid,
            0xC9 => Self::ParameterOutOfRange,
            0xCB => Self::NotPresent,
            0xCC => Self::InvalidDataField,
            0xCE => Self::ResponseNotProvided,
            0xD0 => Self::RepositoryInUpdate,
            0xD1 => Self::FirmwareInUpdate,
            0xD2 => Self::InitializationInProgress,
            0xD4 => Self::InsufficientPrivilege,
            0xD5 => Self::NotInPresentState,
            0xD6 => Self::SubFunctionDisabled,
            0xFF => Self::Unspecified,
            other => Self::Other(other),
        })
    }

    /// Whether the same command may succeed a moment later.
    #[must_use]
    pub const fn is_temporary(self) -> bool {
        matches!(
            self,
            Self::NodeBusy
                | Self::Timeout
                | Self::OutOfSpace
                | Self::FirmwareInUpdate
                | Self::InitializationInProgress
        )
    }
}

impl fmt::Display for CompletionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::NodeBusy => "node busy",
            Self::InvalidCommand => "invalid command",
            Self::InvalidForLun => "command invalid for given LUN",
            Self::Timeout => "timeout while processing command",
            Self::OutOfSpace => "out of space",
            Self::ReservationCancelled => "reservation canceled",
            Self::RequestTruncated => "request data truncated",
            Self::RequestLengthInvalid => "request data length invalid",
            Self::ParameterOutOfRange => "parameter out of range",
            Self::NotPresent => "requested sensor, data or record not present",
            Self::InvalidDataField => "invalid data field in request",
            Self::ResponseNotProvided => "response could not be provided",
            Self::RepositoryInUpdate => "SDR repository in update mode",
            Self::FirmwareInUpdate => "device in firmware update mode",
            Self::InitializationInProgress => "BMC initialization in progress",
            Self::InsufficientPrivilege => "insufficient privilege level",
            Self::NotInPresentState => "command not supported in present state",
            Self::SubFunctionDisabled => "command sub-function disabled",
            Self::Unspecified => "unspecified error",
            Self::Other(_) => "command-specific code",
        };
        write!(f, "{text} ({:#04x})", self.code())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn codes_round_trip(code in 1_u8..) {
            prop_assert_eq!(CompletionCode::from_code(code).map(CompletionCode::code), Some(code));
        }
    }
}
