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
use tokio_util::sync::CancellationToken;

use super::super::answer::Answer;
use super::super::call::Call;
use crate::events::Subscription;

/// How often a comment is sent when nothing happens, so that nobody on the way hangs up.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

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
    let stream = stream(subscription, call.state.shutdown.clone());
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

fn stream(
    subscription: Subscription,
    shutdown: CancellationToken,
) -> impl Stream<Item = Result<sse::Event, Infallible>> + Send {
    // The first comment goes out at once: it tells the client that the subscription stands.
    let state = (subscription, shutdown, true);
    unfold(state, |(mut subscription, shutdown, is_first)| async move {
        if is_first {
            let hello = sse::Event::default().comment("follow");
            return Some((Ok(hello), (subscription, shutdown, false)));
        }
        let item = tokio::select! {
            item = subscription.next() => item?,
            () = shutdown.cancelled() => return None,
        };
        Some((Ok(encode(&item)), (subscription, shutdown, false)))
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
