//! The identify light of a simulated machine: lit for a while, or until it is put out.

use std::time::Duration;

use cupola_drivers::ipmi::wire::chassis::{ChassisIdentify, IdentifyLight};
use parking_lot::Mutex;
use tokio::time::Instant;

#[derive(Debug, Clone, Copy, Default)]
enum Lit {
    #[default]
    Off,
    Until(Instant),
    Always,
}

/// The light.
#[derive(Debug, Default)]
pub(super) struct Light(Mutex<Lit>);

impl Light {
    /// Carries a Chassis Identify out.
    pub(super) fn set(&self, data: &[u8], now: Instant) {
        *self.0.lock() = match ChassisIdentify::decode(data) {
            None => Lit::Always,
            Some(ChassisIdentify(0)) => Lit::Off,
            Some(ChassisIdentify(seconds)) => Lit::Until(now + Duration::from_secs(seconds.into())),
        };
    }

    /// Whether it is lit at this moment.
    pub(super) fn state(&self, now: Instant) -> IdentifyLight {
        match *self.0.lock() {
            Lit::Off => IdentifyLight::Off,
            Lit::Until(end) if end <= now => IdentifyLight::Off,
            Lit::Until(_) => IdentifyLight::Timed,
            Lit::Always => IdentifyLight::Indefinite,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_out_by_itself() {
        let (light, now) = (Light::default(), Instant::now());
        light.set(&[20], now);
        let at = |seconds| light.state(now + Duration::from_secs(seconds));
        assert_eq!((at(19), at(20)), (IdentifyLight::Timed, IdentifyLight::Off));
        light.set(&[0, 1], now);
        assert_eq!(at(9999), IdentifyLight::Indefinite);
        light.set(&[0], now);
        assert_eq!(at(0), IdentifyLight::Off);
    }
}
