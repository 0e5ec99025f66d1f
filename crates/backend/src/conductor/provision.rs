//! Which verb starts what. The checks of form are the API's; here are those that need the lock.

use std::sync::Arc;

use cupola_api::fault::ApiFault;
use cupola_api::id::NodeId;
use cupola_api::resource::ProvisionRequest;
use cupola_api::state::provision::{ProvisionState, ProvisionVerb};
use cupola_api::state::transition::{self, Actor};

use super::Conductor;
use super::error::WorkError;
use super::flow::Flow;
use super::locks::Held;
use super::workers::Worker;
use crate::store::StoredNode;

impl Conductor {
    /// Starts what a verb asks for.
    pub(super) async fn start_verb(
        &self,
        id: NodeId,
        verb: ProvisionVerb,
        request: ProvisionRequest,
    ) -> Result<(), ApiFault> {
        let node = self.store().node_by_id(id).await.map_err(WorkError::from)?;
        check_state(&node, verb)?;
        let worker = self.inner.workers.for_request()?;
        let held = self.lock(id).await?;
        match self.dispatch(&held, verb, &request).await {
            Ok(Started::Work(work)) => {
                self.run(held, worker, work);
                Ok(())
            }
            Ok(Started::Done) => {
                self.release(held).await;
                Ok(())
            }
            Err(fault) => {
                self.release(held).await;
                Err(fault)
            }
        }
    }

    async fn dispatch(
        &self,
        held: &Held,
        verb: ProvisionVerb,
        request: &ProvisionRequest,
    ) -> Result<Started, ApiFault> {
        let work = &held.work;
        let node = work.node().await.map_err(WorkError::from)?;
        check_state(&node, verb)?;
        match verb {
            ProvisionVerb::Active | ProvisionVerb::Deploy | ProvisionVerb::Rebuild => {
                self.start_deploy(held, verb, request).await?;
                Ok(Started::Work(Job::Deploy))
            }
            ProvisionVerb::Deleted | ProvisionVerb::Undeploy => {
                self.start_teardown(held, verb).await?;
                Ok(Started::Work(Job::Teardown))
            }
            ProvisionVerb::Manage => self.start_manage(held, &node).await,
            ProvisionVerb::Provide | ProvisionVerb::Clean => {
                let needed = self.start_clean(held, verb, request).await?;
                Ok(Started::Work(Job::Clean { needed }))
            }
            ProvisionVerb::Inspect => {
                self.start_inspect(held).await?;
                Ok(Started::Work(Job::Inspect))
            }
            ProvisionVerb::Abort => self.start_abort(held, &node).await,
            ProvisionVerb::Adopt => {
                self.start_adopt(held).await?;
                Ok(Started::Work(Job::Adopt))
            }
            ProvisionVerb::Rescue => {
                self.start_rescue(held, request).await?;
                Ok(Started::Work(Job::Rescue))
            }
            ProvisionVerb::Unrescue => {
                self.start_unrescue(held).await?;
                Ok(Started::Work(Job::Unrescue))
            }
            ProvisionVerb::Service => {
                self.start_service(held, request).await?;
                Ok(Started::Work(Job::Service))
            }
            ProvisionVerb::Unhold => {
                self.start_unhold(held).await?;
                Ok(Started::Done)
            }
        }
    }

    fn run(&self, held: Held, worker: Worker, job: Job) {
        self.spawn(held, worker, move |work| async move {
            match job {
                Job::Deploy => work.run_deploy().await,
                Job::Teardown => work.run_teardown().await,
                Job::Verify => work.run_verify().await,
                Job::Clean { needed } => work.run_clean(needed).await,
                Job::Inspect => work.run_inspect().await,
                Job::Adopt => work.run_adopt().await,
                Job::Rescue => work.run_rescue().await,
                Job::Unrescue => work.run_unrescue().await,
                Job::Service => work.run_flow(Flow::Service).await,
                Job::EndAbort { from } => work.end_abort(from).await,
            }
        });
    }
}

/// What a verb has started.
pub(super) enum Started {
    /// Work that goes on after the answer.
    Work(Job),
    /// Nothing more to do.
    Done,
}

/// Work behind a verb.
#[derive(Clone, Copy)]
pub(super) enum Job {
    Deploy,
    Teardown,
    Verify,
    Clean { needed: bool },
    Inspect,
    Adopt,
    Rescue,
    Unrescue,
    Service,
    EndAbort { from: ProvisionState },
}

fn check_state(node: &Arc<StoredNode>, verb: ProvisionVerb) -> Result<(), ApiFault> {
    if transition::next(node.provision_state, verb.event(), Actor::User).is_some() {
        return Ok(());
    }
    // Ours is the lock under which this is asked again; only before it another's says "later".
    match &node.reservation {
        Some(host) if node.provision_state.is_working() => {
            Err(ApiFault::node_locked(node.uuid, host))
        }
        _ => Err(ApiFault::invalid_state_requested(
            verb.as_str(),
            node.uuid,
            node.provision_state.as_str(),
        )),
    }
}
