//! The identify light (IPMI 2.0, section 28.5) as the API knows it: the lamp `led` of the chassis.

use cupola_api::resource::Indicator;

use super::wire::chassis::IdentifyLight;
use crate::interface::{DriverError, Lamp};

/// The lamp's name.
const NAME: &str = "led";
/// What it is on.
const COMPONENT: &str = "chassis";
/// How long it is lit: the longest that a BMC can be told to light it for a time. It goes out by
/// itself, so that nobody looks for a machine that was found long ago.
const LIT: u8 = 255;

/// The lamp with this state.
pub(super) const fn lamp(light: Option<IdentifyLight>) -> Indicator {
    Indicator {
        name: NAME,
        component: COMPONENT,
        is_read_only: false,
        states: &["off", "on"],
        state: match light {
            Some(IdentifyLight::Off) => "off",
            Some(IdentifyLight::Timed | IdentifyLight::Indefinite) => "on",
            None => "unknown",
        },
    }
}

/// How many seconds it is lit for.
pub(super) const fn seconds(on: bool) -> u8 {
    if on { LIT } else { 0 }
}

/// Whether this lamp is to be lit.
///
/// # Errors
/// There is no such lamp, or it has no such state.
pub(super) fn wanted(lamp: &Lamp<'_>) -> Result<bool, DriverError> {
    let Lamp {
        name,
        component,
        state,
    } = lamp;
    let invalid = |text: String| Err(DriverError::InvalidParameter(text));
    if *component != COMPONENT {
        return invalid(format!("Invalid component {component} specified."));
    }
    if *name != NAME {
        return invalid(format!("Invalid indicator {name} specified."));
    }
    match *state {
        "on" => Ok(true),
        "off" => Ok(false),
        other => invalid(format!(
            "Invalid state {other} specified for indicator {name}@{component}. It can be: off, on."
        )),
    }
}
