//! Does what `update` asks for: calls of the API in tasks of their own, answered with events.
//!
//! The worker never sees the state. Every task can be dropped at any await; dropping the worker
//! ends them all.

pub(crate) mod act;
pub(crate) mod cache;
mod enrolling;
mod files;
mod follow;
mod history;
mod poll;
pub(crate) mod save;
pub(crate) mod serial;
mod watching;

use std::sync::Arc;

use cupola_api::client::{Client, ClientError};
use cupola_api::diagnosis::Explanation;
use cupola_api::id::{NodeId, NodeIdent};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinSet};

use crate::effect::Effect;
use crate::event::{Answer, Event, NOT_SERVED, Refusal, Reply};
use crate::serial::{Ask as Serial, Told};
use crate::summary;
use crate::watching::Ask;
use cache::Cache;
pub(crate) use files::Files;

/// At most so many actions are under way at once.
const ACTIONS: usize = 16;

/// Runs effects.
pub(crate) struct Worker {
    client: Client,
    out: mpsc::Sender<Event>,
    tasks: JoinSet<()>,
    follow: Option<AbortHandle>,
    slots: Arc<Semaphore>,
    /// The pause before the last question of its kind.
    rest: Option<AbortHandle>,
    /// The serial console that is followed.
    serial: Option<serial::Followed>,
    files: Files,
}

impl Worker {
    /// A worker that answers into `out`, and follows the service from now on.
    pub(crate) fn start(client: Client, out: mpsc::Sender<Event>, files: Files) -> Self {
        let mut worker = Self {
            client,
            out,
            tasks: JoinSet::new(),
            follow: None,
            slots: Arc::new(Semaphore::new(ACTIONS)),
            rest: None,
            serial: None,
            files,
        };
        let cache = worker.files.list_of(worker.client.target());
        worker.follow(cache);
        worker
    }

    fn follow(&mut self, cache: Option<Cache>) {
        if let Some(old) = self.follow.take() {
            old.abort();
        }
        let task = follow::run(self.client.clone(), self.out.clone(), cache);
        self.follow = Some(self.tasks.spawn(task));
    }

    /// Starts an effect. Effects that concern the terminal are not for the worker.
    pub(crate) fn perform(&mut self, effect: Effect) {
        let client = self.client.clone();
        match effect {
            Effect::Refresh => self.follow(None),
            Effect::Node(id) => {
                self.answer(async move { Reply::Node(id, node(&client, id).await) });
            }
            Effect::Timeline(id) => {
                self.answer(async move { Reply::Timeline(id, timeline(&client, id).await) });
            }
            Effect::Logs(id) => {
                self.answer(async move { Reply::Logs(id, logs(&client, id).await) });
            }
            Effect::LogLines(id, name, from) => self.answer(async move {
                let lines = client.agent_log_lines(&id.into(), &name, from).await;
                Reply::LogLines(id, name, lines.map_err(text))
            }),
            Effect::Explain(id) => {
                self.answer(async move { Reply::Explained(id, explanation(&client, id).await) });
            }
            Effect::Act(id, action) => {
                let slots = self.slots.clone();
                self.answer(async move {
                    let _slot = slots.acquire().await;
                    let answer = act::act(&client, id, &action).await.map_err(refusal);
                    Reply::Acted(id, action, answer)
                });
            }
            Effect::Drivers => self.answer(async move {
                let drivers = client.drivers().await.map_err(text);
                Reply::Drivers(drivers.map(|all| all.into_iter().map(|d| d.name).collect()))
            }),
            Effect::Images => self.answer(async move {
                Reply::Images(client.images().await.map(|all| all.images).map_err(ours))
            }),
            Effect::Conductors => self
                .answer(async move { Reply::Conductors(client.conductors().await.map_err(text)) }),
            Effect::Remember(line) => {
                let file = self.files.history.clone();
                self.tasks.spawn(async move {
                    // A history that cannot be written is no reason to disturb anybody.
                    let _ = blocking(move || files::remember(file, &line)).await;
                });
            }
            Effect::SaveView(name, view) => {
                let file = self.files.settings.clone();
                self.answer(async move {
                    let (kept, written) = (name.clone(), view.clone());
                    let answer = blocking(move || files::save_view(file, &kept, &written)).await;
                    Reply::ViewSaved(name, view, answer)
                });
            }
            Effect::Probe(ticket, request) => self.answer(async move {
                Reply::Probed(ticket, client.probe(&request).await.map_err(ours))
            }),
            Effect::Identify(ticket, request) => {
                self.answer(enrolling::identify(client, ticket, request));
            }
            Effect::UnknownMacs => self.answer(enrolling::unknown_macs(client)),
            Effect::Discover(ticket, request) => {
                self.answer(enrolling::discover(client, ticket, request));
            }
            Effect::Machines(ticket, path) => self.answer(enrolling::machines(ticket, path)),
            Effect::Enroll(ticket, body, macs) => self.answer(async move {
                Reply::Enrolled(ticket, act::enroll(&client, &body, &macs).await)
            }),
            Effect::Watch(ask) => self.watch(ask),
            Effect::Serial(ask) => self.serial(ask),
            Effect::Runbooks => self
                .answer(async move { Reply::Runbooks(client.runbook_names().await.map_err(text)) }),
            Effect::Save(file, text) => {
                self.answer(async move { Reply::Saved(save::new_file(file, text).await) });
            }
            #[cfg(debug_assertions)]
            #[allow(clippy::panic, reason = "this is what was asked for")]
            Effect::Panic => {
                self.tasks
                    .spawn(async { panic!("asked for with :debug-panic") });
            }
            Effect::Theme(_) | Effect::Copy(_) | Effect::Suspend | Effect::Quit => {}
        }
    }

    fn serial(&mut self, ask: Serial) {
        match ask {
            Serial::Follow {
                node,
                after,
                take_over,
            } => {
                // The one before is given up first.
                self.serial = None;
                let (client, out) = (&self.client, &self.out);
                let tasks = &mut self.tasks;
                let followed = serial::Followed::start(tasks, client, out, node, after, take_over);
                self.serial = Some(followed);
            }
            Serial::Leave => self.serial = None,
            Serial::Send(send) => {
                let refused = self.serial.as_ref().filter(|f| !f.send(send));
                if let Some(node) = refused.map(|followed| followed.node) {
                    let why = "the service is slower than what is typed";
                    let told = Told::NotSent(why.to_owned());
                    self.answer(async move { Reply::Serial(node, told) });
                }
            }
            Serial::Recording(node, name) => {
                let client = self.client.clone();
                self.answer(async move {
                    let read = serial::recording(&client, node, &name).await;
                    Reply::Serial(node, Told::Recorded(name, read))
                });
            }
        }
    }

    fn watch(&mut self, ask: Ask) {
        let is_rest = matches!(ask, Ask::Rest(..));
        if is_rest && let Some(earlier) = self.rest.take() {
            earlier.abort();
        }
        let client = self.client.clone();
        let task = self.spawn(async move { Reply::Watched(watching::answer(client, ask).await) });
        if is_rest {
            self.rest = Some(task);
        }
    }

    fn answer(&mut self, work: impl Future<Output = Reply> + Send + 'static) {
        self.spawn(work);
    }

    fn spawn(&mut self, work: impl Future<Output = Reply> + Send + 'static) -> AbortHandle {
        let out = self.out.clone();
        self.tasks.spawn(async move {
            let reply = work.await;
            // The console is leaving when nobody listens.
            let _ = out.send(Event::Reply(reply)).await;
        })
    }

    /// Forgets tasks that have ended.
    pub(crate) fn reap(&mut self) {
        while self.tasks.try_join_next().is_some() {}
    }
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "used as a function for map_err"
)]
fn refusal(error: ClientError) -> Refusal {
    Refusal {
        reached: !matches!(error, ClientError::Unreachable { .. }),
        why: error.to_string(),
    }
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "used as a function for map_err"
)]
fn text(error: ClientError) -> String {
    error.to_string()
}

type Found = Box<(cupola_api::node::Node, Vec<cupola_api::port::Port>)>;

async fn node(client: &Client, id: NodeId) -> Answer<Found> {
    let ident = NodeIdent::from(id);
    let node = client.node(&ident).await.map_err(text)?;
    let ports = client.ports(&ident).await.map_err(text)?;
    Ok(Box::new((node, ports)))
}

async fn logs(client: &Client, id: NodeId) -> Answer<Vec<cupola_api::cupola::AgentLog>> {
    let found = client.agent_logs(&id.into()).await;
    found.map(|found| found.logs).map_err(ours)
}

async fn explanation(client: &Client, id: NodeId) -> Answer<Box<Explanation>> {
    let explanation = client.explain(&id.into()).await;
    explanation.map(Box::new).map_err(ours)
}

/// The timeline, or the history of a server that keeps none.
async fn timeline(client: &Client, id: NodeId) -> Answer<Vec<cupola_api::event::Event>> {
    match client.timeline(&id.into(), None).await {
        Ok(timeline) => Ok(timeline.events),
        Err(error) if error.status() == Some(404) => {
            history::events(client, id).await.map_err(text)
        }
        Err(error) => Err(text(error)),
    }
}

/// What went wrong with a call that only Cupola knows.
#[allow(
    clippy::needless_pass_by_value,
    reason = "used as a function for map_err"
)]
fn ours(error: ClientError) -> String {
    match summary::is_no_cupola(&error) {
        true => NOT_SERVED.to_owned(),
        false => error.to_string(),
    }
}

/// Does what waits for a disk where that is no harm.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Answer<T> + Send + 'static,
) -> Answer<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(error.to_string()))
}
