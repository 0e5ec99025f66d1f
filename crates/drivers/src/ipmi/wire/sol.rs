//! Serial-over-LAN: its packets (chapter 15.9, table 15-2), and the commands that switch a payload
//! on and off (24.1, 24.2). Who sends what when is not here.

use super::{
    DecodeError, Reader,
    message::{Command, NetFn},
};

/// Activate Payload.
pub const ACTIVATE_PAYLOAD: u8 = 0x48;
/// Deactivate Payload.
pub const DEACTIVATE_PAYLOAD: u8 = 0x49;
/// Completion code of Activate Payload: the payload is active already, in this or another session.
pub const ALREADY_ACTIVE: u8 = 0x80;
/// Completion code of Activate Payload: the payload is switched off.
pub const DISABLED: u8 = 0x81;
/// Completion code of Deactivate Payload: it is not active.
pub const ALREADY_INACTIVE: u8 = 0x80;
/// The number of the serial-over-LAN payload (table 13-16).
pub const SERIAL_OVER_LAN: u8 = 0x01;
/// Sequence numbers are four bits; 0 is for packets that carry an acknowledgement alone.
pub const HIGHEST_SEQUENCE: u8 = 0x0F;
/// Bytes before the characters.
pub const HEADER: usize = 4;

/// The only instance of the payload that BMCs are known to have.
const INSTANCE: u8 = 1;
/// Activate with encryption and authentication (table 24-2); CTS and DCD are asserted at once.
const ENCRYPTED_AND_AUTHENTICATED: u8 = 0xC0;

const NACK: u8 = 0x40;
const BREAK: u8 = 0x10;
const UNAVAILABLE: u8 = 0x20;
const DEACTIVATING: u8 = 0x10;
const OVERRUN: u8 = 0x08;
const BREAK_DETECTED: u8 = 0x04;

/// What a packet of either direction carries besides its flags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SolPacket<Flags> {
    /// The packet's number, 1 to 15; 0 where it carries an acknowledgement alone.
    pub sequence: u8,
    /// The number of the packet that is acknowledged; 0 for none.
    pub acknowledged: u8,
    /// How many of that packet's characters were accepted.
    pub accepted: u8,
    /// What else it says.
    pub flags: Flags,
    /// The characters.
    pub characters: Vec<u8>,
}

/// What a packet of the console says besides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConsoleFlags {
    /// The acknowledged packet could not be taken whole; the BMC shall send the rest again.
    pub nack: bool,
    /// Generate a serial break.
    pub send_break: bool,
}

/// What a packet of the BMC says besides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BmcFlags {
    /// The acknowledged packet could not be taken whole.
    pub nack: bool,
    /// Characters cannot be sent to the machine now, such as while it is off.
    pub unavailable: bool,
    /// The payload is being switched off.
    pub deactivating: bool,
    /// Characters of the machine were lost.
    pub overrun: bool,
    /// The machine sent a break.
    pub break_detected: bool,
}

/// Flags as they stand in the fourth byte.
pub trait Flags: Copy {
    /// The byte.
    fn code(self) -> u8;
    /// From the byte; reserved bits are not looked at.
    fn from_code(code: u8) -> Self;
}

const fn flag(bit: u8, set: bool) -> u8 {
    if set { bit } else { 0 }
}

impl Flags for ConsoleFlags {
    fn code(self) -> u8 {
        flag(NACK, self.nack) | flag(BREAK, self.send_break)
    }

    fn from_code(code: u8) -> Self {
        Self {
            nack: code & NACK != 0,
            send_break: code & BREAK != 0,
        }
    }
}

impl Flags for BmcFlags {
    fn code(self) -> u8 {
        flag(NACK, self.nack)
            | flag(UNAVAILABLE, self.unavailable)
            | flag(DEACTIVATING, self.deactivating)
            | flag(OVERRUN, self.overrun)
            | flag(BREAK_DETECTED, self.break_detected)
    }

    fn from_code(code: u8) -> Self {
        Self {
            nack: code & NACK != 0,
            unavailable: code & UNAVAILABLE != 0,
            deactivating: code & DEACTIVATING != 0,
            overrun: code & OVERRUN != 0,
            break_detected: code & BREAK_DETECTED != 0,
        }
    }
}

impl<F: Flags> SolPacket<F> {
    /// As a payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![
            self.sequence & HIGHEST_SEQUENCE,
            self.acknowledged & HIGHEST_SEQUENCE,
            self.accepted,
            self.flags.code(),
        ];
        out.extend(&self.characters);
        out
    }

    /// From a payload.
    ///
    /// # Errors
    /// When it is shorter than its head.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let [sequence, acknowledged, accepted, code] = reader.array("serial-over-LAN head")?;
        Ok(Self {
            sequence: sequence & HIGHEST_SEQUENCE,
            acknowledged: acknowledged & HIGHEST_SEQUENCE,
            accepted,
            flags: F::from_code(code),
            characters: reader.rest().to_vec(),
        })
    }
}

/// The number after this one: 1 to 15, and 1 again.
#[must_use]
pub const fn next_sequence(sequence: u8) -> u8 {
    if sequence >= HIGHEST_SEQUENCE {
        1
    } else {
        sequence + 1
    }
}

/// Activate Payload (24.1), for serial-over-LAN.
#[derive(Debug, Clone, Copy)]
pub struct ActivateSerial;

/// What the BMC takes once serial-over-LAN is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SerialLimits {
    /// Longest payload to the BMC, bytes with the head.
    pub inbound: u16,
    /// Longest payload from the BMC, bytes with the head.
    pub outbound: u16,
    /// The UDP port that its packets go to.
    pub port: u16,
}

impl SerialLimits {
    /// The response's data.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; 4];
        for number in [self.inbound, self.outbound, self.port, u16::MAX] {
            out.extend(number.to_le_bytes());
        }
        out
    }
}

impl Command for ActivateSerial {
    type Response = SerialLimits;
    const NET_FN: NetFn = NetFn::App;
    const COMMAND: u8 = ACTIVATE_PAYLOAD;
    const NAME: &'static str = "Activate Payload";

    fn request(&self) -> Vec<u8> {
        vec![
            SERIAL_OVER_LAN,
            INSTANCE,
            ENCRYPTED_AND_AUTHENTICATED,
            0,
            0,
            0,
        ]
    }

    fn response(data: &[u8]) -> Result<SerialLimits, DecodeError> {
        let mut reader = Reader::new(data);
        let _auxiliary: [u8; 4] = reader.array("auxiliary data")?;
        Ok(SerialLimits {
            inbound: reader.u16("inbound payload size")?,
            outbound: reader.u16("outbound payload size")?,
            port: reader.u16("payload port")?,
        })
    }
}

/// Deactivate Payload (24.2), for serial-over-LAN.
#[derive(Debug, Clone, Copy)]
pub struct DeactivateSerial;

impl Command for DeactivateSerial {
    type Response = ();
    const NET_FN: NetFn = NetFn::App;
    const COMMAND: u8 = DEACTIVATE_PAYLOAD;
    const NAME: &'static str = "Deactivate Payload";

    fn request(&self) -> Vec<u8> {
        vec![SERIAL_OVER_LAN, INSTANCE, 0, 0, 0, 0]
    }

    fn response(_data: &[u8]) -> Result<(), DecodeError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_go_from_fifteen_to_one() {
        let mut number = 0;
        let numbers: Vec<u8> = std::iter::repeat_with(|| {
            number = next_sequence(number);
            number
        })
        .take(17)
        .collect();
        assert_eq!(numbers.first().zip(numbers.get(14)), Some((&1, &15)));
        assert_eq!(numbers.get(15..), Some(&[1, 2][..]));
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = SolPacket::<ConsoleFlags>::decode(&bytes);
            let _ = SolPacket::<BmcFlags>::decode(&bytes);
            let _ = ActivateSerial::response(&bytes);
        }

        #[test]
        fn packets_survive_the_wire(
            sequence in 0_u8..16, acknowledged in 0_u8..16, accepted: u8, bits in 0_u8..32,
            characters in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let flags = BmcFlags {
                nack: bits & 1 != 0,
                unavailable: bits & 2 != 0,
                deactivating: bits & 4 != 0,
                overrun: bits & 8 != 0,
                break_detected: bits & 16 != 0,
            };
            let packet = SolPacket { sequence, acknowledged, accepted, flags, characters: characters.clone() };
            prop_assert_eq!(SolPacket::decode(&packet.encode()), Ok(packet));
            let flags = ConsoleFlags { nack: bits & 1 != 0, send_break: bits & 2 != 0 };
            let packet = SolPacket { sequence, acknowledged, accepted, flags, characters };
            prop_assert_eq!(SolPacket::decode(&packet.encode()), Ok(packet));
        }

        #[test]
        fn limits_survive_the_wire(inbound: u16, outbound: u16, port: u16) {
            let limits = SerialLimits { inbound, outbound, port };
            prop_assert_eq!(ActivateSerial::response(&limits.encode()), Ok(limits));
        }
    }
}
