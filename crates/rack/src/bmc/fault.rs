//! Faults that a simulated BMC can be told to have.

use std::time::Duration;

/// What is wrong with a BMC; nothing by default.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// It answers nothing.
    pub silent: bool,
    /// It answers presence pings only, like a BMC with IPMI over LAN switched off.
    pub pings_only: bool,
    /// It refuses every password.
    pub wrong_password: bool,
    /// Share of packets lost in each direction, 0.0 to 1.0.
    pub loss: f64,
    /// It sends every answer twice.
    pub duplicates: bool,
    /// It flips one bit in every answer.
    pub garbles: bool,
    /// It takes this long to answer.
    pub delay: Duration,
    /// It answers "node busy" to this many commands, counting down.
    pub busy: u32,
    /// It accepts power commands and does nothing.
    pub ignores_power: bool,
    /// It reports this power state whatever the truth.
    pub lies_power_on: Option<bool>,
}

/// What may be wrong with a BMC, one thing at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BmcFault {
    /// It refuses every password.
    RefusesPassword,
    /// It answers nothing.
    Silent,
    /// It takes this long for every answer.
    AnswersLate(Duration),
    /// It loses this share of the packets in each direction, 0.0 to 1.0.
    DropsPackets(f64),
    /// It reads the power so, whatever it is.
    LiesAboutPower {
        /// What it reads.
        on: bool,
    },
    /// It accepts boot options and forgets them; the machine boots from its disk.
    IgnoresBootDevice,
}

impl From<BmcFault> for Faults {
    fn from(fault: BmcFault) -> Self {
        let none = Self::default();
        match fault {
            BmcFault::RefusesPassword => Self {
                wrong_password: true,
                ..none
            },
            BmcFault::Silent => Self {
                silent: true,
                ..none
            },
            BmcFault::AnswersLate(delay) => Self { delay, ..none },
            BmcFault::DropsPackets(loss) => Self { loss, ..none },
            BmcFault::LiesAboutPower { on } => Self {
                lies_power_on: Some(on),
                ..none
            },
            // Its boot options have it: the machine's firmware looks there too.
            BmcFault::IgnoresBootDevice => none,
        }
    }
}

impl Faults {
    /// Does to an answer what [`Faults::garbles`] says.
    pub(super) fn spoil(&self, answer: &mut [u8]) {
        if !self.garbles {
            return;
        }
        let Ok([low, high, bit, _]) = getrandom::u32().map(u32::to_le_bytes) else {
            return;
        };
        let at = usize::from(u16::from_le_bytes([low, high])) % answer.len().max(1);
        if let Some(byte) = answer.get_mut(at) {
            *byte ^= 1 << (bit % 8);
        }
    }

    /// Whether this packet is lost.
    pub(super) fn loses(&self) -> bool {
        if self.loss <= 0.0 {
            return false;
        }
        // Without random numbers nothing is lost.
        getrandom::u32().is_ok_and(|number| f64::from(number) < self.loss * f64::from(u32::MAX))
    }
}
