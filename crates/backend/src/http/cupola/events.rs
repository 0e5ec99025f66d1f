//! `GET /cupola/v1/events`: the event stream as server-sent events (WHATWG HTML, section 9.2).
//!
//! A client that lost the connection sends the id of the last event that it saw as
//! `Last-Event-ID`. One that is too slow gets `event: missed` and goes on with what is newest. The
//! stream ends when the service does.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::IntoResponse;
use axum::response::sse::{self, KeepAlive, Sse};
use cupola_api::EventId;
use cupola_api::event::StreamItem;
use cupola_api::fault::ApiFault;
use cupola_api::id::NodeIdent;
use futures_util::stream::{Stream, unfold};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::super::answer::Answer;
use super::super::call::Call;
use crate::auth::Proof;
use crate::events::Subscription;

/// How often a comment is sent when nothing happens, so that nobody on the way hangs up.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How often it is looked whether who follows may still.
const LOOK_AGAIN: Duration = Duration::from_secs(3);

/// Follows the events, of all nodes or of one.
pub(in super::super) async fn follow(call: &mut Call) -> Answer {
    let node = call.arguments.text("node")?;
    let node = match node.as_deref().map(NodeIdent::from) {
        // A node that is gone may still be followed: its last events say so.
        Some(NodeIdent::Id(id)) => Some(id),
        Some(name @ NodeIdent::Name(_)) => Some(call.state.store.node(&name).await?.uuid),
        None => None,
    };
    let after = last_event_id(call)?;
    let subscription = call.state.events.subscribe(after, node);
    let end = call.state.shutdown.child_token();
    let guard = call.proof.take().map(|proof| watch(proof, end.clone()));
    let stream = stream(subscription, end, guard);
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

/// Ends the stream when who follows it would not be let in any more: the user was taken out of the
/// file, the token was revoked or has expired.
fn watch(proof: Proof, end: CancellationToken) -> DropGuard {
    let (stream_end, ended) = (end.clone(), end);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = ended.cancelled() => return,
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
            if !proof.holds().await {
                tracing::info!(
                    "a stream of events is ended: who follows it is not let in any more"
                );
                ended.cancel();
                return;
            }
        }
    });
    stream_end.drop_guard()
}

fn stream(
    subscription: Subscription,
    end: CancellationToken,
    guard: Option<DropGuard>,
) -> impl Stream<Item = Result<sse::Event, Infallible>> + Send {
    // The first comment goes out at once: it tells the client that the subscription stands.
    let state = (subscription, end, guard, true);
    unfold(
        state,
        |(mut subscription, end, guard, is_first)| async move {
            if is_first {
                let hello = sse::Event::default().comment("follow");
                return Some((Ok(hello), (subscription, end, guard, false)));
            }
            let item = tokio::select! {
                biased;
                () = end.cancelled() => return None,
                item = subscription.next() => item?,
            };
            Some((Ok(encode(&item)), (subscription, end, guard, false)))
        },
    )
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
