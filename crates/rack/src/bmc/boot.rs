//! System boot options as a BMC keeps them (table 28-14): whole, expiring after sixty seconds
//! unless told not to, and the one-time override used up by the next boot.

use std::{collections::BTreeMap, time::Duration};

use cupola_drivers::ipmi::wire::{
    boot::{BOOT_FLAGS, BootFlags, PARAMETER_VERSION, VALID_BIT_CLEARING},
    completion::CompletionCode,
};
use parking_lot::Mutex;
use tokio::time::Instant;

/// After what time the flags expire when no chassis control follows (parameter 3).
const EXPIRY: Duration = Duration::from_secs(60);
/// Bit of parameter 3: do not expire.
const NO_EXPIRY: u8 = 0x08;
/// "Parameter not supported", of both boot option commands.
const NOT_SUPPORTED: CompletionCode = CompletionCode::Other(0x80);
/// Parameters 0 to 7 of the specification.
const HIGHEST: u8 = 7;

/// The boot options of one BMC, shared with the firmware of its machine.
#[derive(Debug, Default)]
pub struct BootOptions(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// What is set is forgotten, and the machine boots from its disk.
    ignored: bool,
    parameters: BTreeMap<u8, Vec<u8>>,
    expires: Option<Instant>,
}

impl State {
    fn expire(&mut self) {
        if self.expires.is_some_and(|at| at <= Instant::now()) {
            self.expires = None;
            let flags = self.flags();
            self.store(BootFlags {
                valid: false,
                ..flags
            });
        }
    }

    fn flags(&self) -> BootFlags {
        self.parameters
            .get(&BOOT_FLAGS)
            .and_then(|data| BootFlags::decode(data).ok())
            .unwrap_or(BootFlags::NONE)
    }

    fn store(&mut self, flags: BootFlags) {
        self.parameters.insert(BOOT_FLAGS, flags.encode().to_vec());
    }
}

impl BootOptions {
    /// The flags as they stand.
    #[must_use]
    pub fn flags(&self) -> BootFlags {
        let mut state = self.0.lock();
        state.expire();
        state.flags()
    }

    /// What the firmware asks at each boot: the override in force, if any. A one-time override is
    /// used up by it.
    pub fn take_for_boot(&self) -> Option<BootFlags> {
        let mut state = self.0.lock();
        state.expire();
        state.expires = None;
        let flags = state.flags();
        if flags.valid && !flags.persistent {
            state.store(BootFlags::NONE);
        }
        flags.valid.then_some(flags)
    }

    /// Forgets what is set from now on, or keeps it again.
    pub fn ignore(&self, ignored: bool) {
        let mut state = self.0.lock();
        state.ignored = ignored;
        if ignored {
            state.parameters.clear();
        }
    }

    /// Whether what is set is forgotten.
    #[must_use]
    pub fn is_ignored(&self) -> bool {
        self.0.lock().ignored
    }

    /// A chassis control came: the flags no longer expire.
    pub(super) fn keep(&self) {
        let mut state = self.0.lock();
        state.expire();
        state.expires = None;
    }

    /// Set System Boot Options.
    pub(super) fn set(&self, data: &[u8]) -> Result<Vec<u8>, CompletionCode> {
        let (parameter, value) = data
            .split_first()
            .ok_or(CompletionCode::RequestLengthInvalid)?;
        // Bit 7 marks the parameter as locked; nothing locks here.
        let parameter = parameter & 0x7F;
        if parameter > HIGHEST {
            return Err(NOT_SUPPORTED);
        }
        let mut state = self.0.lock();
        if parameter == BOOT_FLAGS {
            if value.len() < 5 {
                return Err(CompletionCode::RequestLengthInvalid);
            }
            let kept = state
                .parameters
                .get(&VALID_BIT_CLEARING)
                .and_then(|data| data.first())
                .is_some_and(|bits| bits & NO_EXPIRY != 0);
            state.expires = (!kept).then(|| Instant::now() + EXPIRY);
        }
        if !value.is_empty() && !state.ignored {
            state.parameters.insert(parameter, value.to_vec());
        }
        Ok(Vec::new())
    }

    /// Get System Boot Options.
    pub(super) fn get(&self, data: &[u8]) -> Result<Vec<u8>, CompletionCode> {
        let parameter = data.first().ok_or(CompletionCode::RequestLengthInvalid)? & 0x7F;
        if parameter > HIGHEST {
            return Err(NOT_SUPPORTED);
        }
        let mut state = self.0.lock();
        state.expire();
        let mut out = vec![PARAMETER_VERSION, parameter];
        match state.parameters.get(&parameter) {
            Some(value) => out.extend(value),
            None => out.extend(std::iter::repeat_n(0, default_length(parameter))),
        }
        Ok(out)
    }
}

/// Data bytes of a parameter that was never set (table 28-14).
const fn default_length(parameter: u8) -> usize {
    match parameter {
        4 => 2,
        5 => 5,
        6 => 9,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use cupola_drivers::ipmi::wire::boot::BootDevice;

    use super::*;

    fn set(options: &BootOptions, persistent: bool) {
        let flags = BootFlags {
            valid: true,
            persistent,
            efi: true,
            device: BootDevice::Pxe,
        };
        let mut data = vec![BOOT_FLAGS];
        data.extend(flags.encode());
        options.set(&data).unwrap();
    }

    #[test]
    fn a_one_time_override_serves_one_boot() {
        let options = BootOptions::default();
        set(&options, false);
        assert_eq!(options.take_for_boot().unwrap().device, BootDevice::Pxe);
        assert_eq!(options.take_for_boot(), None);
        set(&options, true);
        assert!(options.take_for_boot().is_some());
        assert!(options.take_for_boot().is_some());
    }

    #[test]
    fn flags_expire_unless_told_not_to() {
        let options = BootOptions::default();
        set(&options, false);
        let due = options.0.lock().expires.expect("flags expire by default");
        assert!(due > Instant::now() + EXPIRY / 2);
        options.0.lock().expires = Some(Instant::now());
        assert!(!options.flags().valid);
        options.set(&[VALID_BIT_CLEARING, NO_EXPIRY]).unwrap();
        set(&options, false);
        assert_eq!(options.0.lock().expires, None);
        assert!(options.flags().valid);
    }
}
