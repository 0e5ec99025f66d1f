//! `GET` and `POST /cupola/v1/nodes/{node}/serial`: a machine's serial console, as server-sent events
//! and typed into. The contract is [`cupola_api::serial`]; the console itself is the conductor's.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::response::IntoResponse;
use axum::response::sse::{self, KeepAlive, Sse};
use cupola_api::fault::ApiFault;
use cupola_api::id::NodeId;
use cupola_api::serial::{LONGEST_INPUT, SerialCursor, SerialItem, SerialSend};
use futures_util::stream::{Stream, unfold};
use http::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use super::super::answer::{Answer, empty};
use super::super::body::Size;
use super::super::call::Call;
use super::events::{Ends, KEEP_ALIVE};
use crate::rpc::{Rpc, SerialFollow};

/// Follows a console.
pub(in super::super) async fn follow(call: &mut Call, node: &str) -> Answer {
    let take_over = call.arguments.boolean("take_over")?.unwrap_or(false);
    let after = last_place(call)?;
    let node = call.target(&node.into()).await?.uuid;
    let mut place = SerialFollow {
        watcher: Uuid::new_v4(),
        user: call.user.as_deref().map(str::to_owned),
        after,
        state: 0,
        take_over,
    };
    let watcher = Watcher {
        rpc: Arc::clone(&call.state.rpc),
        node,
        id: place.watcher,
    };
    // Asked before the answer begins, so that what cannot be followed is still an error.
    let first = watcher.rpc.serial_follow(node, place.clone()).await?;
    place.after = Some(first.next);
    place.state = first.state;
    let following = Following {
        watcher,
        place,
        ready: first.items.into(),
        ends: Ends::of(call),
    };
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Ok(Sse::new(stream(following))
        .keep_alive(keep_alive)
        .into_response())
}

fn last_place(call: &Call) -> Result<Option<SerialCursor>, ApiFault> {
    let Some(value) = call.headers.get("last-event-id") else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    text.parse()
        .map(Some)
        .map_err(|error| ApiFault::bad_request(format!("Last-Event-ID: {error}")))
}

/// Somebody who follows; leaves when it is dropped.
struct Watcher {
    rpc: Arc<dyn Rpc>,
    node: NodeId,
    id: Uuid,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let (rpc, node, id) = (Arc::clone(&self.rpc), self.node, self.id);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { rpc.serial_leave(node, id).await });
        }
    }
}

struct Following {
    watcher: Watcher,
    place: SerialFollow,
    ready: VecDeque<SerialItem>,
    ends: Ends,
}

fn stream(following: Following) -> impl Stream<Item = Result<sse::Event, Infallible>> + Send {
    unfold(Some(following), |following| async move {
        let mut following = following?;
        loop {
            if let Some(item) = following.ready.pop_front() {
                return Some((Ok(encode(&item)), Some(following)));
            }
            let asked = following
                .watcher
                .rpc
                .serial_follow(following.watcher.node, following.place.clone());
            let batch = tokio::select! {
                biased;
                reason = following.ends.ended() => {
                    return Some((Ok(encode(&SerialItem::End(reason?))), None));
                }
                batch = asked => batch,
            };
            match batch {
                Ok(batch) => {
                    following.place.after = Some(batch.next);
                    following.place.state = batch.state;
                    following.ready.extend(batch.items);
                }
                Err(fault) => {
                    return Some((Ok(encode(&SerialItem::End(fault.message))), None));
                }
            }
        }
    })
}

fn encode(item: &SerialItem) -> sse::Event {
    let (name, place, data) = item.encode();
    let event = sse::Event::default().event(name).data(data);
    match place {
        Some(place) => event.id(place.to_string()),
        None => event,
    }
}

/// Types into a console.
pub(in super::super) async fn send(call: &mut Call, node: &str) -> Answer {
    // Who may not is told so, whatever is in the body.
    let node = call.target(&node.into()).await?.uuid;
    let members = call.members(&["data", "break"], Size::Usual).await?;
    let wrong = || {
        ApiFault::bad_request(
            "Expected `data`, characters in base64, or `break`, true or false: nothing was sent.",
        )
    };
    let send: SerialSend = serde_json::from_value(Value::Object(members)).map_err(|_| wrong())?;
    match &send.data {
        Some(data) if data.0.len() > LONGEST_INPUT => {
            let text = format!("At most {LONGEST_INPUT} characters are sent at once.");
            return Err(ApiFault::bad_request(text).into());
        }
        Some(data) if !data.0.is_empty() => {}
        Some(_) | None if send.send_break => {}
        Some(_) | None => return Err(wrong().into()),
    }
    call.state.rpc.serial_send(node, send).await?;
    empty(StatusCode::NO_CONTENT)
}
