//! The serial consoles of machines: which are open, who follows them. One console is one payload at
//! its BMC, however many look at it. `session` carries one, `output` is what it wrote last,
//! `recording` keeps what it writes during a deploy.

mod output;
mod recording;
mod session;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cupola_api::fault::ApiFault;
use cupola_api::id::NodeId;
use cupola_api::serial::SerialSend;
use cupola_drivers::interface::{SerialInput, SerialTrouble};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

use super::Conductor;
use super::error::WorkError;
use super::work::Work;
use crate::rpc::{SerialBatch, SerialFollow};
pub(super) use recording::Running;
use session::{Full, Hold, NotSent, Opener, Session};

/// How long a follower waits for something new at most.
const WAIT: Duration = Duration::from_secs(10);

/// The consoles that are open.
pub(super) struct Consoles {
    sessions: Mutex<HashMap<NodeId, Arc<Session>>>,
    /// The number of the next session. It begins with the time, so that a place of an earlier
    /// process is known as another one's.
    next: AtomicU64,
}

impl Default for Consoles {
    fn default() -> Self {
        let now = u64::try_from(Timestamp::now().as_microsecond()).unwrap_or_default();
        Self {
            sessions: Mutex::default(),
            next: AtomicU64::new(now),
        }
    }
}

impl Conductor {
    pub(super) async fn follow_serial(
        &self,
        node: NodeId,
        who: SerialFollow,
    ) -> Result<SerialBatch, ApiFault> {
        let until = Instant::now() + WAIT;
        loop {
            let session = self.session_of(node).await?;
            match session.join(&who) {
                Some(Ok(())) => {}
                Some(Err(Full)) => {
                    let text = "Too many follow this serial console already; close another one.";
                    return Err(ApiFault::conflict(text));
                }
                None => {
                    self.forget(node, &session);
                    continue;
                }
            }
            if let Some(batch) = session.next(&who, until).await {
                return Ok(batch);
            }
            if self.is_stopping() {
                return Err(ApiFault::unavailable("The service is stopping."));
            }
        }
    }

    pub(super) fn leave_serial(&self, node: NodeId, watcher: Uuid) {
        let session = self.inner.consoles.sessions.lock().get(&node).cloned();
        if let Some(session) = session {
            session.leave(watcher);
        }
    }

    pub(super) async fn send_serial(&self, node: NodeId, send: SerialSend) -> Result<(), ApiFault> {
        let session = self.inner.consoles.sessions.lock().get(&node).cloned();
        let session = session.ok_or_else(|| {
            ApiFault::conflict(format!(
                "The serial console of node {node} is not open: follow it first, with GET of the \
                 same path."
            ))
        })?;
        let inputs = send
            .data
            .map(|characters| SerialInput::Characters(characters.0))
            .into_iter()
            .chain(send.send_break.then_some(SerialInput::Break));
        for input in inputs {
            session.send(input).await.map_err(|error| {
                ApiFault::conflict(match error {
                    NotSent::Unconnected(why) => {
                        format!("The serial console of node {node} is not connected: {why}")
                    }
                    NotSent::Slow => format!(
                        "The BMC of node {node} takes no characters now; try again in a moment."
                    ),
                })
            })?;
        }
        Ok(())
    }

    /// Holds a console open for a recording; `None` where the machine has none.
    async fn hold_serial(&self, node: NodeId) -> Option<Hold> {
        loop {
            let session = self.session_of(node).await.ok()?;
            if let Some(hold) = session.hold() {
                return Some(hold);
            }
            self.forget(node, &session);
        }
    }

    /// The node's session, a new one where there is none.
    async fn session_of(&self, node: NodeId) -> Result<Arc<Session>, ApiFault> {
        if let Some(session) = self.inner.consoles.sessions.lock().get(&node) {
            return Ok(Arc::clone(session));
        }
        if self.is_stopping() {
            return Err(ApiFault::unavailable("The service is stopping."));
        }
        let open = self.opener(node).await?;
        let mut sessions = self.inner.consoles.sessions.lock();
        if let Some(session) = sessions.get(&node) {
            return Ok(Arc::clone(session));
        }
        let number = self.inner.consoles.next.fetch_add(1, Ordering::Relaxed);
        let (session, inputs) = Session::new(number);
        sessions.insert(node, Arc::clone(&session));
        drop(sessions);
        let (conductor, carried) = (self.clone(), Arc::clone(&session));
        self.inner.tracker.spawn(async move {
            let stop = conductor.inner.stop.clone();
            carried.run(open, inputs, stop).await;
            conductor.forget(node, &carried);
        });
        Ok(session)
    }

    fn forget(&self, node: NodeId, session: &Arc<Session>) {
        let mut sessions = self.inner.consoles.sessions.lock();
        if sessions.get(&node).is_some_and(|s| Arc::ptr_eq(s, session)) {
            sessions.remove(&node);
        }
    }

    /// Opens the node's console, with what the node says each time.
    async fn opener(&self, node: NodeId) -> Result<Opener, ApiFault> {
        let work = Work::new(self.clone(), node);
        let (task, hardware) = work.hardware().await?;
        let Some(serial) = hardware.serial else {
            return Err(ApiFault::bad_request(format!(
                "The machine of node {node} has no serial console here: its driver '{}' carries \
                 none. Serial-over-LAN needs hardware type 'ipmi'.",
                task.node().driver
            )));
        };
        serial.validate(&task).map_err(WorkError::from)?;
        Ok(Arc::new(move |take_over| {
            let work = work.clone();
            Box::pin(async move {
                let unreadable = |error: WorkError| SerialTrouble {
                    why: error.to_string(),
                    in_use: false,
                };
                let (task, hardware) = work.hardware().await.map_err(unreadable)?;
                match hardware.serial {
                    Some(serial) => serial.open(&task, take_over).await,
                    None => Err(SerialTrouble {
                        why: "the node's driver has changed".to_owned(),
                        in_use: false,
                    }),
                }
            })
        }))
    }
}
