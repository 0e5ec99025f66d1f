//! Session packets: the IPMI v1.5 header (for requests before a session) and the RMCP+ header with
//! its integrity trailer and encryption (table 13-8).

use super::{
    DecodeError, Reader,
    crypto::{SessionKeys, integrity_length, same},
    rmcp::IPMI_HEADER,
    sol::SERIAL_OVER_LAN,
};

const AUTHENTICATION_NONE: u8 = 0x00;
const AUTHENTICATION_RMCP_PLUS: u8 = 0x06;
const ENCRYPTED: u8 = 0x80;
const AUTHENTICATED: u8 = 0x40;
/// The "next header" byte before the integrity code; always this value.
const NEXT_HEADER: u8 = 0x07;

/// What a packet's payload is (table 13-16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PayloadType {
    /// An IPMI message.
    Ipmi,
    /// Characters of a serial-over-LAN session.
    Sol,
    /// RMCP+ Open Session Request.
    OpenSessionRequest,
    /// RMCP+ Open Session Response.
    OpenSessionResponse,
    /// RAKP message 1.
    Rakp1,
    /// RAKP message 2.
    Rakp2,
    /// RAKP message 3.
    Rakp3,
    /// RAKP message 4.
    Rakp4,
    /// OEM or reserved; not spoken here.
    Other(u8),
}

impl PayloadType {
    const fn code(self) -> u8 {
        match self {
            Self::Ipmi => 0x00,
            Self::Sol => SERIAL_OVER_LAN,
            Self::OpenSessionRequest => 0x10,
            Self::OpenSessionResponse => 0x11,
            Self::Rakp1 => 0x12,
            Self::Rakp2 => 0x13,
            Self::Rakp3 => 0x14,
            Self::Rakp4 => 0x15,
            Self::Other(code) => code,
        }
    }

    const fn from_code(code: u8) -> Self {
        match code {
            0x00 => Self::Ipmi,
            SERIAL_OVER_LAN => Self::Sol,
            0x10 => Self::OpenSessionRequest,
            0x11 => Self::OpenSessionResponse,
            0x12 => Self::Rakp1,
            0x13 => Self::Rakp2,
            0x14 => Self::Rakp3,
            0x15 => Self::Rakp4,
            other => Self::Other(other),
        }
    }
}

/// A packet after the RMCP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// IPMI v1.5 format with authentication type "none".
    Legacy(&'a [u8]),
    /// RMCP+ format.
    Plus(PlusPacket<'a>),
}

/// A packet in RMCP+ format, not yet verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlusPacket<'a> {
    /// What the payload is.
    pub payload_type: PayloadType,
    /// The session at the receiver, 0 outside of a session.
    pub session_id: u32,
    /// The session sequence number, 0 outside of a session.
    pub sequence: u32,
    /// The payload as sent: ciphertext where it is encrypted.
    pub payload: &'a [u8],
    encrypted: bool,
    authenticated: bool,
    /// From the authentication type to the end: what the integrity code covers, and the code.
    whole: &'a [u8],
}

impl PlusPacket<'_> {
    /// Whether the packet claims neither integrity nor confidentiality.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        !self.encrypted && !self.authenticated
    }

    /// Verifies the integrity code and decrypts the payload. A packet that lacks either is refused:
    /// accepting it would let anyone on the network speak for the BMC.
    pub fn open(&self, keys: &SessionKeys) -> Result<Vec<u8>, DecodeError> {
        if !self.encrypted || !self.authenticated {
            return Err(DecodeError::Integrity);
        }
        let covered = self
            .whole
            .len()
            .checked_sub(integrity_length(keys.suite()))
            .ok_or(DecodeError::Truncated("integrity code"))?;
        let (body, code) = self
            .whole
            .split_at_checked(covered)
            .ok_or(DecodeError::Truncated("integrity code"))?;
        if !same(&keys.integrity_code(body), code) {
            return Err(DecodeError::Integrity);
        }
        keys.decrypt(self.payload)
    }
}

/// Reads the session header after the RMCP header.
pub fn decode(bytes: &[u8]) -> Result<Packet<'_>, DecodeError> {
    let mut reader = Reader::new(bytes);
    match reader.u8("authentication type")? {
        AUTHENTICATION_NONE => {
            let _sequence = reader.u32("session sequence")?;
            let _session = reader.u32("session id")?;
            let length = reader.u8("payload length")?;
            Ok(Packet::Legacy(reader.take(length.into(), "payload")?))
        }
        AUTHENTICATION_RMCP_PLUS => {
            let kind = reader.u8("payload type")?;
            let payload_type = PayloadType::from_code(kind & !(ENCRYPTED | AUTHENTICATED));
            if payload_type == PayloadType::Other(0x02) {
                // OEM explicit: enterprise number and payload id precede the session id.
                let _oem: [u8; 6] = reader.array("OEM payload")?;
            }
            let session_id = reader.u32("session id")?;
            let sequence = reader.u32("session sequence")?;
            let length = reader.u16("payload length")?;
            Ok(Packet::Plus(PlusPacket {
                payload_type,
                session_id,
                sequence,
                payload: reader.take(length.into(), "payload")?,
                encrypted: kind & ENCRYPTED != 0,
                authenticated: kind & AUTHENTICATED != 0,
                whole: bytes,
            }))
        }
        other => Err(DecodeError::Invalid {
            field: "authentication type",
            value: other.into(),
        }),
    }
}

/// A datagram in IPMI v1.5 format outside of a session. `payload` is at most 255 bytes.
#[must_use]
pub fn encode_legacy(payload: &[u8]) -> Vec<u8> {
    let mut out = IPMI_HEADER.to_vec();
    out.push(AUTHENTICATION_NONE);
    out.extend([0; 8]);
    out.push(u8::try_from(payload.len()).unwrap_or(u8::MAX));
    out.extend(payload);
    out
}

/// A datagram in RMCP+ format outside of a session: the messages that open one.
#[must_use]
pub fn encode_plain(payload_type: PayloadType, payload: &[u8]) -> Vec<u8> {
    let mut out = IPMI_HEADER.to_vec();
    push_header(&mut out, payload_type.code(), 0, 0, payload);
    out
}

/// A datagram inside a session: encrypted and with its integrity code. `vector` is 16 fresh random
/// bytes; `session_id` is the receiver's number of the session.
#[must_use]
pub fn encode_sealed(
    keys: &SessionKeys,
    payload_type: PayloadType,
    session_id: u32,
    sequence: u32,
    payload: &[u8],
    vector: [u8; 16],
) -> Vec<u8> {
    let sealed = keys.encrypt(payload, vector);
    let kind = payload_type.code() | ENCRYPTED | AUTHENTICATED;
    let mut body = Vec::with_capacity(sealed.len() + 48);
    push_header(&mut body, kind, session_id, sequence, &sealed);
    // The pad makes authentication type … next header a multiple of four bytes.
    let pad = (4 - (body.len() + 2) % 4) % 4;
    body.extend(std::iter::repeat_n(0xFF, pad));
    body.push(u8::try_from(pad).unwrap_or(0));
    body.push(NEXT_HEADER);
    let code = keys.integrity_code(&body);
    let mut out = IPMI_HEADER.to_vec();
    out.append(&mut body);
    out.extend(code);
    out
}

fn push_header(out: &mut Vec<u8>, kind: u8, session_id: u32, sequence: u32, payload: &[u8]) {
    out.push(AUTHENTICATION_RMCP_PLUS);
    out.push(kind);
    out.extend(session_id.to_le_bytes());
    out.extend(sequence.to_le_bytes());
    out.extend(
        u16::try_from(payload.len())
            .unwrap_or(u16::MAX)
            .to_le_bytes(),
    );
    out.extend(payload);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ipmi::wire::{
        rmcp::{self, Rmcp},
        suite::CipherSuite,
    };

    fn session_part(datagram: &[u8]) -> &[u8] {
        match rmcp::decode(datagram) {
            Ok(Rmcp::Ipmi(rest)) => rest,
            other => panic!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..128)) {
            if let Ok(Packet::Plus(packet)) = decode(&bytes) {
                let _ = packet.open(&SessionKeys::derive(CipherSuite::Suite3, &[1; 20]));
            }
        }

        #[test]
        fn sealed_packets_open_with_their_keys_only(
            payload in proptest::collection::vec(any::<u8>(), 0..80),
            session_id: u32, sequence: u32, vector: [u8; 16], flip in 0_usize..200,
        ) {
            for suite in CipherSuite::PREFERENCE {
                let keys = SessionKeys::derive(suite, &[9; 20]);
                let mut datagram = encode_sealed(&keys, PayloadType::Ipmi, session_id, sequence, &payload, vector);
                {
                    let Ok(Packet::Plus(packet)) = decode(session_part(&datagram)) else { panic!() };
                    prop_assert_eq!((packet.session_id, packet.sequence), (session_id, sequence));
                    prop_assert_eq!(packet.open(&keys), Ok(payload.clone()));
                    let other = SessionKeys::derive(suite, &[8; 20]);
                    prop_assert_eq!(packet.open(&other), Err(DecodeError::Integrity));
                }
                let at = 4 + flip % (datagram.len() - 4);
                datagram[at] ^= 0x01;
                if let Ok(Packet::Plus(packet)) = decode(session_part(&datagram)) {
                    prop_assert!(packet.open(&keys).is_err());
                }
            }
        }

        #[test]
        fn packets_outside_a_session_survive_the_wire(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            let legacy = encode_legacy(&payload);
            prop_assert_eq!(decode(session_part(&legacy)), Ok(Packet::Legacy(&payload)));
            let plain = encode_plain(PayloadType::Rakp1, &payload);
            let Ok(Packet::Plus(packet)) = decode(session_part(&plain)) else { panic!() };
            prop_assert!(packet.is_plain());
            prop_assert_eq!(packet.payload_type, PayloadType::Rakp1);
            prop_assert_eq!(packet.payload, &payload[..]);
        }
    }
}
