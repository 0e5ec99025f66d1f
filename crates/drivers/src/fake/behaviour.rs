//! How slow fake hardware is and how often it fails: from the configuration, overridden by keys of
//! a node's `driver_info`.

use std::time::Duration;

use cupola_api::node::Object;
use serde_json::Value;

use crate::interface::{Changes, DriverError, Outcome, Result, Task, WaitFor};

/// What a node's `driver_info` can say to its fake interfaces.
pub(super) const PROPERTIES: &[(&str, &str)] = &[
    (
        "fake_delay",
        "Seconds that every action of the fake interfaces takes: one number, or two numbers with a \
         comma between which a random one is drawn. Optional.",
    ),
    (
        "fake_power_delay",
        "As fake_delay, for the power interface; likewise fake_boot_delay, fake_management_delay, \
         fake_deploy_delay, fake_inspect_delay, fake_rescue_delay, fake_bios_delay, \
         fake_firmware_delay and fake_vendor_delay. Optional.",
    ),
    (
        "fake_deploy_wait",
        "Seconds that the step deploy, the start of cleaning and servicing, and a rescue wait in \
         their wait state, \
         as fake_delay. Optional.",
    ),
    (
        "fake_failure_rate",
        "How probable it is that an action fails, from 0 to 1. Optional.",
    ),
    (
        "fake_failures",
        "Actions that always fail: a list such as [\"power.state\", \"deploy.deploy\"]. Optional.",
    ),
];

/// A range of delays, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DelayRange {
    /// The shortest.
    pub from: f64,
    /// The longest.
    pub to: f64,
}

impl DelayRange {
    /// Reads `1.5` or `0.5,2`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let seconds = |part: &str| {
            let value: f64 = part.trim().parse().ok()?;
            (value.is_finite() && (0.0..=86_400.0).contains(&value)).then_some(value)
        };
        match text.split_once(',') {
            Some((from, to)) => {
                let (from, to) = (seconds(from)?, seconds(to)?);
                (from <= to).then_some(Self { from, to })
            }
            None => seconds(text).map(|value| Self {
                from: value,
                to: value,
            }),
        }
    }

    fn draw(self) -> Duration {
        Duration::from_secs_f64(self.from + (self.to - self.from) * random())
    }
}

/// How fake hardware behaves where a node does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FakeSettings {
    /// How long every action takes.
    pub delay: DelayRange,
    /// How probable it is that an action fails, from 0 to 1.
    pub failure_rate: f64,
}

impl FakeSettings {
    /// Does `action` of `interface`: takes its time, and perhaps fails.
    pub(super) async fn act(&self, task: &Task, interface: &str, action: &str) -> Result<()> {
        let node = task.node();
        let info = &node.driver_info;
        let delay = delay(info, &format!("fake_{interface}_delay"))
            .or_else(|| delay(info, "fake_delay"))
            .unwrap_or(self.delay)
            .draw();
        let name = format!("{interface}.{action}");
        if !delay.is_zero() {
            task.sleep(delay, &name).await?;
        }
        let listed = match info.get("fake_failures") {
            Some(Value::Array(list)) => list.iter().any(|f| f.as_str() == Some(&name)),
            Some(Value::String(list)) => list.split(',').any(|f| f.trim() == name),
            _ => false,
        };
        let rate = number(info.get("fake_failure_rate")).unwrap_or(self.failure_rate);
        if listed || (rate > 0.0 && random() < rate) {
            return Err(DriverError::StepFailed(format!(
                "fake hardware was told to fail at {name}; change fake_failures or \
                 fake_failure_rate in driver_info, then try again"
            )));
        }
        Ok(())
    }

    /// Done, or a wait when the node shall stay in a wait state for a while.
    pub(super) fn outcome(task: &Task, what: &str) -> Outcome {
        match delay(&task.node().driver_info, "fake_deploy_wait").map(DelayRange::draw) {
            None => Outcome::done(),
            Some(time) => Outcome::Wait {
                what: what.to_owned(),
                until: WaitFor::Timer {
                    milliseconds: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
                },
                limit: None,
                changes: Changes::none(),
            },
        }
    }

    /// Whether what `driver_info` says can be read.
    pub(super) fn validate(task: &Task) -> Result<()> {
        for (key, value) in &task.node().driver_info {
            let good = match key.as_str() {
                "fake_failure_rate" => {
                    number(Some(value)).is_some_and(|rate| (0.0..=1.0).contains(&rate))
                }
                "fake_deploy_wait" => range(value).is_some(),
                key if key.starts_with("fake_") && key.ends_with("_delay") => {
                    range(value).is_some()
                }
                _ => true,
            };
            if !good {
                return Err(DriverError::InvalidParameter(format!(
                    "driver_info {key} is {value}, which is no such number; write seconds as \
                     \"1.5\" or \"0.5,2\" and rates as a number from 0 to 1"
                )));
            }
        }
        Ok(())
    }
}

fn delay(info: &Object, key: &str) -> Option<DelayRange> {
    info.get(key).and_then(range)
}

fn range(value: &Value) -> Option<DelayRange> {
    match value {
        Value::String(text) => DelayRange::parse(text),
        Value::Number(number) => DelayRange::parse(&number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn number(value: Option<&Value>) -> Option<f64> {
    match value? {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    }
}

/// A random number from 0 to 1; 0.5 where the operating system gives none.
fn random() -> f64 {
    let mut bytes = [0_u8; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_one_number_and_two() {
        let range = |from, to| Some(DelayRange { from, to });
        assert_eq!(DelayRange::parse("1.5"), range(1.5, 1.5));
        assert_eq!(DelayRange::parse("0, 2"), range(0.0, 2.0));
        for bad in ["", "x", "2,1", "-1", "NaN", "1,2,3", "1e99"] {
            assert_eq!(DelayRange::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_drawn_lies_in_the_range(from in 0.0..10.0_f64, more in 0.0..10.0_f64) {
            let range = DelayRange { from, to: from + more };
            let drawn = range.draw().as_secs_f64();
            prop_assert!(drawn >= from - 1e-6 && drawn <= from + more + 1e-6);
        }
    }
}
