//! The fake bios and firmware interfaces: settings are whatever they were set to last, firmware is
//! never out of date.

use std::collections::BTreeMap;

use async_trait::async_trait;
use cupola_api::agent::{ArgInfo, StepFlow};
use cupola_api::bios_setting::BiosSetting;
use serde_json::Value;

use super::behaviour::{FakeSettings, PROPERTIES};
use crate::interface::{Changes, Configuration, DriverError, Outcome, Result, Step, Task};

/// BIOS settings without a machine.
#[derive(Debug, Default)]
pub struct FakeBios(pub FakeSettings);

/// Firmware without a machine.
#[derive(Debug, Default)]
pub struct FakeFirmware(pub FakeSettings);

fn with_settings(step: Step, description: &str) -> Step {
    let argument = ArgInfo {
        description: description.to_owned(),
        required: true,
    };
    Step {
        argsinfo: Some(BTreeMap::from([("settings".to_owned(), argument)])),
        ..step
    }
}

fn without_arguments(name: &str) -> Step {
    Step {
        argsinfo: Some(BTreeMap::new()),
        ..Step::new("bios", name, 0)
    }
}

/// Reads the argument `settings` of `apply_configuration`.
fn settings(step: &Step) -> Result<Vec<BiosSetting>> {
    let wrong = || {
        DriverError::InvalidParameter(
            "argument settings of step bios.apply_configuration is a list of objects, each with a \
             name and a value"
                .to_owned(),
        )
    };
    let given = step.args.get("settings").and_then(Value::as_array);
    let mut found: Vec<BiosSetting> = Vec::new();
    for item in given.ok_or_else(wrong)? {
        let name = item.get("name").and_then(Value::as_str).ok_or_else(wrong)?;
        let value = match item.get("value").ok_or_else(wrong)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        found.retain(|known| known.name != name);
        found.push(BiosSetting::new(name, value));
    }
    Ok(found)
}

#[async_trait]
impl Configuration for FakeBios {
    fn properties(&self) -> &'static [(&'static str, &'static str)] {
        PROPERTIES
    }

    fn validate(&self, task: &Task) -> Result<()> {
        FakeSettings::validate(task)
    }

    fn steps(&self, flow: StepFlow) -> Vec<Step> {
        let apply = with_settings(
            Step::new("bios", "apply_configuration", 0),
            "A list of settings, each with its name and value. Required.",
        );
        let mut steps = vec![apply, without_arguments("factory_reset")];
        if flow == StepFlow::Clean {
            steps.push(without_arguments("cache_bios_settings"));
        }
        steps
    }

    /// What is set is all that there is, as with upstream's fake interface.
    async fn execute(&self, task: &Task, _: StepFlow, step: &Step) -> Result<Outcome> {
        self.0.act(task, "bios", &step.step).await?;
        Ok(match step.step.as_str() {
            "apply_configuration" => Outcome::Done(Changes::none().bios(settings(step)?)),
            "factory_reset" => Outcome::Done(Changes::none().bios(Vec::new())),
            _ => Outcome::done(),
        })
    }
}

#[async_trait]
impl Configuration for FakeFirmware {
    fn properties(&self) -> &'static [(&'static str, &'static str)] {
        PROPERTIES
    }

    fn validate(&self, task: &Task) -> Result<()> {
        FakeSettings::validate(task)
    }

    fn steps(&self, _: StepFlow) -> Vec<Step> {
        let update = Step {
            requires_ramdisk: true,
            ..Step::new("firmware", "update", 0)
        };
        vec![with_settings(
            update,
            "A list of components, each with the URL of its firmware. Required.",
        )]
    }

    async fn execute(&self, task: &Task, _: StepFlow, step: &Step) -> Result<Outcome> {
        self.0.act(task, "firmware", &step.step).await?;
        Ok(Outcome::done())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_are_a_list_of_names_and_values() {
        let read = |value: Value| {
            let mut step = Step::new("bios", "apply_configuration", 0);
            step.args.insert("settings".to_owned(), value);
            settings(&step)
        };
        let given = json!([{"name": "a", "value": 1}, {"name": "b", "value": null},
                           {"name": "a", "value": "on"}]);
        let found = read(given).unwrap();
        let shown: Vec<_> = found
            .iter()
            .map(|s| (&*s.name, s.value.as_deref()))
            .collect();
        assert_eq!(shown, [("b", None), ("a", Some("on"))]);
        for bad in [
            json!("a"),
            json!([1]),
            json!([{"name": "a"}]),
            json!([{"value": 1}]),
        ] {
            assert!(
                read(bad.clone()).is_err_and(|e| e.is_bad_request()),
                "{bad}"
            );
        }
    }
}
