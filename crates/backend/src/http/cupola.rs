//! What the Bare Metal API has no word for, under `/cupola/v1`; the contract is
//! [`cupola_api::cupola`].

pub(super) mod enrolment;
pub(super) mod events;
pub(super) mod logs;
pub(super) mod serial;

use std::time::Duration;

use bytes::Bytes;
use cupola_api::EventId;
use cupola_api::cupola::{Images, Timeline};
use cupola_api::fault::ApiFault;
use cupola_api::node::Node;
use cupola_api::policy::Rule;
use http::StatusCode;

use super::answer::{Answer, ok, with_body};
use super::call::Call;
use super::nodes::redact;
use super::text::{raw, value};
use crate::conductor::diagnosis::{self, Sight};
use crate::events::durations;
use crate::policy::Target;

/// How many events of a timeline are given unless asked otherwise, and at most.
const TIMELINE: u32 = 1000;
/// How long what was just published may take to be counted.
const FLUSH: Duration = Duration::from_secs(1);

/// `GET /cupola/v1/nodes`.
pub(super) async fn nodes(call: &mut Call) -> Answer {
    // The place in the stream is read first: an event between the two is seen twice, never missed.
    let last_event = call.state.events.last_id();
    let version = call.state.store.snapshot().map(|s| s.version());
    let known = version.and_then(|v| call.state.rendered.summaries(v));
    let nodes = match known {
        Some(nodes) => nodes,
        None => {
            let summaries = call.state.store.summaries().await?;
            let mut out = Vec::with_capacity(512 * summaries.len() + 2);
            value(&mut out, &summaries);
            let nodes = Bytes::from(out);
            if let Some(version) = version {
                call.state.rendered.keep_summaries(version, nodes.clone());
            }
            nodes
        }
    };
    // `NodeSummaries`, with the list as it was written before.
    let mut body = Vec::with_capacity(nodes.len() + 64);
    raw(
        &mut body,
        format_args!("{{\"last_event\":{},\"nodes\":", last_event.0),
    );
    body.extend_from_slice(&nodes);
    body.push(b'}');
    Ok(with_body(StatusCode::OK, body))
}

/// `GET /cupola/v1/nodes/{node}/timeline?after=ID&limit=N`.
pub(super) async fn timeline(call: &mut Call, node: &str) -> Answer {
    let after = number(call, "after")?.map(EventId);
    let limit = number(call, "limit")?.map_or(TIMELINE, |n| u32::try_from(n).unwrap_or(1));
    if limit == 0 {
        return Err(ApiFault::bad_request("Limit must be positive").into());
    }
    // No version was asked for: names are known here at every one.
    let stored = call.target(&node.into()).await?;
    let kept = call
        .state
        .events
        .timeline(stored.uuid, after, limit.min(TIMELINE));
    let mut events = kept.await?;
    let may_see = |node: &Node| call.may_on(Rule::NodeGet, node);
    let sight = sight(call, &may_see);
    sight.tell_all(&call.state.store, &mut events).await?;
    ok(&Timeline { events })
}

/// `GET /cupola/v1/nodes/{node}/explain`.
pub(super) async fn explain(call: &mut Call, node: &str) -> Answer {
    let stored = call.target(&node.into()).await?;
    let (store, events) = (&call.state.store, &call.state.events);
    let may_see = |node: &Node| call.may_on(Rule::NodeGet, node);
    let sight = sight(call, &may_see);
    let mut explanation = diagnosis::explain(store, events, &stored, sight).await?;
    if let Some(redacted) = redact::one(call, &stored) {
        explanation.last_error = redacted.last_error;
    }
    ok(&explanation)
}

/// What the caller may see of other machines. Those of no node are the system's.
fn sight<'a>(call: &Call, may_see: &'a (dyn Fn(&Node) -> bool + Sync)) -> Sight<'a> {
    Sight {
        unknown: call.may(Rule::NodeListAll, Target::default()),
        node: may_see,
    }
}

pub(super) fn number(call: &mut Call, name: &str) -> Result<Option<i64>, ApiFault> {
    let Some(text) = call.arguments.text(name)? else {
        return Ok(None);
    };
    let number =
        text.parse().ok().filter(|n| *n >= 0).ok_or_else(|| {
            ApiFault::bad_request(format!("Expected an integer for {name}: {text}"))
        })?;
    Ok(Some(number))
}

/// `GET /cupola/v1/durations`.
pub(super) async fn durations(call: &mut Call) -> Answer {
    call.state.events.flush_within(FLUSH).await;
    let samples = call.state.store.durations(durations::READ).await?;
    ok(&durations::of(&samples))
}

/// `GET /cupola/v1/images`.
pub(super) fn images(call: &mut Call) -> Answer {
    ok(&Images {
        images: call.state.options.images.clone(),
    })
}
