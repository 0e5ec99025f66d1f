//! RMCP's own header (chapter 13.1.3) and the ASF presence ping and pong (chapter 13.2.3), the one
//! question that a BMC answers before any session exists.

use super::{DecodeError, Reader};

/// RMCP version 1.0.
const VERSION: u8 = 0x06;
/// Sequence number that asks for no RMCP acknowledge.
const NO_ACKNOWLEDGE: u8 = 0xFF;
const CLASS_ASF: u8 = 0x06;
const CLASS_IPMI: u8 = 0x07;
/// The ASF working group's IANA enterprise number, big-endian on the wire.
const ASF_ENTERPRISE: [u8; 4] = 4542_u32.to_be_bytes();
const ASF_PING: u8 = 0x80;
const ASF_PONG: u8 = 0x40;

/// The header that opens every IPMI datagram; the session header follows it.
pub const IPMI_HEADER: [u8; 4] = [VERSION, 0x00, NO_ACKNOWLEDGE, CLASS_IPMI];

/// What an RMCP datagram carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rmcp<'a> {
    /// An IPMI session packet, still encoded.
    Ipmi(&'a [u8]),
    /// "Are you there?"
    Ping {
        /// Echoed by the answer.
        tag: u8,
    },
    /// The answer to a ping.
    Pong(Pong),
    /// An RMCP acknowledge, or another class of message; ignored by everyone here.
    Other,
}

/// An ASF presence pong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pong {
    /// The tag of the ping that it answers.
    pub tag: u8,
    /// IANA enterprise number of the maker, 4542 where it has no OEM extensions.
    pub enterprise: u32,
    /// Whether the sender also speaks IPMI (supported-entities bit 7).
    pub ipmi: bool,
}

/// Reads the RMCP header and, for ASF, the message.
pub fn decode(datagram: &[u8]) -> Result<Rmcp<'_>, DecodeError> {
    let mut reader = Reader::new(datagram);
    let version = reader.u8("RMCP version")?;
    if version != VERSION {
        return Err(DecodeError::Invalid {
            field: "RMCP version",
            value: version.into(),
        });
    }
    let [_reserved, _sequence, class] = reader.array("RMCP header")?;
    match class {
        CLASS_IPMI => Ok(Rmcp::Ipmi(reader.rest())),
        CLASS_ASF => decode_asf(reader),
        _ => Ok(Rmcp::Other),
    }
}

fn decode_asf(mut reader: Reader<'_>) -> Result<Rmcp<'_>, DecodeError> {
    let enterprise: [u8; 4] = reader.array("ASF enterprise number")?;
    if enterprise != ASF_ENTERPRISE {
        return Ok(Rmcp::Other);
    }
    let [kind, tag, _reserved, length] = reader.array("ASF header")?;
    match kind {
        ASF_PING => Ok(Rmcp::Ping { tag }),
        ASF_PONG => {
            let mut body = Reader::new(reader.take(length.into(), "ASF pong")?);
            let enterprise = body
                .array("ASF pong enterprise number")
                .map(u32::from_be_bytes)?;
            let _oem: [u8; 4] = body.array("ASF pong OEM field")?;
            let entities = body.u8("ASF pong supported entities")?;
            Ok(Rmcp::Pong(Pong {
                tag,
                enterprise,
                ipmi: entities & 0x80 != 0,
            }))
        }
        _ => Ok(Rmcp::Other),
    }
}

/// A presence ping with this tag.
#[must_use]
pub fn encode_ping(tag: u8) -> Vec<u8> {
    let mut out = vec![VERSION, 0x00, NO_ACKNOWLEDGE, CLASS_ASF];
    out.extend(ASF_ENTERPRISE);
    out.extend([ASF_PING, tag, 0x00, 0x00]);
    out
}

/// A presence pong.
#[must_use]
pub fn encode_pong(pong: &Pong) -> Vec<u8> {
    let mut out = vec![VERSION, 0x00, NO_ACKNOWLEDGE, CLASS_ASF];
    out.extend(ASF_ENTERPRISE);
    out.extend([ASF_PONG, pong.tag, 0x00, 0x10]);
    out.extend(pong.enterprise.to_be_bytes());
    out.extend([0; 4]);
    // Supported entities: bit 7 IPMI, low nibble 1 = ASF version 1.0.
    out.push(if pong.ipmi { 0x81 } else { 0x01 });
    out.extend([0; 7]);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_ping_is_the_twelve_bytes_of_the_specification() {
        assert_eq!(
            encode_ping(0x2A),
            [
                0x06, 0x00, 0xFF, 0x06, 0x00, 0x00, 0x11, 0xBE, 0x80, 0x2A, 0x00, 0x00
            ]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn ping_and_pong_survive_the_wire(tag: u8, enterprise: u32, ipmi: bool) {
            let ping = encode_ping(tag);
            prop_assert_eq!(decode(&ping), Ok(Rmcp::Ping { tag }));
            let pong = Pong { tag, enterprise, ipmi };
            let answer = encode_pong(&pong);
            prop_assert_eq!(decode(&answer), Ok(Rmcp::Pong(pong)));
        }
    }
}
