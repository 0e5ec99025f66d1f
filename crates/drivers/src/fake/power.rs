//! The fake power interface: the power is what the node says it is.

use std::time::Duration;

use async_trait::async_trait;
use cupola_api::node::Object;
use cupola_api::probe::{CheckResult, ProbeCheck, ProbeReport};
use cupola_api::state::power::{PowerState, PowerTarget};

use super::behaviour::{FakeSettings, PROPERTIES};
use crate::interface::{Power, Result, Task};

/// Power without a machine.
#[derive(Debug, Default)]
pub struct FakePower(pub FakeSettings);

#[async_trait]
impl Power for FakePower {
    fn properties(&self) -> &'static [(&'static str, &'static str)] {
        PROPERTIES
    }

    fn validate(&self, task: &Task) -> Result<()> {
        FakeSettings::validate(task)
    }

    fn supported(&self) -> &'static [PowerTarget] {
        &PowerTarget::ALL
    }

    async fn state(&self, task: &Task) -> Result<Option<PowerState>> {
        self.0.act(task, "power", "state").await?;
        Ok(task.node().power_state)
    }

    async fn set(&self, task: &Task, target: PowerTarget, limit: Duration) -> Result<PowerState> {
        self.0.act(&task.within(limit), "power", "set").await?;
        Ok(target.reached())
    }

    async fn probe(&self, _: &Object) -> ProbeReport {
        ProbeReport {
            checks: vec![ProbeCheck {
                name: "hardware".to_owned(),
                result: CheckResult::Passed,
                detail: "fake hardware has no BMC".to_owned(),
                remedy: None,
            }],
            ..ProbeReport::default()
        }
    }
}
