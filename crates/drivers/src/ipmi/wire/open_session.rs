//! RMCP+ Open Session Request and Response (chapters 13.17 and 13.18), and the status codes that
//! these and the RAKP messages share (table 13-15).

use thiserror::Error;

use super::{DecodeError, Reader, suite::Algorithms};

/// Why a BMC did not go on with the session (table 13-15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Status {
    /// 01h
    #[error("insufficient resources to create a session")]
    InsufficientResources,
    /// 02h
    #[error("invalid session id")]
    InvalidSessionId,
    /// 04h
    #[error("invalid authentication algorithm")]
    InvalidAuthenticationAlgorithm,
    /// 05h
    #[error("invalid integrity algorithm")]
    InvalidIntegrityAlgorithm,
    /// 09h
    #[error("invalid role")]
    InvalidRole,
    /// 0Ah
    #[error("unauthorized role or privilege level requested")]
    UnauthorizedRole,
    /// 0Bh
    #[error("insufficient resources to create a session at the requested role")]
    InsufficientResourcesForRole,
    /// 0Ch
    #[error("invalid name length")]
    InvalidNameLength,
    /// 0Dh
    #[error("unauthorized name")]
    UnauthorizedName,
    /// 0Fh
    #[error("invalid integrity check value")]
    InvalidIntegrityCheckValue,
    /// 10h
    #[error("invalid confidentiality algorithm")]
    InvalidConfidentialityAlgorithm,
    /// 11h
    #[error("no cipher suite matches the proposed algorithms")]
    NoCipherSuiteMatch,
    /// 12h
    #[error("illegal or unrecognized parameter")]
    IllegalParameter,
    /// Any other code.
    #[error("status {0:#04x}")]
    Other(u8),
}

impl Status {
    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::InsufficientResources => 0x01,
            Self::InvalidSessionId => 0x02,
            Self::InvalidAuthenticationAlgorithm => 0x04,
            Self::InvalidIntegrityAlgorithm => 0x05,
            Self::InvalidRole => 0x09,
            Self::UnauthorizedRole => 0x0A,
            Self::InsufficientResourcesForRole => 0x0B,
            Self::InvalidNameLength => 0x0C,
            Self::UnauthorizedName => 0x0D,
            Self::InvalidIntegrityCheckValue => 0x0F,
            Self::InvalidConfidentialityAlgorithm => 0x10,
            Self::NoCipherSuiteMatch => 0x11,
            Self::IllegalParameter => 0x12,
            Self::Other(code) => code,
        }
    }

    /// `None` for 00h, "no errors".
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0x00 => return None,
            0x01 => Self::InsufficientResources,
            0x02 => Self::InvalidSessionId,
            0x04 => Self::InvalidAuthenticationAlgorithm,
            0x05 => Self::InvalidIntegrityAlgorithm,
            0x09 => Self::InvalidRole,
            0x0A => Self::UnauthorizedRole,
            0x0B => Self::InsufficientResourcesForRole,
            0x0C => Self::InvalidNameLength,
            0x0D => Self::UnauthorizedName,
            0x0F => Self::InvalidIntegrityCheckValue,
            0x10 => Self::InvalidConfidentialityAlgorithm,
            0x11 => Self::NoCipherSuiteMatch,
            0x12 => Self::IllegalParameter,
            other => Self::Other(other),
        })
    }

    /// Whether the BMC refuses the proposed cipher suite with this code.
    #[must_use]
    pub const fn is_about_cipher_suite(self) -> bool {
        matches!(
            self,
            Self::InvalidAuthenticationAlgorithm
                | Self::InvalidIntegrityAlgorithm
                | Self::InvalidConfidentialityAlgorithm
                | Self::NoCipherSuiteMatch
        )
    }
}

/// The negative answer to an Open Session Request or a RAKP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The tag of the message that it answers.
    pub tag: u8,
    /// The reason.
    pub status: Status,
}

impl Refusal {
    /// As a payload, for the session that the console chose.
    #[must_use]
    pub fn encode(&self, console_session: u32) -> Vec<u8> {
        let mut out = vec![self.tag, self.status.code(), 0, 0];
        out.extend(console_session.to_le_bytes());
        out
    }
}

/// An answer that may be a refusal.
pub type Answer<T> = Result<T, Refusal>;

/// Asks the BMC to open a session with these algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenSessionRequest {
    /// Echoed by the answer.
    pub tag: u8,
    /// Highest privilege wanted, 0 for the highest that the suite allows.
    pub privilege: u8,
    /// The session's number at the console.
    pub console_session: u32,
    /// What is proposed.
    pub algorithms: Algorithms,
}

impl OpenSessionRequest {
    /// As a payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![self.tag, self.privilege & 0x0F, 0, 0];
        out.extend(self.console_session.to_le_bytes());
        push_algorithms(&mut out, self.algorithms);
        out
    }

    /// From a payload.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let [tag, privilege, _, _] = reader.array("open session request")?;
        Ok(Self {
            tag,
            privilege: privilege & 0x0F,
            console_session: reader.u32("console session id")?,
            algorithms: read_algorithms(&mut reader)?,
        })
    }
}

/// The BMC's agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenSessionResponse {
    /// The tag of the request.
    pub tag: u8,
    /// Highest privilege that the suite allows.
    pub privilege: u8,
    /// The session's number at the console.
    pub console_session: u32,
    /// The session's number at the BMC.
    pub bmc_session: u32,
    /// What was chosen.
    pub algorithms: Algorithms,
}

impl OpenSessionResponse {
    /// As a payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![self.tag, 0x00, self.privilege & 0x0F, 0];
        out.extend(self.console_session.to_le_bytes());
        out.extend(self.bmc_session.to_le_bytes());
        push_algorithms(&mut out, self.algorithms);
        out
    }

    /// From a payload. A refusal may be as short as its status: BMCs differ in how much follows.
    pub fn decode(payload: &[u8]) -> Result<Answer<Self>, DecodeError> {
        let mut reader = Reader::new(payload);
        let [tag, status] = reader.array("open session response")?;
        if let Some(status) = Status::from_code(status) {
            return Ok(Err(Refusal { tag, status }));
        }
        let [privilege, _] = reader.array("maximum privilege level")?;
        Ok(Ok(Self {
            tag,
            privilege: privilege & 0x0F,
            console_session: reader.u32("console session id")?,
            bmc_session: reader.u32("BMC session id")?,
            algorithms: read_algorithms(&mut reader)?,
        }))
    }
}

fn push_algorithms(out: &mut Vec<u8>, algorithms: Algorithms) {
    let kinds = [
        (0x00, algorithms.authentication),
        (0x01, algorithms.integrity),
        (0x02, algorithms.confidentiality),
    ];
    for (kind, algorithm) in kinds {
        // Payload type, two reserved, length 8, algorithm, three reserved.
        out.extend([kind, 0, 0, 8, algorithm, 0, 0, 0]);
    }
}

fn read_algorithms(reader: &mut Reader<'_>) -> Result<Algorithms, DecodeError> {
    let mut next = |kind: u8, field| {
        let [found, _, _, length, algorithm, _, _, _] = reader.array::<8>(field)?;
        if found != kind {
            return Err(DecodeError::Invalid {
                field,
                value: found.into(),
            });
        }
        // Length 0 is the wildcard "any" (table 13-9); as a proposal it is not one of ours.
        Ok(if length == 0 { 0 } else { algorithm & 0x3F })
    };
    Ok(Algorithms {
        authentication: next(0x00, "authentication algorithm")?,
        integrity: next(0x01, "integrity algorithm")?,
        confidentiality: next(0x02, "confidentiality algorithm")?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_refusal_of_two_bytes_is_understood() {
        assert_eq!(
            OpenSessionResponse::decode(&[7, 0x11]),
            Ok(Err(Refusal {
                tag: 7,
                status: Status::NoCipherSuiteMatch
            }))
        );
    }

    proptest! {
        #[test]
        fn status_codes_round_trip(code in 1_u8..) {
            prop_assert_eq!(Status::from_code(code).map(Status::code), Some(code));
        }

        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..48)) {
            let _ = OpenSessionRequest::decode(&bytes);
            let _ = OpenSessionResponse::decode(&bytes);
        }

        #[test]
        fn both_messages_survive_the_wire(
            tag: u8, privilege in 0_u8..6, console_session: u32, bmc_session: u32,
            authentication in 0_u8..64, integrity in 0_u8..64, confidentiality in 0_u8..64,
        ) {
            let algorithms = Algorithms { authentication, integrity, confidentiality };
            let request = OpenSessionRequest { tag, privilege, console_session, algorithms };
            prop_assert_eq!(OpenSessionRequest::decode(&request.encode()), Ok(request));
            let response = OpenSessionResponse { tag, privilege, console_session, bmc_session, algorithms };
            prop_assert_eq!(OpenSessionResponse::decode(&response.encode()), Ok(Ok(response)));
        }
    }
}
