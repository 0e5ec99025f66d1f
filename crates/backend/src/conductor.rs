//! The conductor: takes a node's lock, moves its provision state, runs its steps.
//!
//! One file per family of provision states; states move only by [`cupola_api::state::transition`]
//! through [`work::Work::transition`]. Every change of a node is a small change of the node as it
//! is then ([`Store::modify_node`]), so that a heartbeat and a running step never undo each other.
//!
//! | file | what |
//! |---|---|
//! | `provision` | which verb starts what |
//! | `verify` `inspect` `clean` `deploy` `teardown` `adopt` `rescue` `service` `abort` | the work behind the verbs |
//! | `flow` `steps` `reserved` `wait` | running a durable list of steps: one after the other, their order, their waits |
//! | `heartbeat` `lookup` `logs` `lost_agent` | what agents say, and what is done when they say nothing |
//! | `family` | steps that run on child nodes, and power that children get through their parent |
//! | `power` `power_sync` `timeouts` `recovery` | power, and what happens by itself |
//! | `rules` | what inspection rules make of a node that was inspected |
//! | `allocate` | which node an allocation gets |
//! | `discovery` | which BMCs there are at which addresses |
//! | `vif` | which port carries which virtual network interface |
//! | `serial` | serial consoles that are followed and recorded |
//! | `diagnosis` | where on the boot ladder a node stands or broke |
//! | `work` `recorder` `locks` `workers` | what all of them stand on |

mod abort;
mod adopt;
mod allocate;
pub mod boot_directory;
mod changes;
mod clean;
pub mod config_drive;
mod deploy;
pub(crate) mod diagnosis;
mod discovery;
mod error;
mod family;
mod flow;
mod heartbeat;
mod inspect;
mod locks;
mod logs;
mod lookup;
mod lost_agent;
mod management;
pub mod options;
mod password;
mod power;
mod power_sync;
mod provision;
mod recorder;
mod recovery;
mod rescue;
mod reserved;
mod rpc;
mod rules;
mod serial;
mod service;
mod steps;
mod teardown;
mod templates;
mod timeouts;
mod update;
mod validation;
mod vendor;
mod verify;
pub(crate) mod vif;
mod wait;
mod work;
mod workers;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use cupola_api::id::{AllocationId, NodeId};
use cupola_drivers::registry::Registry;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::events::EventBus;
use crate::store::{Store, StoreError};
pub use options::ConductorOptions;
use workers::Workers;

/// The conductor. Cheap to clone.
#[derive(Clone)]
pub struct Conductor {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    events: EventBus,
    registry: Registry,
    options: ConductorOptions,
    workers: Workers,
    tracker: TaskTracker,
    stop: CancellationToken,
    /// Nodes that this process holds, or is about to.
    held: Mutex<HashSet<NodeId>>,
    /// Nodes whose waiting step is being followed.
    followed: Mutex<HashSet<NodeId>>,
    /// Nodes that wait for a time to be over, and since when.
    timed: Mutex<HashSet<(NodeId, Timestamp)>>,
    /// The last progress of the step that each node waits for.
    progress: Mutex<HashMap<NodeId, timeouts::Progress>>,
    /// Nodes whose agent was told its token by this process.
    tokens_told: Mutex<HashSet<NodeId>>,
    /// Allocations that a node is looked for.
    allocating: Mutex<HashSet<AllocationId>>,
    /// Agents that do not answer.
    silences: Mutex<HashMap<NodeId, lost_agent::Silence>>,
    /// Serial consoles that are open.
    consoles: serial::Consoles,
    /// Recordings of serial consoles that go on.
    recordings: Mutex<HashMap<NodeId, serial::Running>>,
    /// Failed power reads in a row, by node.
    power_failures: Mutex<HashMap<NodeId, u32>>,
}

impl std::fmt::Debug for Conductor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conductor")
            .field("host", &self.inner.options.host)
            .finish_non_exhaustive()
    }
}

impl Conductor {
    /// A conductor over this store; it does nothing by itself before [`Conductor::start`].
    #[must_use]
    pub fn new(
        store: Store,
        events: EventBus,
        registry: Registry,
        options: ConductorOptions,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                workers: Workers::new(options.workers),
                store,
                events,
                registry,
                options,
                tracker: TaskTracker::new(),
                stop: CancellationToken::new(),
                held: Mutex::default(),
                followed: Mutex::default(),
                timed: Mutex::default(),
                progress: Mutex::default(),
                tokens_told: Mutex::default(),
                allocating: Mutex::default(),
                silences: Mutex::default(),
                consoles: serial::Consoles::default(),
                recordings: Mutex::default(),
                power_failures: Mutex::default(),
            }),
        }
    }

    /// Registers, frees what a dead process of the same name held, goes on with what it left
    /// half-done, and starts the periodic work.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn start(&self) -> Result<(), StoreError> {
        let drivers: Vec<String> = self.registry().types().map(str::to_owned).collect();
        self.store()
            .register_conductor(self.host(), &self.options().group, &drivers)
            .await?;
        self.recover().await?;
        self.clone().resume_allocations().await?;
        self.spawn_periodic();
        Ok(())
    }

    /// Stops taking work, lets go of what runs, and deregisters. What was in the middle goes on at
    /// the next start.
    pub async fn stop(&self) {
        self.inner.stop.cancel();
        self.inner.tracker.close();
        let grace = self.options().graceful_shutdown_timeout;
        if tokio::time::timeout(grace, self.inner.tracker.wait())
            .await
            .is_err()
        {
            tracing::warn!("work on some nodes did not stop in time; it goes on at the next start");
        }
        if let Err(error) = self.store().unregister_conductor(self.host()).await {
            tracing::warn!(%error, "conductor could not be deregistered");
        }
    }

    fn spawn_periodic(&self) {
        let options = self.options();
        self.every("keep-alive", options.heartbeat_interval, Self::keep_alive);
        self.every(
            "callback time-outs",
            options.check_provision_state_interval,
            Self::check_timeouts,
        );
        self.every(
            "power sync",
            options.sync_power_state_interval,
            Self::sync_power_states,
        );
        self.every(
            "power failure recovery",
            options.power_failure_recovery_interval,
            Self::recover_power_failures,
        );
        self.every(
            "orphaned allocations",
            allocate::ORPHANS_INTERVAL,
            Self::resume_allocations,
        );
    }

    /// Does `work` again and again, `pause` apart, until the conductor stops; never when it is zero.
    fn every<F>(&self, name: &'static str, pause: std::time::Duration, work: fn(Self) -> F)
    where
        F: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        if pause.is_zero() {
            return;
        }
        let conductor = self.clone();
        self.inner.tracker.spawn(async move {
            let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + pause, pause);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = conductor.inner.stop.cancelled() => return,
                    _ = ticks.tick() => {}
                }
                tokio::select! {
                    () = conductor.inner.stop.cancelled() => return,
                    done = work(conductor.clone()) => if let Err(error) = done {
                        tracing::warn!(%error, work = name, "periodic work failed");
                    },
                }
            }
        });
    }

    async fn keep_alive(self) -> Result<(), StoreError> {
        self.store().heartbeat_conductor(self.host()).await
    }

    fn store(&self) -> &Store {
        &self.inner.store
    }

    fn events(&self) -> &EventBus {
        &self.inner.events
    }

    fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    fn options(&self) -> &ConductorOptions {
        &self.inner.options
    }

    fn host(&self) -> &str {
        &self.inner.options.host
    }

    fn is_stopping(&self) -> bool {
        self.inner.stop.is_cancelled()
    }
}
