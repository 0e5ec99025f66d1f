//! Following the service: the list, then the stream of events, again and again.
//!
//! The stream is taken up where it broke, by the id of the last event; only when the server says
//! that events are missing is everything listed again. A server without `/cupola/v1` is polled.

use std::collections::HashMap;
use std::pin::pin;
use std::time::Duration;

use cupola_api::client::{Client, ClientError};
use cupola_api::cupola::{NodeSummaries, NodeSummary};
use cupola_api::event::{self, EventId, EventKind, StreamItem};
use cupola_api::id::NodeId;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};

use crate::event::{Changes, Event, Live};
use crate::state::link::{Server, Trouble};
use crate::summary;
use crate::worker::cache::Cache;
use crate::worker::poll::Poller;

/// Changes are collected for so long before they are told.
const COLLECT: Duration = Duration::from_millis(50);
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(15);
/// So many events at once are enough for one change.
const MOST: usize = 2000;

/// So many parts of a list that is remembered may wait.
const PARTS: usize = 1;

/// Nobody listens any more.
struct Closed;

type Told = Result<(), Closed>;

/// Follows until nobody listens.
pub(crate) async fn run(client: Client, out: mpsc::Sender<Event>, cache: Option<Cache>) {
    let mut follower = Follower {
        client,
        out,
        retry: FIRST_RETRY,
    };
    // It ends when the console does.
    let _ = follower.begin(cache).await;
}

struct Follower {
    client: Client,
    out: mpsc::Sender<Event>,
    retry: Duration,
}

impl Follower {
    /// Shows what is remembered while the service is asked for the first time.
    async fn begin(&mut self, cache: Option<Cache>) -> Told {
        let (send, mut parts) = mpsc::channel(PARTS);
        if let Some(cache) = cache {
            // It ends with the file, or when nobody takes any more.
            tokio::task::spawn_blocking(move || {
                let Some(reading) = cache.read() else { return };
                let at = reading.saved;
                for nodes in reading {
                    if send.blocking_send(Live::Remembered { nodes, at }).is_err() {
                        return;
                    }
                }
            });
        } else {
            drop(send);
        }
        let client = self.client.clone();
        let mut first = pin!(client.summaries());
        let listed = loop {
            tokio::select! {
                biased;
                listed = &mut first => break listed,
                Some(part) = parts.recv() => self.tell(part).await?,
            }
        };
        if listed.is_err() {
            // It stays what there is to be seen.
            while let Some(part) = parts.recv().await {
                self.tell(part).await?;
            }
        }
        drop(parts);
        self.listed(listed).await?;
        self.follow().await
    }

    async fn follow(&mut self) -> Told {
        loop {
            let listed = self.client.summaries().await;
            self.listed(listed).await?;
        }
    }

    /// Goes on with a list until everything must be listed again.
    async fn listed(&mut self, listed: Result<NodeSummaries, ClientError>) -> Told {
        match listed {
            Ok(list) => {
                self.retry = FIRST_RETRY;
                let nodes = list.nodes;
                let server = Server::Cupola;
                self.tell(Live::Listed { nodes, server }).await?;
                self.stream(list.last_event).await
            }
            Err(error) if summary::is_no_cupola(&error) => self.poll().await,
            Err(error) => self.lost(&error).await,
        }
    }

    /// Follows the stream until events are missing.
    async fn stream(&mut self, mut last: EventId) -> Told {
        loop {
            match self.client.events(Some(last), None).await {
                Ok(mut stream) => {
                    self.tell(Live::Connected).await?;
                    loop {
                        match collect(&mut stream, &mut last).await {
                            Collected::Changes(changes) => {
                                self.retry = FIRST_RETRY;
                                self.tell(Live::Changed(changes)).await?;
                            }
                            Collected::Missed => return Ok(()),
                            Collected::Ended(error) => {
                                self.lost(&error).await?;
                                break;
                            }
                        }
                    }
                }
                Err(error) => self.lost(&error).await?,
            }
        }
    }

    /// Asks what has changed again and again; returns when that fails.
    async fn poll(&mut self) -> Told {
        let mut poller = Poller::new(self.client.clone());
        match first(&self.client, &mut poller).await {
            Ok(listed) => self.tell(listed).await?,
            Err(error) => return self.lost(&error).await,
        }
        self.retry = FIRST_RETRY;
        loop {
            sleep(poller.pause()).await;
            match poller.changes().await {
                Ok(changes) => self.tell(Live::Changed(changes)).await?,
                Err(error) => return self.lost(&error).await,
            }
        }
    }

    async fn lost(&mut self, error: &ClientError) -> Told {
        let retry = self.retry;
        self.retry = (retry * 2).min(LAST_RETRY);
        let reason = error.to_string();
        let trouble = match error {
            ClientError::NotBareMetal { .. } => Trouble::Stranger,
            ClientError::Refused(fault) if matches!(fault.status, 401 | 403) => Trouble::NotLetIn,
            ClientError::Refused(_) | ClientError::BadAnswer { .. } => Trouble::Failing,
            ClientError::Unreachable { .. } | ClientError::BadUrl { .. } => Trouble::Away,
        };
        let lost = Live::Lost {
            reason,
            trouble,
            retry,
        };
        self.tell(lost).await?;
        sleep(retry).await;
        Ok(())
    }

    async fn tell(&self, live: Live) -> Told {
        self.out.send(Event::Live(live)).await.map_err(|_| Closed)
    }
}

/// The nodes of a server that is not Cupola, and what it is.
async fn first(client: &Client, poller: &mut Poller) -> Result<Live, ClientError> {
    let version = client.newest_version().await?;
    let nodes = poller.all().await?;
    let server = Server::Ironic { version };
    Ok(Live::Listed { nodes, server })
}

enum Collected {
    Changes(Changes),
    Missed,
    Ended(ClientError),
}

type Stream = futures_util::stream::BoxStream<'static, Result<StreamItem, ClientError>>;

/// Waits for an event, then collects what follows in a short while. Of each node only the last
/// change is kept.
async fn collect(stream: &mut Stream, last: &mut EventId) -> Collected {
    let mut gathered = Gathered::default();
    let mut until = None;
    while gathered.events.len() < MOST {
        let next = match until {
            None => stream.next().await,
            Some(until) => match timeout_at(until, stream.next()).await {
                Ok(next) => next,
                Err(_) => break,
            },
        };
        until.get_or_insert_with(|| Instant::now() + COLLECT);
        match next {
            Some(Ok(StreamItem::Event(event))) => {
                *last = event.id;
                gathered.take(*event);
            }
            Some(Ok(StreamItem::Missed)) => return Collected::Missed,
            // What was gathered is told first; the next call meets the end again.
            Some(Err(_)) | None if !gathered.is_empty() => break,
            Some(Err(error)) => return Collected::Ended(error),
            None => {
                return Collected::Ended(ClientError::Unreachable {
                    target: "the server".to_owned(),
                    reason: "it closed the stream of events".to_owned(),
                });
            }
        }
    }
    Collected::Changes(gathered.changes())
}

#[derive(Default)]
struct Gathered {
    nodes: HashMap<NodeId, Option<NodeSummary>>,
    events: Vec<event::Event>,
}

impl Gathered {
    fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.events.is_empty()
    }

    fn take(&mut self, event: event::Event) {
        match (event.node, event.kind) {
            (_, EventKind::NodeChanged { summary }) => {
                self.nodes.insert(summary.uuid, Some(*summary));
            }
            (Some(id), EventKind::NodeDeleted { .. }) => {
                self.nodes.insert(id, None);
            }
            (node, kind) => self.events.push(event::Event {
                id: event.id,
                at: event.at,
                node,
                kind,
            }),
        }
    }

    fn changes(self) -> Changes {
        let mut changes = Changes {
            events: self.events,
            ..Changes::default()
        };
        for (id, node) in self.nodes {
            match node {
                Some(node) => changes.nodes.push(node),
                None => changes.deleted.push(id),
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::summary as node;
    use cupola_api::state::provision::ProvisionState;
    use futures_util::stream;

    fn changed(id: i64, number: u32, state: ProvisionState) -> Result<StreamItem, ClientError> {
        Ok(StreamItem::Event(Box::new(event::Event {
            id: EventId(id),
            at: jiff::Timestamp::UNIX_EPOCH,
            node: None,
            kind: EventKind::NodeChanged {
                summary: Box::new(node(number, "n", state)),
            },
        })))
    }

    #[tokio::test]
    async fn of_each_node_only_the_last_change_is_told_and_the_end_comes_after() {
        let items = vec![
            changed(1, 1, ProvisionState::Deploying),
            changed(2, 2, ProvisionState::Active),
            changed(3, 1, ProvisionState::Active),
        ];
        let mut stream = stream::iter(items).boxed();
        let mut last = EventId(0);
        let Collected::Changes(changes) = collect(&mut stream, &mut last).await else {
            panic!("changes come first")
        };
        assert_eq!((changes.nodes.len(), last), (2, EventId(3)));
        assert!(
            changes
                .nodes
                .iter()
                .all(|n| n.provision_state == ProvisionState::Active)
        );
        assert!(matches!(
            collect(&mut stream, &mut last).await,
            Collected::Ended(_)
        ));
    }
}
