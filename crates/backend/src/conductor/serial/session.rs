//! One machine's serial console, held open while somebody follows or records it: one payload at the
//! BMC, shared by all. It is opened again, with growing pauses, when it breaks; when nobody wants it
//! any more the BMC gets it back.

use std::sync::Arc;
use std::time::Duration;

use cupola_api::serial::{SerialLink, SerialSignal, SerialState, SerialWatcher};
use cupola_drivers::interface::{SerialEvent, SerialInput, SerialLine, SerialTrouble};
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::output::Output;
use crate::rpc::{SerialBatch, SerialFollow};

/// How long opening may take.
const OPEN_LIMIT: Duration = Duration::from_secs(60);
/// How long the BMC may take to get it back.
const CLOSE_LIMIT: Duration = Duration::from_secs(4);
/// The first pause before it is opened again, and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long it stays open when the last one has left: who lost the connection comes again.
const LINGER: Duration = Duration::from_secs(2);
/// After this time without a word somebody who follows counts as gone.
pub(super) const LEASE: Duration = Duration::from_secs(40);
/// Pieces of input that wait for the BMC.
const INPUTS: usize = 64;
/// How long input may wait for room.
const INPUT_LIMIT: Duration = Duration::from_secs(5);
/// The most characters that a reader gets at once.
const BATCH: usize = 64 << 10;
/// How many may follow one console.
const WATCHERS: usize = 16;

/// Opens the console; true to take it over.
pub(super) type Opener =
    Arc<dyn Fn(bool) -> BoxFuture<'static, Result<SerialLine, SerialTrouble>> + Send + Sync>;

/// Too many follow it already.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

/// Why input was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotSent {
    /// There is no connection to the BMC.
    Unconnected(String),
    /// The BMC takes characters too slowly.
    Slow,
}

struct Watcher {
    id: Uuid,
    shown: SerialWatcher,
    until: Instant,
}

struct Shared {
    output: Output,
    link: SerialLink,
    watchers: Vec<Watcher>,
    recorders: usize,
    /// Grows with every change of what `SerialState` tells.
    state: u64,
    take_over: bool,
    unwanted_since: Option<Instant>,
    is_over: bool,
}

/// A console and all who want it.
pub(super) struct Session {
    shared: Mutex<Shared>,
    changed: watch::Sender<()>,
    /// Somebody wants it now, whatever the pause.
    wake: Notify,
    input: mpsc::Sender<SerialInput>,
}

/// Holds a session open for a recording.
pub(super) struct Hold(Arc<Session>);

impl Hold {
    pub(super) const fn session(&self) -> &Arc<Session> {
        &self.0
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.change(|shared| {
            shared.recorders = shared.recorders.saturating_sub(1);
        });
    }
}

impl Session {
    /// A session with this number, and its input. Nothing is opened before [`Session::run`].
    pub(super) fn new(number: u64) -> (Arc<Self>, mpsc::Receiver<SerialInput>) {
        let (input, inputs) = mpsc::channel(INPUTS);
        let session = Self {
            shared: Mutex::new(Shared {
                output: Output::new(number),
                link: SerialLink::Connecting,
                watchers: Vec::new(),
                recorders: 0,
                state: 1,
                take_over: false,
                unwanted_since: None,
                is_over: false,
            }),
            changed: watch::Sender::new(()),
            wake: Notify::new(),
            input,
        };
        (Arc::new(session), inputs)
    }

    /// Changes what is told of it.
    fn change(&self, change: impl FnOnce(&mut Shared)) {
        let mut shared = self.shared.lock();
        change(&mut shared);
        shared.state += 1;
        drop(shared);
        self.changed.send_replace(());
    }

    /// Lets somebody follow, or go on following; `None` when the session is over.
    pub(super) fn join(&self, who: &SerialFollow) -> Option<Result<(), Full>> {
        let mut shared = self.shared.lock();
        if shared.is_over {
            return None;
        }
        let is_broken = matches!(shared.link, SerialLink::Waiting { .. });
        let until = Instant::now() + LEASE;
        if who.take_over && who.state == 0 && shared.link != SerialLink::Connected {
            shared.take_over = true;
            self.wake.notify_one();
        }
        if let Some(watcher) = shared.watchers.iter_mut().find(|w| w.id == who.watcher) {
            watcher.until = until;
            return Some(Ok(()));
        }
        if shared.watchers.len() >= WATCHERS {
            return Some(Err(Full));
        }
        shared.watchers.push(Watcher {
            id: who.watcher,
            shown: SerialWatcher {
                user: who.user.clone(),
                since: Timestamp::now(),
            },
            until,
        });
        shared.state += 1;
        drop(shared);
        if is_broken {
            self.wake.notify_one();
        }
        self.changed.send_replace(());
        Some(Ok(()))
    }

    pub(super) fn leave(&self, watcher: Uuid) {
        self.change(|shared| shared.watchers.retain(|w| w.id != watcher));
    }

    /// Holds it open; `None` when it is over.
    pub(super) fn hold(self: &Arc<Self>) -> Option<Hold> {
        let mut shared = self.shared.lock();
        if shared.is_over {
            return None;
        }
        shared.recorders += 1;
        shared.state += 1;
        drop(shared);
        self.changed.send_replace(());
        Some(Hold(Arc::clone(self)))
    }

    /// What a follower has not seen yet; waits for it until then. `None` when the session is over.
    pub(super) async fn next(&self, who: &SerialFollow, until: Instant) -> Option<SerialBatch> {
        let mut changed = self.changed.subscribe();
        loop {
            changed.mark_unchanged();
            let batch = self.batch(who)?;
            if !batch.items.is_empty() {
                return Some(batch);
            }
            tokio::select! {
                _ = changed.changed() => {}
                () = tokio::time::sleep_until(until) => return Some(batch),
            }
        }
    }

    fn batch(&self, who: &SerialFollow) -> Option<SerialBatch> {
        let shared = self.shared.lock();
        if shared.is_over {
            return None;
        }
        let (mut items, next) = shared.output.read(who.after, BATCH);
        if shared.state != who.state {
            let state = SerialState {
                link: shared.link.clone(),
                watchers: shared.watchers.iter().map(|w| w.shown.clone()).collect(),
                recording: shared.recorders > 0,
            };
            items.insert(0, cupola_api::serial::SerialItem::State(state));
        }
        Some(SerialBatch {
            items,
            next,
            state: shared.state,
        })
    }

    /// The place behind everything that came.
    pub(super) fn end(&self) -> cupola_api::serial::SerialCursor {
        self.shared.lock().output.end()
    }

    /// Types, or sends a break.
    pub(super) async fn send(&self, input: SerialInput) -> Result<(), NotSent> {
        match &self.shared.lock().link {
            SerialLink::Connected => {}
            SerialLink::Connecting => {
                let why = "it is being connected".to_owned();
                return Err(NotSent::Unconnected(why));
            }
            SerialLink::Waiting { why, .. } => return Err(NotSent::Unconnected(why.clone())),
        }
        let sent = self.input.send_timeout(input, INPUT_LIMIT).await;
        sent.map_err(|_| NotSent::Slow)
    }

    /// Forgets who has not called for long; whether anybody wants it still.
    fn is_wanted(&self) -> bool {
        let now = Instant::now();
        let mut shared = self.shared.lock();
        let before = shared.watchers.len();
        shared.watchers.retain(|w| w.until > now);
        let gone = shared.watchers.len() != before;
        if gone {
            shared.state += 1;
        }
        let wanted = if shared.recorders > 0 || !shared.watchers.is_empty() {
            shared.unwanted_since = None;
            true
        } else {
            now - *shared.unwanted_since.get_or_insert(now) < LINGER
        };
        drop(shared);
        if gone {
            self.changed.send_replace(());
        }
        wanted
    }

    /// Ends it, unless somebody has come meanwhile.
    fn end_unwanted(&self) -> bool {
        let mut shared = self.shared.lock();
        shared.is_over = shared.watchers.is_empty() && shared.recorders == 0;
        shared.is_over
    }

    /// Carries the console until nobody wants it or the service stops.
    pub(super) async fn run(
        &self,
        open: Opener,
        mut inputs: mpsc::Receiver<SerialInput>,
        stop: CancellationToken,
    ) {
        let mut pause = FIRST_PAUSE;
        loop {
            if stop.is_cancelled() || (!self.is_wanted() && self.end_unwanted()) {
                break;
            }
            self.change(|shared| shared.link = SerialLink::Connecting);
            let take_over = std::mem::take(&mut self.shared.lock().take_over);
            let opened = tokio::select! {
                () = stop.cancelled() => break,
                opened = timeout(OPEN_LIMIT, open(take_over)) => opened,
            };
            let trouble = match opened {
                Ok(Ok(line)) => {
                    pause = FIRST_PAUSE;
                    while inputs.try_recv().is_ok() {}
                    self.change(|shared| {
                        shared.link = SerialLink::Connected;
                        // Who asked for it while it was being opened has it.
                        shared.take_over = false;
                    });
                    tracing::debug!("serial console opened");
                    self.carry(line, &mut inputs, &stop).await
                }
                Ok(Err(trouble)) => Some(trouble),
                Err(_) => Some(SerialTrouble {
                    why: format!("the BMC did not open it in {} s", OPEN_LIMIT.as_secs()),
                    in_use: false,
                }),
            };
            if let Some(trouble) = trouble {
                self.rest(trouble, pause, &stop).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
        self.shared.lock().is_over = true;
        self.changed.send_replace(());
    }

    /// Waits before it is opened again; not for longer than somebody wants it.
    async fn rest(&self, trouble: SerialTrouble, pause: Duration, stop: &CancellationToken) {
        let span = SignedDuration::try_from(pause).unwrap_or_default();
        let until = Timestamp::now().checked_add(span).unwrap_or(Timestamp::MAX);
        self.change(|shared| {
            shared.link = SerialLink::Waiting {
                why: trouble.why,
                until,
                in_use: trouble.in_use,
            };
        });
        let over = tokio::time::sleep(pause);
        tokio::pin!(over);
        let mut look = ticks();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = &mut over => return,
                () = self.wake.notified() => return,
                _ = look.tick() => if !self.is_wanted() { return },
            }
        }
    }

    /// Carries characters both ways; what ended it, unless nobody wants it any more.
    async fn carry(
        &self,
        line: SerialLine,
        inputs: &mut mpsc::Receiver<SerialInput>,
        stop: &CancellationToken,
    ) -> Option<SerialTrouble> {
        let SerialLine { mut output, input } = line;
        let trouble = {
            let typing = async {
                while let Some(piece) = inputs.recv().await {
                    if !input.send(piece).await {
                        break;
                    }
                }
                // What the output says next is why.
                std::future::pending::<()>().await;
            };
            tokio::pin!(typing);
            let mut look = ticks();
            loop {
                tokio::select! {
                    () = stop.cancelled() => break None,
                    came = output.next() => match came {
                        Some(Ok(event)) => self.take(event),
                        Some(Err(trouble)) => break Some(trouble),
                        None => break Some(SerialTrouble {
                            why: "the BMC ended the serial console".to_owned(),
                            in_use: false,
                        }),
                    },
                    () = &mut typing => {}
                    _ = look.tick() => if !self.is_wanted() { break None },
                }
            }
        };
        // Without its sender the console goes back to the BMC, and its output ends.
        drop(input);
        let closed = timeout(CLOSE_LIMIT, async {
            while output.next().await.is_some() {}
        });
        if closed.await.is_err() {
            tracing::debug!("the BMC did not take its serial console back in time");
        }
        trouble
    }

    fn take(&self, event: SerialEvent) {
        let now = Timestamp::now();
        let mut shared = self.shared.lock();
        match event {
            SerialEvent::Characters(characters) => shared.output.write(now, &characters),
            SerialEvent::Break => shared.output.signal(now, SerialSignal::Break),
            SerialEvent::Overrun => shared.output.signal(now, SerialSignal::Overrun),
            SerialEvent::Refused => shared.output.signal(now, SerialSignal::Refused),
        }
        drop(shared);
        self.changed.send_replace(());
    }
}

fn ticks() -> tokio::time::Interval {
    let mut ticks = interval(Duration::from_millis(500));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

#[cfg(test)]
mod tests;
