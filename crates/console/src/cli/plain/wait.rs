//! Waiting for nodes.

use std::time::Duration;

use cupola_api::cupola::NodeSummary;
use cupola_api::id::NodeId;
use cupola_api::state::provision::ProvisionState;
use tokio::time::{Instant, timeout_at};

use super::order::Targets;
use super::{Next, Plain, Trouble, Waited, tell};
use crate::cli::output;
use crate::describe;
use crate::state::fleet;

/// How long nodes are waited for.
const PATIENCE: Duration = Duration::from_hours(2);

impl Plain {
    /// Waits until nothing is done to them any more, or until they are in this state or have failed; a
    /// line typed meanwhile ends it.
    pub(super) async fn wait_for(
        &mut self,
        targets: &Targets,
        state: Option<ProvisionState>,
    ) -> Result<Next, Trouble> {
        let wanted: Vec<NodeId> = self.find(targets)?.iter().map(|node| node.uuid).collect();
        self.refresh().await?;
        let end = Instant::now() + PATIENCE;
        while self.open(&wanted, state) > 0 {
            match timeout_at(end, self.wait(self.typed)).await {
                Ok(Waited::Event(event)) => self.on_event(*event)?,
                Ok(Waited::Line(Some(_))) => {
                    output::line("It is not waited for any more.")?;
                    return Ok(Next::Line);
                }
                Ok(Waited::Line(None) | Waited::End) => return Ok(Next::Quit),
                Err(_) => {
                    let count = describe::count(self.open(&wanted, state), "node");
                    let text = format!("gave up after 2 hours: something is still done to {count}");
                    return Err(text.into());
                }
            }
        }
        let mut failed = 0;
        for id in &wanted {
            match self.fleet.get(*id) {
                Some(node) => {
                    failed += usize::from(fleet::is_failed(node));
                    output::line(&tell::row(node))?;
                }
                None => output::line(&format!("{id}: gone"))?,
            }
        }
        match failed {
            0 => Ok(Next::Line),
            failed => Err(format!("{failed} of {} failed.", wanted.len()).into()),
        }
    }

    /// How many of them are not where they are waited for.
    fn open(&self, nodes: &[NodeId], state: Option<ProvisionState>) -> usize {
        let nodes = nodes.iter().filter_map(|id| self.fleet.get(*id));
        nodes.filter(|node| is_open(node, state)).count()
    }
}

/// Whether a node is not where it is waited for. One at rest is there when its conductor has let go of
/// it: what is asked of it next would be refused until then.
fn is_open(node: &NodeSummary, state: Option<ProvisionState>) -> bool {
    let is_moving = fleet::is_moving(node);
    let is_held = !is_moving && node.reservation.is_some();
    let is_under_way = match state {
        Some(state) => node.provision_state != state && !fleet::is_failed(node),
        None => is_moving,
    };
    is_under_way || is_held
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::summary;

    #[test]
    fn a_node_is_there_when_its_conductor_has_let_go_of_it() {
        use ProvisionState as S;
        for (state, held, wanted, open) in [
            (S::Available, false, Some(S::Available), false),
            (S::Available, true, Some(S::Available), true),
            (S::Available, true, None, true),
            (S::CleanFailed, true, Some(S::Available), true),
            (S::CleanFailed, false, Some(S::Available), false),
            (S::Cleaning, true, Some(S::Available), true),
            (S::Cleaning, true, Some(S::Cleaning), false),
            (S::Cleaning, false, None, true),
        ] {
            let mut node = summary(1, "n1", state);
            node.reservation = held.then(|| "conductor-1".to_owned());
            assert_eq!(is_open(&node, wanted), open, "{state:?} {held} {wanted:?}");
        }
    }
}
