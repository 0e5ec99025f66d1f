//! `GET /cupola/v1/events`: the event stream as server-sent events (WHATWG HTML, section 9.2).
//!
//! A client that lost the connection sends the id of the last event that it saw as
//! `Last-Event-ID`. One that is too slow gets `event: missed` and goes on with what is newest. The
//! stream ends when the service does, and when who follows it may not any more: then its last event
//! is `event: end`, with the reason.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::IntoResponse;
use axum::response::sse::{self, KeepAlive, Sse};
use cupola_api::EventId;
use cupola_api::event::StreamItem;
use cupola_api::fault::ApiFault;
use cupola_api::id::NodeIdent;
use futures_util::stream::{Stream, unfold};
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::super::answer::Answer;
use super::super::call::Call;
use super::super::proof::Proof;
use crate::events::Subscription;

/// How often a comment is sent when nothing happens, so that nobody on the way hangs up.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Follows the events, of all nodes or of one.
pub(in super::super) async fn follow(call: &mut Call) -> Answer {
    let node = call.arguments.text("node")?;
    let node = match node.as_deref().map(NodeIdent::from) {
        // A node that is gone may still be followed: its last events say so.
        Some(NodeIdent::Id(id)) => Some(id),
        Some(name @ NodeIdent::Name(_)) => Some(call.linked(&name).await?.uuid),
        None => None,
    };
    let after = last_event_id(call)?;
    let subscription = call.state.events.subscribe(after, node);
    let ends = Ends::of(call);
    let stream = stream(subscription, ends);
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Ok(Sse::new(stream).keep_alive(keep_alive).into_response())
}

fn last_event_id(call: &Call) -> Result<Option<EventId>, ApiFault> {
    let Some(value) = call.headers.get("last-event-id") else {
        return Ok(None);
    };
    let id = value
        .to_str()
        .ok()
        .and_then(|text| text.trim().parse().ok());
    id.map(|id| Some(EventId(id)))
        .ok_or_else(|| ApiFault::bad_request("Last-Event-ID must be the id of an event, a number."))
}

/// What ends a stream.
pub(super) struct Ends {
    shutdown: CancellationToken,
    watch: Option<Watch>,
}

/// Looks whether who follows may still. It ends with the stream.
struct Watch {
    why: oneshot::Receiver<String>,
    _guard: DropGuard,
}

impl Watch {
    fn of(proof: Proof) -> Self {
        let (told, why) = oneshot::channel();
        let end = CancellationToken::new();
        let guard = end.clone().drop_guard();
        tokio::spawn(async move {
            let reason = tokio::select! {
                () = end.cancelled() => return,
                reason = proof.ended() => reason,
            };
            tracing::info!(
                reason,
                "a stream of events is ended: who follows it may not any more"
            );
            let _ = told.send(reason);
        });
        Self { why, _guard: guard }
    }
}

impl Ends {
    /// Of the answer to this request.
    pub(super) fn of(call: &mut Call) -> Self {
        Self {
            shutdown: call.state.shutdown.child_token(),
            watch: call.proof.take().map(Watch::of),
        }
    }

    /// Waits for the end; the reason that is told, where there is one.
    pub(super) async fn ended(&mut self) -> Option<String> {
        let watched = async {
            match &mut self.watch {
                Some(watch) => (&mut watch.why).await.ok(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => None,
            reason = watched => reason,
        }
    }
}

/// Where a stream is.
enum Place {
    Before(Subscription, Ends),
    Within(Subscription, Ends),
    After,
}

fn stream(
    subscription: Subscription,
    ends: Ends,
) -> impl Stream<Item = Result<sse::Event, Infallible>> + Send {
    unfold(Place::Before(subscription, ends), |place| async move {
        let (mut subscription, mut ends) = match place {
            // The first comment goes out at once: it tells the client that the subscription stands.
            Place::Before(subscription, ends) => {
                let hello = sse::Event::default().comment("follow");
                return Some((Ok(hello), Place::Within(subscription, ends)));
            }
            Place::Within(subscription, ends) => (subscription, ends),
            Place::After => return None,
        };
        tokio::select! {
            biased;
            reason = ends.ended() => {
                let data = serde_json::json!({ "reason": reason? }).to_string();
                let last = sse::Event::default().event("end").data(data);
                Some((Ok(last), Place::After))
            }
            item = subscription.next() => {
                Some((Ok(encode(&item?)), Place::Within(subscription, ends)))
            }
        }
    })
}

fn encode(item: &StreamItem) -> sse::Event {
    match item {
        StreamItem::Missed => sse::Event::default().event("missed").data("{}"),
        StreamItem::Event(event) => {
            let data = serde_json::to_string(event).unwrap_or_default();
            sse::Event::default()
                .id(event.id.0.to_string())
                .event("event")
                .data(data)
        }
    }
}
