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
