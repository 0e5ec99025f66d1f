//! Taking a node under management: its BMC is asked for the power state.

use cupola_api::fault::ApiFault;
use cupola_api::state::provision::{ProvisionState, ProvisionVerb};
use cupola_api::state::transition::{Actor, Event};

use super::Conductor;
use super::diagnosis::Situation;
use super::error::WorkResult;
use super::locks::Held;
use super::provision::{Job, Started};
use super::work::Work;
use crate::store::StoredNode;

impl Conductor {
    pub(super) async fn start_manage(
        &self,
        held: &Held,
        node: &StoredNode,
    ) -> Result<Started, ApiFault> {
        let verb = ProvisionVerb::Manage;
        held.work
            .transition(verb.event(), Actor::User, verb.as_str(), |node| {
                node.last_error = None;
            })
            .await?;
        if node.provision_state == ProvisionState::Enroll {
            Ok(Started::Work(Job::Verify))
        } else {
            Ok(Started::Done)
        }
    }
}

impl Work {
    pub(super) async fn run_verify(&self) {
        match self.verify().await {
            Ok(()) => {}
            Err(_) if self.is_stopping() => {}
            Err(error) => {
                let text = format!(
                    "Failed to get power state for node {}. Error: {error}",
                    self.id()
                );
                let text = self.explained(&text, Situation::Failed).await;
                self.fail("verify", &text, |_| {}).await;
            }
        }
    }

    async fn verify(&self) -> WorkResult<()> {
        let (task, hardware) = self.hardware().await?;
        hardware.power.validate(&task)?;
        let state = hardware.power.state(&task).await?;
        let known = task.node().power_state;
        let verified = self
            .transition(Event::Done, Actor::Conductor, "verified", |node| {
                node.power_state = state;
            })
            .await?;
        if known != state {
            self.notifier().power_corrected(&verified, known);
        }
        Ok(())
    }
}
