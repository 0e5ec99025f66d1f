//! `/v1/nodes/{node}/history` (wire reference §11.8).

use cupola_api::fault::ApiFault;
use cupola_api::id::HistoryId;
use cupola_api::resource::HistoryEntry;
use serde_json::{Map, Value, json};

use super::super::answer::{Answer, ok};
use super::super::call::Call;
use super::super::paging::{Paging, not_sortable};
use super::super::text::time_value;
use crate::store::{StoreError, StoredNode};

/// Where the text of an event is cut in the short form, in characters.
const SHORT: usize = 251;

/// The records of a node, oldest first.
pub(in super::super) async fn list(call: &mut Call, node: &str) -> Answer {
    let paging = Paging::take(&mut call.arguments, call.state.options.max_limit)?;
    let detail = call.arguments.boolean("detail")?.unwrap_or(false);
    let stored = call.node(node).await?;
    let mut entries = call.state.store.history(stored.uuid).await?;
    sort(&mut entries, &paging)?;
    let entries = paging
        .cut(entries, |entry| entry.uuid.to_string())
        .ok_or_else(|| not_found(paging.marker.as_deref().unwrap_or_default()))?;
    let items: Vec<Value> = entries
        .iter()
        .map(|e| item(call, &stored, e, detail))
        .collect();
    let mut body = json!({ "history": items });
    let next = entries.last().and_then(|last| {
        let collection = call.url(format_args!("nodes/{node}/history"));
        paging.next(&collection, entries.len(), &last.uuid.to_string())
    });
    if let (Some(next), Some(members)) = (next, body.as_object_mut()) {
        members.insert("next".to_owned(), Value::from(next));
    }
    ok(&body)
}

/// One record.
pub(in super::super) async fn show(call: &mut Call, node: &str, entry: &str) -> Answer {
    let stored = call.node(node).await?;
    let id: HistoryId = entry.parse().map_err(|_| not_found(entry))?;
    let found = match call.state.store.history_entry(stored.uuid, id).await {
        Err(StoreError::NotFound { .. }) => return Err(not_found(entry).into()),
        other => other?,
    };
    ok(&item(call, &stored, &found, true))
}

fn not_found(entry: &str) -> ApiFault {
    ApiFault::not_found(format!("Node history record {entry} could not be found."))
}

fn sort(entries: &mut [HistoryEntry], paging: &Paging) -> Result<(), ApiFault> {
    match paging.sort_key.as_deref() {
        None | Some("id" | "created_at") => {}
        Some("uuid") => entries.sort_by_key(|entry| entry.uuid),
        Some("severity") => entries.sort_by(|a, b| a.severity.cmp(&b.severity)),
        Some("event") => entries.sort_by(|a, b| a.event.cmp(&b.event)),
        Some("event_type") => entries.sort_by(|a, b| a.event_type.cmp(&b.event_type)),
        Some("conductor") => entries.sort_by(|a, b| a.conductor.cmp(&b.conductor)),
        Some("user") => entries.sort_by(|a, b| a.user.cmp(&b.user)),
        Some(other) => return Err(not_sortable(other, false)),
    }
    if paging.descending {
        entries.reverse();
    }
    Ok(())
}

fn item(call: &Call, node: &StoredNode, entry: &HistoryEntry, detail: bool) -> Value {
    let event = entry
        .event
        .as_deref()
        .map(|text| if detail { text.to_owned() } else { cut(text) });
    let href = call.url(format_args!("nodes/{}/history/{}", node.uuid, entry.uuid));
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| out.insert(name.to_owned(), value);
    put("uuid", json!(entry.uuid));
    put("created_at", time_value(entry.created_at));
    put("severity", json!(entry.severity));
    put("event", json!(event));
    put("links", json!([{ "href": href, "rel": "self" }]));
    if detail {
        put("event_type", json!(entry.event_type));
        put("conductor", json!(entry.conductor));
        put("user", json!(entry.user));
        let later = [
            // Not recorded.
            (113, "project", Value::Null),
            (115, "state", json!(entry.state)),
            (
                115,
                "target_provision_state",
                json!(entry.target_provision_state),
            ),
            (115, "duration_seconds", json!(entry.duration_seconds)),
        ];
        for (since, name, value) in later {
            if call.is_since(since) {
                put(name, value);
            }
        }
    }
    Value::Object(out)
}

fn cut(text: &str) -> String {
    if text.chars().count() <= SHORT + 4 {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(SHORT).collect();
    short.push_str("...");
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_events_are_cut_in_lists() {
        assert_eq!(cut(&"x".repeat(255)).len(), 255);
        assert_eq!(cut(&"x".repeat(256)).len(), 254);
    }
}
