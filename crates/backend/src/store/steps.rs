//! The durable list of steps of the work that a node is in (design: a deploy is a durable list of
//! steps). One run per node: the list that is being worked on or was worked on last.
//!
//! A step is written down before it starts and when it ends; which step may be repeated after a
//! crash is the conductor's to know.

use cupola_api::id::NodeId;
use cupola_api::node::Object;
use cupola_drivers::crash_point::{CrashPoint, crash_point};
use jiff::Timestamp;
use uuid::Uuid;

use super::Store;
use super::column::Stored as _;
use super::database::{Cell, Row, Statement, assembled, sql};
use super::error::{Conflict, StoreError};
use super::patience;

macro_rules! names {
    ($(#[$doc:meta])* $type:ident { $($(#[$vdoc:meta])* $variant:ident => $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $type { $($(#[$vdoc])* $variant,)* }

        impl $type {
            /// Its name, as events show it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            fn parse(text: &str) -> Option<Self> {
                [$(Self::$variant),*].into_iter().find(|v| v.as_str() == text)
            }
        }
    };
}

names! {
    /// What the steps are for.
    Phase {
        /// Putting an image onto the machine.
        Deploy => "deploy",
        /// Making the machine ready for the next one.
        Clean => "clean",
        /// Checking the BMC.
        Verify => "verify",
        /// Discovering the hardware.
        Inspect => "inspect",
        /// Work on a machine in use.
        Service => "service",
    }
}

names! {
    /// How far a step is.
    StepState {
        /// It has not started.
        Pending => "pending",
        /// It was started.
        Running => "running",
        /// It was started, and its end will be told by another (an agent, a reboot).
        Waiting => "waiting",
        /// It ended well.
        Done => "done",
        /// It failed.
        Failed => "failed",
    }
}

/// A step to do.
#[derive(Clone, Debug, PartialEq)]
pub struct NewStep {
    /// The interface whose step it is: `deploy`, `bios`, ...
    pub interface: String,
    /// Its name within the interface.
    pub step: String,
    /// Its arguments; sealed at rest.
    pub args: Object,
    /// Higher runs earlier; the caller has sorted.
    pub priority: i64,
}

/// A step that is written down.
#[derive(Clone, Debug, PartialEq)]
pub struct StepRecord {
    /// Its position, from 1.
    pub index: u32,
    /// What to do.
    pub what: NewStep,
    /// How far it is.
    pub state: StepState,
    /// When it was started last.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// The error, or what was done.
    pub message: Option<String>,
}

impl StepRecord {
    /// `interface.step`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.what.interface, self.what.step)
    }
}

/// The list of steps of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct StepRun {
    /// Its identifier: a caller with an older one can change nothing.
    pub run: Uuid,
    /// What it is for.
    pub phase: Phase,
    /// The steps in their order.
    pub steps: Vec<StepRecord>,
}

impl StepRun {
    /// The step that was started and has not ended.
    #[must_use]
    pub fn current(&self) -> Option<&StepRecord> {
        self.steps
            .iter()
            .find(|s| matches!(s.state, StepState::Running | StepState::Waiting))
    }

    /// The first step that has not started.
    #[must_use]
    pub fn next(&self) -> Option<&StepRecord> {
        self.steps.iter().find(|s| s.state == StepState::Pending)
    }

    /// Whether every step ended well.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.steps.iter().all(|s| s.state == StepState::Done)
    }
}

fn decode(row: &Row, store: &Store, node: NodeId) -> Result<(Uuid, Phase, StepRecord), StoreError> {
    let bad = |column: &str, reason: &dyn std::fmt::Display| {
        StoreError::corrupt(format!("steps.{column}"), reason)
    };
    let time = |at| -> Result<Option<Timestamp>, StoreError> {
        Option::from_cell(Cell::Int(row.int(at)?)).map_err(|e| bad("started_at", &e))
    };
    let run = Uuid::try_parse(&row.required_text(0)?).map_err(|e| bad("run_id", &e))?;
    let phase = Phase::parse(&row.required_text(1)?).ok_or_else(|| bad("phase", &"unknown"))?;
    let index = u32::try_from(row.required_int(2)?).map_err(|e| bad("idx", &e))?;
    let owner = node.to_string();
    let args = store
        .sealer()
        .open_sealed(&row.required_text(5)?, &owner, "steps.args")?;
    let record = StepRecord {
        index,
        what: NewStep {
            interface: row.required_text(3)?,
            step: row.required_text(4)?,
            args: serde_json::from_str(&args).map_err(|e| bad("args", &e))?,
            priority: row.required_int(6)?,
        },
        state: StepState::parse(&row.required_text(7)?).ok_or_else(|| bad("state", &"unknown"))?,
        started_at: time(8)?,
        finished_at: time(9)?,
        message: row.text(10)?,
    };
    Ok((run, phase, record))
}

impl Store {
    fn insert_steps(
        &self,
        node: NodeId,
        run: Uuid,
        phase: Phase,
        first: u32,
        steps: &[NewStep],
    ) -> Result<Vec<Statement>, StoreError> {
        let owner = node.to_string();
        (first..)
            .zip(steps)
            .map(|(index, step)| {
                let args = serde_json::Value::Object(step.args.clone()).to_string();
                Ok(sql(
                    "INSERT INTO steps \
                     (node_uuid, run_id, phase, idx, interface, step, args, priority, state) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'pending')",
                    [
                        Cell::text(&owner),
                        Cell::text(run.to_string()),
                        Cell::text(phase.as_str()),
                        Cell::int(index.into()),
                        Cell::text(&step.interface),
                        Cell::text(&step.step),
                        Cell::text(self.sealer().seal(&args, &owner, "steps.args")?),
                        Cell::int(step.priority),
                    ],
                ))
            })
            .collect()
    }

    /// Begins a new list of steps in place of the node's last one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the node is unknown.
    pub async fn begin_run(
        &self,
        node: NodeId,
        phase: Phase,
        steps: &[NewStep],
    ) -> Result<StepRun, StoreError> {
        let run = Uuid::new_v4();
        let mut statements = vec![sql(
            "DELETE FROM steps WHERE node_uuid = $1",
            [Cell::text(node.to_string())],
        )];
        statements.extend(self.insert_steps(node, run, phase, 1, steps)?);
        match self.database().transaction(statements).await {
            Err(StoreError::NotFound { .. }) => return Err(StoreError::not_found("Node", node)),
            other => drop(other?),
        }
        crash_point(CrashPoint::RunBegun);
        let records = (1..).zip(steps).map(|(index, what)| StepRecord {
            index,
            what: what.clone(),
            state: StepState::Pending,
            started_at: None,
            finished_at: None,
            message: None,
        });
        Ok(StepRun {
            run,
            phase,
            steps: records.collect(),
        })
    }

    /// Replaces the steps that have not started, when more became known (an agent told its steps).
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when this is not the node's run.
    pub async fn replace_pending_steps(
        &self,
        node: NodeId,
        run: Uuid,
        steps: &[NewStep],
    ) -> Result<StepRun, StoreError> {
        let missing = || StoreError::not_found("Step run", run);
        let now = self.run(node).await?.filter(|r| r.run == run);
        let now = now.ok_or_else(missing)?;
        let started = now.steps.iter().filter(|s| s.state != StepState::Pending);
        let first = started.map(|s| s.index).max().unwrap_or(0) + 1;
        let mut statements = vec![sql(
            "DELETE FROM steps WHERE node_uuid = $1 AND run_id = $2 AND state = 'pending'",
            [Cell::text(node.to_string()), Cell::text(run.to_string())],
        )];
        statements.extend(self.insert_steps(node, run, now.phase, first, steps)?);
        self.database().transaction(statements).await?;
        crash_point(CrashPoint::StepsLearned);
        let after = self.run(node).await?.filter(|r| r.run == run);
        Ok(after.unwrap_or(StepRun {
            steps: Vec::new(),
            ..now
        }))
    }

    /// The node's list of steps.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn run(&self, node: NodeId) -> Result<Option<StepRun>, StoreError> {
        let statement = sql(
            "SELECT run_id, phase, idx, interface, step, args, priority, state, started_at, \
             finished_at, message FROM steps WHERE node_uuid = $1 ORDER BY idx",
            [Cell::text(node.to_string())],
        );
        let mut found: Option<StepRun> = None;
        for row in self.database().read(statement).await? {
            let (run, phase, record) = decode(&row, self, node)?;
            let list = found.get_or_insert(StepRun {
                run,
                phase,
                steps: Vec::new(),
            });
            list.steps.push(record);
        }
        Ok(found)
    }

    /// Writes down that the step is about to start, also again after it was interrupted.
    ///
    /// # Errors
    /// [`Conflict::Step`] when it has ended; [`StoreError::NotFound`] when it is not in the run.
    pub async fn start_step(&self, node: NodeId, run: Uuid, index: u32) -> Result<(), StoreError> {
        let from = "('pending', 'running', 'waiting')";
        crash_point(CrashPoint::StepStartDue);
        self.move_step(node, run, index, from, StepState::Running, None)
            .await?;
        crash_point(CrashPoint::StepStarted);
        Ok(())
    }

    /// Writes down that the step's end will be told by another.
    ///
    /// # Errors
    /// As [`Self::start_step`], when it does not run.
    pub async fn wait_step(&self, node: NodeId, run: Uuid, index: u32) -> Result<(), StoreError> {
        let from = "('running', 'waiting')";
        self.move_step(node, run, index, from, StepState::Waiting, None)
            .await?;
        crash_point(CrashPoint::StepWaitWritten);
        Ok(())
    }

    /// Writes down how the step ended.
    ///
    /// # Errors
    /// As [`Self::start_step`], when it does not run.
    pub async fn finish_step(
        &self,
        node: NodeId,
        run: Uuid,
        index: u32,
        outcome: Result<(), String>,
    ) -> Result<(), StoreError> {
        let from = "('running', 'waiting')";
        let (state, message) = match outcome {
            Ok(()) => (StepState::Done, None),
            Err(message) => (StepState::Failed, Some(message)),
        };
        crash_point(CrashPoint::StepEndDue);
        self.move_step(node, run, index, from, state, message)
            .await?;
        crash_point(CrashPoint::StepEnded);
        Ok(())
    }

    async fn move_step(
        &self,
        node: NodeId,
        run: Uuid,
        index: u32,
        from: &'static str,
        to: StepState,
        message: Option<String>,
    ) -> Result<(), StoreError> {
        let times = match to {
            StepState::Pending | StepState::Running => "started_at = $2, finished_at = NULL",
            StepState::Waiting => "started_at = coalesce(started_at, $2)",
            StepState::Done | StepState::Failed => "finished_at = $2",
        };
        let text = format!(
            "UPDATE steps SET state = $1, {times}, message = $3 \
             WHERE node_uuid = $4 AND run_id = $5 AND idx = $6 AND state IN {from}"
        );
        let arguments = vec![
            Cell::text(to.as_str()),
            Cell::int(Timestamp::now().as_microsecond()),
            Cell::Text(message),
            Cell::text(node.to_string()),
            Cell::text(run.to_string()),
            Cell::int(index.into()),
        ];
        if self.database().execute(assembled(text, arguments)).await? == 1 {
            return Ok(());
        }
        let found = self.run(node).await?.filter(|r| r.run == run);
        let step = found.and_then(|r| r.steps.into_iter().find(|s| s.index == index));
        match step {
            // It was this call that moved it, and the answer was lost with the database.
            Some(step) if step.state == to && patience::is_patient() => Ok(()),
            Some(step) => Err(Conflict::Step {
                node,
                index,
                state: step.state.as_str(),
            }
            .into()),
            None => Err(StoreError::not_found("Step", format!("{index} of {node}"))),
        }
    }

    /// Forgets the node's list of steps.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn clear_run(&self, node: NodeId) -> Result<(), StoreError> {
        let statement = sql(
            "DELETE FROM steps WHERE node_uuid = $1",
            [Cell::text(node.to_string())],
        );
        self.database().execute(statement).await.map(drop)
    }
}
