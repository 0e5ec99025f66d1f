//! Taking over a machine that is in use already: nothing of it is touched.

use cupola_api::fault::ApiFault;
use cupola_api::state::provision::ProvisionVerb;
use cupola_api::state::transition::{Actor, Event};

use super::Conductor;
use super::diagnosis::Situation;
use super::error::WorkResult;
use super::locks::Held;
use super::work::Work;

impl Conductor {
    pub(super) async fn start_adopt(&self, held: &Held) -> Result<(), ApiFault> {
        let verb = ProvisionVerb::Adopt;
        held.work
            .transition(verb.event(), Actor::User, verb.as_str(), |node| {
                node.last_error = None;
            })
            .await?;
        Ok(())
    }
}

impl Work {
    pub(super) async fn run_adopt(&self) {
        let adopted = async {
            let (task, hardware) = self.hardware().await?;
            hardware.power.validate(&task)?;
            let state = hardware.power.state(&task).await?;
            self.transition(Event::Done, Actor::Conductor, "adopted", |node| {
                node.power_state = state;
            })
            .await?;
            WorkResult::Ok(())
        };
        match adopted.await {
            Ok(()) => {}
            Err(_) if self.is_stopping() => {}
            Err(error) => {
                let text = format!("Error while attempting to adopt node: {error}");
                let text = self.explained(&text, Situation::Failed).await;
                self.fail("adoption", &text, |node| node.power_state = None)
                    .await;
            }
        }
    }
}
