//! What an interface's method is given: a node to look at, a deadline to keep, and somebody to
//! tell of changes and events.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cupola_api::Rung;
use cupola_api::event::Severity;
use cupola_api::node::Node;
use cupola_api::port::Port;
use cupola_api::state::power::PowerTarget;
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Changes, DriverError, Result};

/// A command to a BMC, ended.
#[derive(Clone, Copy, Debug)]
pub struct BmcCommand<'a> {
    /// Its name in the protocol.
    pub name: &'a str,
    /// The rung of the boot ladder that it reached, or where it broke.
    pub rung: Rung,
    /// The answer, or what is wrong.
    pub outcome: std::result::Result<&'a str, BmcTrouble<'a>>,
    /// From the request to the answer.
    pub took: Duration,
}

/// What is wrong with a BMC, and what to do.
#[derive(Clone, Copy, Debug)]
pub struct BmcTrouble<'a> {
    /// What is wrong.
    pub message: &'a str,
    /// What to do about it.
    pub remedy: &'a str,
}

/// Hears of changes and events while a method runs. The conductor stores the first and puts the
/// second on the node's timeline.
#[async_trait]
pub trait Recorder: Send + Sync + 'static {
    /// Applies changes to the node now, not when the method ends; answers the node as it is then.
    async fn record(&self, changes: Changes) -> Result<Arc<Node>>;

    /// A command went to the BMC.
    fn bmc_command(&self, command: &BmcCommand<'_>);

    /// A line for the node's log; `source` is `conductor`, `agent` or `bmc`.
    fn log(&self, severity: Severity, source: &str, text: &str);

    /// The running step got further.
    fn progress(&self, percent: Option<u8>, message: &str);

    /// The power is being changed: whoever listens hears where that is. Never fails: what is heard
    /// decides nothing.
    async fn power_set(&self, _target: PowerTarget, _moment: PowerSet) {}
}

/// Where a change of the power is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerSet {
    /// It begins.
    Start,
    /// The machine is as it was asked to be.
    End,
    /// It failed.
    Error,
}

/// A view of one node for the time of one piece of work. Cheap to clone.
#[derive(Clone)]
pub struct Task {
    node: Arc<Mutex<Arc<Node>>>,
    ports: Arc<[Port]>,
    cancel: CancellationToken,
    deadline: Instant,
    recorder: Arc<dyn Recorder>,
}

impl Task {
    /// A task on this node; secrets in the node are plain.
    pub fn new(
        node: Arc<Node>,
        ports: impl Into<Arc<[Port]>>,
        deadline: Instant,
        cancel: CancellationToken,
        recorder: Arc<dyn Recorder>,
    ) -> Self {
        Self {
            node: Arc::new(Mutex::new(node)),
            ports: ports.into(),
            cancel,
            deadline,
            recorder,
        }
    }

    /// The node, with every change that this task has recorded. Secrets in it are plain.
    #[must_use]
    pub fn node(&self) -> Arc<Node> {
        Arc::clone(&self.node.lock())
    }

    /// The node's ports.
    #[must_use]
    pub fn ports(&self) -> &[Port] {
        &self.ports
    }

    /// Ends when the work shall stop.
    #[must_use]
    pub const fn cancel(&self) -> &CancellationToken {
        &self.cancel
    }

    /// When the work is given up.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The same task with an earlier deadline; a later one changes nothing.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        let mut task = self.clone();
        task.deadline = self.deadline.min(Instant::now() + limit);
        task
    }

    /// Whoever hears of changes and events.
    #[must_use]
    pub fn recorder(&self) -> &dyn Recorder {
        self.recorder.as_ref()
    }

    /// The recorder, to be kept by an observer.
    #[must_use]
    pub fn shared_recorder(&self) -> Arc<dyn Recorder> {
        Arc::clone(&self.recorder)
    }

    /// Records changes now, before the method ends.
    ///
    /// # Errors
    /// [`DriverError::NotRecorded`] when they could not be stored.
    pub async fn record(&self, changes: Changes) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let node = self.recorder.record(changes).await?;
        *self.node.lock() = node;
        Ok(())
    }

    /// Says where a change of the power is.
    pub async fn power_set(&self, target: PowerTarget, moment: PowerSet) {
        self.recorder.power_set(target, moment).await;
    }

    /// Waits, unless the work is cancelled or its deadline passes.
    ///
    /// # Errors
    /// [`DriverError::Cancelled`], [`DriverError::DeadlineExceeded`].
    pub async fn sleep(&self, time: Duration, what: &str) -> Result<()> {
        self.run(what, async {
            tokio::time::sleep(time).await;
            Ok(())
        })
        .await
    }

    /// Runs `work` until it ends, the work is cancelled or its deadline passes.
    ///
    /// # Errors
    /// Those of `work`, [`DriverError::Cancelled`], [`DriverError::DeadlineExceeded`].
    pub async fn run<T>(&self, what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
        let started = Instant::now();
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(DriverError::Cancelled),
            done = tokio::time::timeout_at(self.deadline, work) => done.unwrap_or_else(|_| {
                Err(DriverError::DeadlineExceeded {
                    what: what.to_owned(),
                    seconds: started.elapsed().as_secs(),
                })
            }),
        }
    }
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task")
            .field("node", &self.node.lock().uuid)
            .finish_non_exhaustive()
    }
}

/// A recorder that applies changes to nothing but its own node, for probes and tests.
#[derive(Debug)]
pub struct NoRecorder {
    node: Mutex<Arc<Node>>,
}

impl NoRecorder {
    /// A recorder that starts with this node.
    #[must_use]
    pub fn new(node: Arc<Node>) -> Self {
        Self {
            node: Mutex::new(node),
        }
    }
}

#[async_trait]
impl Recorder for NoRecorder {
    async fn record(&self, changes: Changes) -> Result<Arc<Node>> {
        let mut held = self.node.lock();
        let mut node = Node::clone(&held);
        changes.apply(&mut node);
        *held = Arc::new(node);
        Ok(Arc::clone(&held))
    }

    fn bmc_command(&self, _: &BmcCommand<'_>) {}

    fn log(&self, _: Severity, _: &str, _: &str) {}

    fn progress(&self, _: Option<u8>, _: &str) {}
}
