//! Following one node on the command line until it is where it should be.
//!
//! A service that goes away is waited for, so that an upgrade of it does not end a script.

use std::collections::BTreeSet;
use std::time::Duration;

use cupola_api::client::{Client, ClientError};
use cupola_api::event::{Event, EventId, StreamItem};
use cupola_api::id::NodeIdent;
use cupola_api::node::Node;
use futures_util::StreamExt;
use tokio::time::{Instant, sleep, timeout};

use crate::describe;

/// How often a node is read where the server tells nothing, and at least while it tells nothing.
const POLL: Duration = Duration::from_secs(2);
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(15);

/// What is told while a node is followed.
#[derive(Debug)]
pub(crate) enum Told<'a> {
    /// Something happened to the node.
    Event(&'a Event),
    /// The service went away; it is asked again for so long.
    Lost(&'a ClientError, Duration),
    /// It answers again.
    Back,
}

/// From where a node is followed, and how patiently.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Following {
    /// Only what happened later is told.
    pub(crate) after: Option<EventId>,
    /// A service that does not answer is waited for so long.
    pub(crate) give_up: Duration,
}

/// Follows a node until `done` says so of its present state; `tell` gets what happens meanwhile.
///
/// # Errors
/// As every call of the client; not reachable only after the service was waited for.
pub(crate) async fn until(
    client: &Client,
    ident: &NodeIdent,
    following: Following,
    done: impl Fn(&Node) -> bool,
    mut tell: impl FnMut(Told<'_>),
) -> Result<Node, ClientError> {
    let mut seen = Seen {
        last: following.after,
        told: BTreeSet::new(),
    };
    let mut absence: Option<Absence> = None;
    loop {
        let error = match client.node(ident).await {
            Ok(node) => {
                if absence.take().is_some() {
                    tell(Told::Back);
                }
                match round(client, ident, node, &mut seen, &done, &mut tell).await {
                    Ok(Some(node)) => return Ok(node),
                    Ok(None) => continue,
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        if !is_away(&error) {
            return Err(error);
        }
        if absence.is_none() {
            tell(Told::Lost(&error, following.give_up));
        }
        let absence = absence.get_or_insert_with(|| Absence::new(following.give_up));
        match absence.pause() {
            Some(pause) => sleep(pause).await,
            None => return Err(given_up(error, following.give_up)),
        }
    }
}

/// Tells what happened since, and what happens now; the node when it is where it should be.
async fn round(
    client: &Client,
    ident: &NodeIdent,
    node: Node,
    seen: &mut Seen,
    done: &impl Fn(&Node) -> bool,
    tell: &mut impl FnMut(Told<'_>),
) -> Result<Option<Node>, ClientError> {
    // What happened before the stream begins, and what it may have missed.
    match client.timeline(ident, seen.last).await {
        Ok(timeline) => timeline.events.iter().for_each(|e| seen.tell(e, tell)),
        Err(error) if error.status() == Some(404) => {}
        Err(error) => return Err(error),
    }
    if done(&node) {
        return Ok(Some(node));
    }
    match client.events(seen.last, Some(node.uuid)).await {
        Ok(mut stream) => {
            // The node is read again whenever something happened to it, and now and then.
            while let Ok(Some(Ok(StreamItem::Event(event)))) = timeout(POLL, stream.next()).await {
                seen.tell(&event, tell);
                if done(&client.node(ident).await?) {
                    break;
                }
            }
        }
        Err(error) if error.status() == Some(404) => sleep(POLL).await,
        Err(error) => return Err(error),
    }
    Ok(None)
}

/// Whether the service, not the request, is what is wrong: it may be back in a moment.
const fn is_away(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { .. } => true,
        ClientError::Refused(fault) => matches!(fault.status, 502..=504),
        ClientError::BadUrl { .. }
        | ClientError::NotBareMetal { .. }
        | ClientError::BadAnswer { .. } => false,
    }
}

fn given_up(error: ClientError, waited: Duration) -> ClientError {
    match error {
        ClientError::Unreachable { target, reason } => {
            let waited = describe::duration(u64::try_from(waited.as_millis()).unwrap_or(u64::MAX));
            let reason = format!("{reason}; given up after {waited}");
            ClientError::Unreachable { target, reason }
        }
        ClientError::BadUrl { .. }
        | ClientError::Refused(_)
        | ClientError::NotBareMetal { .. }
        | ClientError::BadAnswer { .. } => error,
    }
}

/// A service that does not answer.
struct Absence {
    since: Instant,
    give_up: Duration,
    retry: Duration,
}

impl Absence {
    fn new(give_up: Duration) -> Self {
        Self {
            since: Instant::now(),
            give_up,
            retry: FIRST_RETRY,
        }
    }

    /// How long to wait before the next try; nothing when it is time to give up.
    fn pause(&mut self) -> Option<Duration> {
        let left = self.give_up.checked_sub(self.since.elapsed())?;
        let pause = self.retry.min(left);
        self.retry = (self.retry * 2).min(LAST_RETRY);
        (!pause.is_zero()).then_some(pause)
    }
}

struct Seen {
    last: Option<EventId>,
    told: BTreeSet<EventId>,
}

impl Seen {
    fn tell(&mut self, event: &Event, tell: &mut impl FnMut(Told<'_>)) {
        if self.told.insert(event.id) {
            tell(Told::Event(event));
        }
        self.last = self.last.max(Some(event.id));
    }
}

/// Whether nothing is being done to a node: it is at rest, held, or failed.
pub(crate) const fn is_at_rest(node: &Node) -> bool {
    !node.provision_state.is_working() && !node.provision_state.is_waiting()
}

/// The events that have happened so far, so that only later ones are told.
pub(crate) async fn position(client: &Client, ident: &NodeIdent) -> Option<EventId> {
    let timeline = client.timeline(ident, None).await.ok()?;
    timeline.events.last().map(|event| event.id)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use bytes::Bytes;
    use cupola_api::client::{BodyStream, Transport};
    use cupola_api::state::provision::ProvisionState;
    use parking_lot::Mutex;

    use super::*;

    /// Reads of the node are answered by these states in turn; `None` and the end: no answer.
    struct Script(Mutex<VecDeque<Option<ProvisionState>>>);

    #[async_trait::async_trait]
    impl Transport for Script {
        async fn send(
            &self,
            request: http::Request<Bytes>,
        ) -> Result<http::Response<BodyStream>, ClientError> {
            let away = ClientError::Unreachable {
                target: "http://h:1".to_owned(),
                reason: "connection refused".to_owned(),
            };
            let answer = |text: String| {
                let body = futures_util::stream::iter([Ok(Bytes::from(text))]).boxed();
                Ok(http::Response::new(body))
            };
            let path = request.uri().path();
            if path.ends_with("/timeline") {
                return answer("{\"events\": []}".to_owned());
            }
            if path.ends_with("/events") {
                return Err(away);
            }
            let state = self.0.lock().pop_front().flatten().ok_or(away)?;
            let node = Node {
                provision_state: state,
                ..Node::default()
            };
            answer(serde_json::to_string(&node).expect("a node as JSON"))
        }

        fn target(&self) -> &'static str {
            "http://h:1"
        }
    }

    async fn follow(
        script: &[Option<ProvisionState>],
        give_up: Duration,
    ) -> (Result<Node, ClientError>, Vec<String>) {
        let client = Client::new(Script(Mutex::new(script.iter().copied().collect())));
        let following = Following {
            after: None,
            give_up,
        };
        let mut told = Vec::new();
        let tell = |what: Told<'_>| {
            told.push(match what {
                Told::Event(_) => "event".to_owned(),
                Told::Lost(..) => "lost".to_owned(),
                Told::Back => "back".to_owned(),
            });
        };
        let ident = NodeIdent::from("n1");
        let outcome = until(&client, &ident, following, is_at_rest, tell).await;
        (outcome, told)
    }

    #[tokio::test]
    async fn a_service_that_comes_back_is_followed_on() {
        let script = [
            Some(ProvisionState::Deploying),
            None,
            Some(ProvisionState::Active),
        ];
        let (outcome, told) = follow(&script, Duration::from_secs(60)).await;
        let node = outcome.expect("the service came back");
        assert_eq!(node.provision_state, ProvisionState::Active);
        assert_eq!(told, ["lost", "back"]);
    }

    #[tokio::test]
    async fn a_service_that_stays_away_is_given_up() {
        let script = [Some(ProvisionState::Deploying)];
        let (outcome, told) = follow(&script, Duration::from_millis(50)).await;
        let error = outcome.expect_err("nobody answers").to_string();
        assert!(error.ends_with("given up after 50 ms"), "{error}");
        assert_eq!(told, ["lost"]);
    }
}
