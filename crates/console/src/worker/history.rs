//! What a server that keeps no timeline knows of a node's past: its history, as events.

use cupola_api::client::{Client, ClientError};
use cupola_api::event::{Event, EventId, EventKind, Severity};
use cupola_api::id::NodeId;
use cupola_api::resource::HistoryEntry;
use jiff::Timestamp;

/// The entries of the node's history.
///
/// # Errors
/// As every call of the client. A server older than version 1.78 has none: nothing is told.
pub(super) async fn events(client: &Client, id: NodeId) -> Result<Vec<Event>, ClientError> {
    match client.history(&id.into()).await {
        Ok(entries) => Ok(entries.into_iter().map(|entry| event(id, entry)).collect()),
        Err(error) if matches!(error.status(), Some(404 | 406)) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn event(node: NodeId, entry: HistoryEntry) -> Event {
    let at = entry.created_at.unwrap_or(Timestamp::UNIX_EPOCH);
    let severity = match entry.severity.as_deref() {
        Some("ERROR") => Severity::Error,
        Some("WARNING") => Severity::Warning,
        Some(_) | None => Severity::Info,
    };
    Event {
        id: position(at, &entry),
        at,
        node: Some(node),
        kind: EventKind::Log {
            severity,
            source: entry.event_type.unwrap_or_else(|| "history".to_owned()),
            text: entry.event.unwrap_or_default(),
        },
    }
}

/// By its time, which counts seconds only; entries of one second differ by their identifiers.
fn position(at: Timestamp, entry: &HistoryEntry) -> EventId {
    const SECOND: u64 = 1_000_000;
    let octets = entry.uuid.to_string().bytes().fold(0_u64, |hash, octet| {
        hash.wrapping_mul(31).wrapping_add(u64::from(octet))
    });
    let within = i64::try_from(octets % SECOND).unwrap_or_default();
    EventId(
        at.as_second()
            .saturating_mul(1_000_000)
            .saturating_add(within),
    )
}
