//! TFTP packets, both ways: RFC 1350, with the options of RFC 2347, 2348 (block size), 2349
//! (timeout, transfer size) and 7440 (window size). Pure; the simulated firmware uses it too.

/// Error codes of RFC 1350 section 5 and RFC 2347 that we send.
pub mod error_code {
    /// Not defined; see the message.
    pub const NOT_DEFINED: u16 = 0;
    /// File not found.
    pub const FILE_NOT_FOUND: u16 = 1;
    /// Access violation.
    pub const ACCESS_VIOLATION: u16 = 2;
    /// Illegal operation.
    pub const ILLEGAL_OPERATION: u16 = 4;
    /// Option negotiation refused (RFC 2347).
    pub const OPTION_REFUSED: u16 = 8;
}

const READ: u16 = 1;
const WRITE: u16 = 2;
const DATA: u16 = 3;
const ACK: u16 = 4;
const ERROR: u16 = 5;
const OPTION_ACK: u16 = 6;

/// The longest text taken from a packet.
const MAX_TEXT: usize = 512;

/// The options of a request or of its acknowledgement; those unknown to us are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `blksize`, octets (RFC 2348: 8 to 65464).
    pub block_size: Option<u16>,
    /// `timeout`, seconds (RFC 2349: 1 to 255).
    pub timeout: Option<u8>,
    /// `tsize`, octets; 0 in a read request asks for it.
    pub transfer_size: Option<u64>,
    /// `windowsize`, blocks (RFC 7440: 1 to 65535).
    pub window_size: Option<u16>,
}

impl Options {
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.block_size.is_none()
            && self.timeout.is_none()
            && self.transfer_size.is_none()
            && self.window_size.is_none()
    }
}

/// A request to read or write a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The file's name.
    pub file: String,
    /// The mode, lower case: `octet`, `netascii`.
    pub mode: String,
    /// The options asked for.
    pub options: Options,
}

/// One packet; file data is borrowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// RRQ.
    Read(Request),
    /// WRQ.
    Write(Request),
    /// DATA.
    Data {
        /// Block number; wraps to 0 after 65535.
        block: u16,
        /// The block.
        data: &'a [u8],
    },
    /// ACK.
    Ack {
        /// The last block received in order.
        block: u16,
    },
    /// ERROR: ends the transfer.
    Error {
        /// See [`error_code`].
        code: u16,
        /// For people.
        message: String,
    },
    /// OACK.
    OptionAck(Options),
}

/// A datagram that is no TFTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a TFTP packet")]
pub struct Malformed;

impl<'a> Packet<'a> {
    /// Reads a datagram.
    ///
    /// # Errors
    /// It is no TFTP packet.
    pub fn decode(datagram: &'a [u8]) -> Result<Self, Malformed> {
        let (opcode, rest) = take_u16(datagram)?;
        match opcode {
            READ => Ok(Self::Read(request(rest)?)),
            WRITE => Ok(Self::Write(request(rest)?)),
            DATA => take_u16(rest).map(|(block, data)| Self::Data { block, data }),
            ACK => take_u16(rest).map(|(block, _)| Self::Ack { block }),
            ERROR => {
                let (code, rest) = take_u16(rest)?;
                // Some ROMs leave the final zero out.
                let text = rest.split(|b| *b == 0).next().unwrap_or_default();
                Ok(Self::Error {
                    code,
                    message: printable(text),
                })
            }
            OPTION_ACK => Ok(Self::OptionAck(options(rest)?)),
            _ => Err(Malformed),
        }
    }

    /// Writes the packet into `buffer`, replacing what is there.
    pub fn encode(&self, buffer: &mut Vec<u8>) {
        buffer.clear();
        match self {
            Self::Read(request) => encode_request(buffer, READ, request),
            Self::Write(request) => encode_request(buffer, WRITE, request),
            Self::Data { block, data } => {
                put_u16(buffer, DATA);
                put_u16(buffer, *block);
                buffer.extend_from_slice(data);
            }
            Self::Ack { block } => {
                put_u16(buffer, ACK);
                put_u16(buffer, *block);
            }
            Self::Error { code, message } => {
                put_u16(buffer, ERROR);
                put_u16(buffer, *code);
                put_text(buffer, message);
            }
            Self::OptionAck(options) => {
                put_u16(buffer, OPTION_ACK);
                encode_options(buffer, options);
            }
        }
    }

    /// The packet as a datagram of its own.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut buffer = Vec::new();
        self.encode(&mut buffer);
        buffer
    }
}

fn request(rest: &[u8]) -> Result<Request, Malformed> {
    let (file, rest) = take_text(rest)?;
    let (mode, rest) = take_text(rest)?;
    if file.is_empty() {
        return Err(Malformed);
    }
    let file = std::str::from_utf8(file).map_err(|_| Malformed)?;
    if file.chars().any(char::is_control) {
        return Err(Malformed);
    }
    Ok(Request {
        file: file.to_owned(),
        mode: printable(mode).to_ascii_lowercase(),
        options: options(rest)?,
    })
}

/// A value outside its RFC's range counts as not asked for.
fn options(mut rest: &[u8]) -> Result<Options, Malformed> {
    let mut options = Options::default();
    while !rest.is_empty() {
        let (name, after) = take_text(rest)?;
        if name.is_empty() {
            // Padding after the last option, which some ROMs send.
            break;
        }
        let (value, after) = take_text(after)?;
        rest = after;
        let Some(number) = std::str::from_utf8(value)
            .ok()
            .and_then(|v| v.parse::<u64>().ok())
        else {
            continue;
        };
        if name.eq_ignore_ascii_case(b"blksize") {
            options.block_size = u16::try_from(number)
                .ok()
                .filter(|size| (8..=65464).contains(size));
        } else if name.eq_ignore_ascii_case(b"timeout") {
            options.timeout = u8::try_from(number).ok().filter(|seconds| *seconds > 0);
        } else if name.eq_ignore_ascii_case(b"tsize") {
            options.transfer_size = Some(number);
        } else if name.eq_ignore_ascii_case(b"windowsize") {
            options.window_size = u16::try_from(number).ok().filter(|blocks| *blocks > 0);
        }
    }
    Ok(options)
}

fn encode_request(buffer: &mut Vec<u8>, opcode: u16, request: &Request) {
    put_u16(buffer, opcode);
    put_text(buffer, &request.file);
    put_text(buffer, &request.mode);
    encode_options(buffer, &request.options);
}

fn encode_options(buffer: &mut Vec<u8>, options: &Options) {
    let mut put = |name, value: Option<u64>| {
        if let Some(value) = value {
            put_text(buffer, name);
            put_text(buffer, &value.to_string());
        }
    };
    put("blksize", options.block_size.map(u64::from));
    put("timeout", options.timeout.map(u64::from));
    put("tsize", options.transfer_size);
    put("windowsize", options.window_size.map(u64::from));
}

fn put_u16(buffer: &mut Vec<u8>, value: u16) {
    buffer.extend_from_slice(&value.to_be_bytes());
}

fn put_text(buffer: &mut Vec<u8>, text: &str) {
    buffer.extend(text.bytes().filter(|b| *b != 0).take(MAX_TEXT));
    buffer.push(0);
}

fn take_u16(input: &[u8]) -> Result<(u16, &[u8]), Malformed> {
    let (head, rest) = input.split_first_chunk::<2>().ok_or(Malformed)?;
    Ok((u16::from_be_bytes(*head), rest))
}

fn take_text(input: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let end = input
        .iter()
        .take(MAX_TEXT + 1)
        .position(|b| *b == 0)
        .ok_or(Malformed)?;
    let (text, rest) = input.split_at_checked(end).ok_or(Malformed)?;
    Ok((text, rest.get(1..).unwrap_or_default()))
}

/// What of it people can read, no longer than can be written again.
fn printable(raw: &[u8]) -> String {
    let mut text = String::new();
    for c in String::from_utf8_lossy(raw).chars() {
        if text.len() + c.len_utf8() > MAX_TEXT {
            break;
        }
        if !c.is_control() {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_a_roms_request() {
        let datagram = b"\0\x01undionly.kpxe\0OCTET\0tsize\x000\0BLKSIZE\x001456\0x\0y\0";
        let Ok(Packet::Read(request)) = Packet::decode(datagram) else {
            panic!()
        };
        assert_eq!(request.file, "undionly.kpxe");
        assert_eq!(request.mode, "octet");
        assert_eq!(request.options.transfer_size, Some(0));
        assert_eq!(request.options.block_size, Some(1456));
        assert_eq!(request.options.window_size, None);
    }

    #[test]
    fn values_out_of_range_count_as_not_asked_for() {
        let datagram = b"\0\x01f\0octet\0blksize\x007\0timeout\x00256\0windowsize\x000\0";
        let Ok(Packet::Read(request)) = Packet::decode(datagram) else {
            panic!()
        };
        assert!(request.options.is_empty());
    }

    #[test]
    fn what_grows_when_it_is_made_text_is_still_written_whole() {
        for start in [&b"\0\x05\0\0"[..], b"\0\x01f\0"] {
            let datagram = [start, &[0xff; 400], &[0]].concat();
            let packet = Packet::decode(&datagram).unwrap();
            assert_eq!(Packet::decode(&packet.to_vec()), Ok(packet.clone()));
        }
    }

    proptest! {
        #[test]
        fn no_datagram_panics(datagram in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = Packet::decode(&datagram);
        }

        #[test]
        fn requests_survive_the_wire(
            file in "[!-~]{1,80}", block in 8_u16..65464, timeout in 1_u8.., size: u64, window in 1_u16..
        ) {
            let packet = Packet::Read(Request {
                file,
                mode: "octet".to_owned(),
                options: Options {
                    block_size: Some(block),
                    timeout: Some(timeout),
                    transfer_size: Some(size),
                    window_size: Some(window),
                },
            });
            let datagram = packet.to_vec();
            prop_assert_eq!(Packet::decode(&datagram), Ok(packet.clone()));
        }

        #[test]
        fn data_survives_the_wire(block: u16, data in proptest::collection::vec(any::<u8>(), 0..600)) {
            let packet = Packet::Data { block, data: &data };
            let datagram = packet.to_vec();
            prop_assert_eq!(Packet::decode(&datagram), Ok(packet.clone()));
        }
    }
}
