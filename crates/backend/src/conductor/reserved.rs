//! Reserved steps: those that every interface has and the conductor runs itself – power, holding the
//! node, waiting – and the verb that ends a hold (wire reference §19).

use std::time::Duration;

use cupola_api::fault::ApiFault;
use cupola_api::state::power::PowerTarget;
use cupola_api::state::provision::ProvisionVerb;
use cupola_api::state::transition::Actor;
use cupola_drivers::interface::{Changes, Hardware, Outcome, Step, Task, WaitFor};
use jiff::Timestamp;

use super::Conductor;
use super::error::WorkResult;
use super::locks::Held;
use super::steps::{self, Reserved};
use super::wait;
use super::work::Work;

impl Conductor {
    /// Lets a held node go on: with the next step, at once.
    pub(super) async fn start_unhold(&self, held: &Held) -> Result<(), ApiFault> {
        let verb = ProvisionVerb::Unhold;
        held.work
            .transition(verb.event(), Actor::User, verb.as_str(), |node| {
                let at_once = WaitFor::Timer { milliseconds: 0 };
                wait::remember(node, at_once, Timestamp::now());
            })
            .await?;
        Ok(())
    }
}

impl Work {
    pub(super) async fn run_reserved(
        &self,
        task: &Task,
        hardware: &Hardware,
        reserved: Reserved,
        step: &Step,
    ) -> WorkResult<Outcome> {
        let power = match reserved {
            Reserved::PowerOn => PowerTarget::On,
            Reserved::PowerOff => PowerTarget::Off,
            Reserved::Reboot => PowerTarget::Reboot,
            Reserved::Hold => return Ok(waits("a user to send unhold", WaitFor::Unhold)),
            Reserved::Wait => return Ok(self.wait_of(step)),
        };
        self.set_power(task, hardware, power).await?;
        let comes_back = power != PowerTarget::Off
            && hardware.deploy.uses_agent()
            && self.ramdisk_runs().await?;
        Ok(if comes_back {
            Outcome::wait_for_ramdisk()
        } else {
            Outcome::done()
        })
    }

    fn wait_of(&self, step: &Step) -> Outcome {
        match step.args.get("seconds").and_then(steps::seconds) {
            None => waits("the next heartbeat", WaitFor::Heartbeat),
            Some(seconds) => {
                let most = self.conductor().options().max_wait_step;
                let time = Duration::from_secs(seconds).min(most);
                let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                waits(
                    &format!("{} s to pass", time.as_secs()),
                    WaitFor::Timer { milliseconds },
                )
            }
        }
    }

    /// Whether the list of steps is between the start of its ramdisk and the end.
    async fn ramdisk_runs(&self) -> WorkResult<bool> {
        let Some(run) = self.conductor().store().run(self.id()).await? else {
            return Ok(false);
        };
        let done: Vec<Step> = run
            .steps
            .iter()
            .filter(|record| record.state == crate::store::StepState::Done)
            .map(steps::from_stored)
            .collect();
        Ok(done.iter().any(steps::starts_agent) && !done.iter().any(steps::ends_agent))
    }
}

fn waits(what: &str, until: WaitFor) -> Outcome {
    Outcome::Wait {
        what: what.to_owned(),
        until,
        limit: None,
        changes: Changes::none(),
    }
}
