//! IPMI messages as they stand in a LAN payload (table 13-8, "IPMI LAN message"), and the trait by
//! which a command says how its request is written and its response read.

use super::{DecodeError, Reader, completion::CompletionCode};

/// The BMC's slave address.
const BMC_ADDRESS: u8 = 0x20;
/// The remote console's software id (table 5-4).
const CONSOLE_ADDRESS: u8 = 0x81;

/// Network function codes of requests (table 5-1); a response has the next odd number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NetFn {
    /// Chassis.
    Chassis,
    /// Application: device, sessions, channels.
    App,
    /// Transport: LAN and serial configuration.
    Transport,
    /// Any other even code.
    Other(u8),
}

impl NetFn {
    /// The request's code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Chassis => 0x00,
            Self::App => 0x06,
            Self::Transport => 0x0C,
            Self::Other(code) => code & 0x3E,
        }
    }

    const fn from_code(code: u8) -> Self {
        match code {
            0x00 => Self::Chassis,
            0x06 => Self::App,
            0x0C => Self::Transport,
            other => Self::Other(other),
        }
    }
}

/// One command: its numbers, its request's data and how its response's data is read.
pub trait Command {
    /// What a positive response says.
    type Response;
    /// The network function.
    const NET_FN: NetFn;
    /// The command number (appendix G).
    const COMMAND: u8;
    /// The name in the specification, for logs and timelines.
    const NAME: &'static str;
    /// The request's data.
    fn request(&self) -> Vec<u8>;
    /// Reads a response's data (after its completion code).
    fn response(data: &[u8]) -> Result<Self::Response, DecodeError>;
}

/// A request from the console to the BMC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The network function.
    pub net_fn: NetFn,
    /// The command number.
    pub command: u8,
    /// Six-bit number by which a response finds its request.
    pub sequence: u8,
    /// The command's data.
    pub data: Vec<u8>,
}

impl Request {
    /// As a payload, with both checksums.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let head = [BMC_ADDRESS, self.net_fn.code() << 2];
        let mut tail = vec![CONSOLE_ADDRESS, self.sequence << 2, self.command];
        tail.extend(&self.data);
        join(head, &tail)
    }

    /// From a payload.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let (head, tail) = split(payload)?;
        let [_address, net_fn] = head;
        if net_fn & 0x04 != 0 {
            return Err(DecodeError::Invalid {
                field: "request NetFn",
                value: net_fn.into(),
            });
        }
        let mut reader = Reader::new(tail);
        let [_console, sequence, command] = reader.array("request")?;
        Ok(Self {
            net_fn: NetFn::from_code(net_fn >> 2),
            command,
            sequence: sequence >> 2,
            data: reader.rest().to_vec(),
        })
    }
}

/// The BMC's answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The request's network function.
    pub net_fn: NetFn,
    /// The command number.
    pub command: u8,
    /// The request's number.
    pub sequence: u8,
    /// The data, or why there is none.
    pub result: Result<Vec<u8>, CompletionCode>,
}

impl Response {
    /// As a payload, with both checksums.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let head = [CONSOLE_ADDRESS, (self.net_fn.code() | 1) << 2];
        let mut tail = vec![BMC_ADDRESS, self.sequence << 2, self.command];
        match &self.result {
            Ok(data) => {
                tail.push(0x00);
                tail.extend(data);
            }
            Err(code) => tail.push(code.code()),
        }
        join(head, &tail)
    }

    /// From a payload.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let (head, tail) = split(payload)?;
        let [_address, net_fn] = head;
        if net_fn & 0x04 == 0 {
            return Err(DecodeError::Invalid {
                field: "response NetFn",
                value: net_fn.into(),
            });
        }
        let mut reader = Reader::new(tail);
        let [_bmc, sequence, command, completion] = reader.array("response")?;
        Ok(Self {
            net_fn: NetFn::from_code((net_fn >> 2) & 0x3E),
            command,
            sequence: sequence >> 2,
            result: match CompletionCode::from_code(completion) {
                Some(code) => Err(code),
                None => Ok(reader.rest().to_vec()),
            },
        })
    }
}

/// The two's complement checksum of IPMB: all bytes and the checksum add up to zero.
fn checksum(bytes: &[u8]) -> u8 {
    bytes
        .iter()
        .fold(0, |sum: u8, byte| sum.wrapping_sub(*byte))
}

fn join(head: [u8; 2], tail: &[u8]) -> Vec<u8> {
    let mut out = head.to_vec();
    out.push(checksum(&head));
    out.extend(tail);
    out.push(checksum(tail));
    out
}

fn split(payload: &[u8]) -> Result<([u8; 2], &[u8]), DecodeError> {
    let mut reader = Reader::new(payload);
    let head: [u8; 2] = reader.array("IPMI message header")?;
    if reader.u8("header checksum")? != checksum(&head) {
        return Err(DecodeError::Mismatch("IPMI header checksum"));
    }
    let (sum, tail) = reader
        .rest()
        .split_last()
        .ok_or(DecodeError::Truncated("IPMI message checksum"))?;
    if *sum != checksum(tail) {
        return Err(DecodeError::Mismatch("IPMI message checksum"));
    }
    Ok((head, tail))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn get_device_id_is_the_known_seven_bytes() {
        let request = Request {
            net_fn: NetFn::App,
            command: 0x01,
            sequence: 0,
            data: vec![],
        };
        assert_eq!(request.encode(), [0x20, 0x18, 0xC8, 0x81, 0x00, 0x01, 0x7E]);
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Request::decode(&bytes);
            let _ = Response::decode(&bytes);
        }

        #[test]
        fn messages_survive_the_wire(
            function in 0_u8..32, command: u8, sequence in 0_u8..64, code: u8,
            data in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let net_fn = NetFn::from_code(function * 2);
            let request = Request { net_fn, command, sequence, data: data.clone() };
            prop_assert_eq!(Request::decode(&request.encode()), Ok(request.clone()));
            prop_assert!(Response::decode(&request.encode()).is_err());
            let result = CompletionCode::from_code(code).map_or(Ok(data), Err);
            let response = Response { net_fn, command, sequence, result };
            prop_assert_eq!(Response::decode(&response.encode()), Ok(response));
        }
    }
}
