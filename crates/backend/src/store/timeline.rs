//! Kept events: the timelines of nodes. Written in batches by the event bus, read by position.

use cupola_api::event::{Event, EventId};
use cupola_api::id::NodeId;
use cupola_drivers::crash_point::{CrashPoint, crash_point};
use jiff::Timestamp;

use super::Store;
use super::database::{Cell, Row, sql};
use super::error::StoreError;

const HIGH_WATER: &str = "event_high_water";

fn decode(row: &Row) -> Result<Event, StoreError> {
    let bad = |error: &dyn std::fmt::Display| StoreError::corrupt("events", error);
    let node = row.text(2)?.map(|text| text.parse()).transpose();
    Ok(Event {
        id: EventId(row.required_int(0)?),
        at: Timestamp::from_microsecond(row.required_int(1)?).map_err(|e| bad(&e))?,
        node: node.map_err(|e| bad(&e))?,
        kind: serde_json::from_str(&row.required_text(3)?).map_err(|e| bad(&e))?,
    })
}

impl Store {
    /// Keeps events, all or none.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn append_events<'a>(
        &self,
        events: impl IntoIterator<Item = &'a Event>,
    ) -> Result<(), StoreError> {
        let mut statements = Vec::new();
        for event in events {
            let body = serde_json::to_string(&event.kind)
                .map_err(|error| StoreError::corrupt("events.body", error))?;
            statements.push(sql(
                "INSERT INTO events (id, at, node_uuid, body) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (id) DO NOTHING",
                [
                    Cell::int(event.id.0),
                    Cell::int(event.at.as_microsecond()),
                    Cell::Text(event.node.map(|n| n.to_string())),
                    Cell::text(body),
                ],
            ));
        }
        if statements.is_empty() {
            return Ok(());
        }
        crash_point(CrashPoint::EventsDue);
        self.database().transaction(statements).await?;
        crash_point(CrashPoint::EventsWritten);
        Ok(())
    }

    /// Events of a node, oldest first: the first `limit` after an id, or the last `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn timeline(
        &self,
        node: NodeId,
        after: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let node = Cell::text(node.to_string());
        let limit = Cell::int(limit.into());
        let statement = match after {
            Some(EventId(after)) => sql(
                "SELECT id, at, node_uuid, body FROM events \
                 WHERE node_uuid = $1 AND id > $2 ORDER BY id LIMIT $3",
                [node, Cell::int(after), limit],
            ),
            None => sql(
                "SELECT id, at, node_uuid, body FROM (SELECT id, at, node_uuid, body FROM events \
                 WHERE node_uuid = $1 ORDER BY id DESC LIMIT $2) AS last ORDER BY id",
                [node, limit],
            ),
        };
        let rows = self.database().read(statement).await?;
        rows.iter().map(decode).collect()
    }

    /// The last `limit` events that belong to no node, oldest first; only those after an id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn strangers(
        &self,
        after: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let after = after.map_or(0, |id| id.0);
        let statement = sql(
            "SELECT id, at, node_uuid, body FROM (SELECT id, at, node_uuid, body FROM events \
             WHERE node_uuid IS NULL AND id > $1 ORDER BY id DESC LIMIT $2) AS last ORDER BY id",
            [Cell::int(after), Cell::int(limit.into())],
        );
        let rows = self.database().read(statement).await?;
        rows.iter().map(decode).collect()
    }

    /// When the newest event was published that is kept; none when there is none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn newest_event_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let statement = sql("SELECT at FROM events ORDER BY id DESC LIMIT 1", []);
        let Some(row) = self.database().read_one(statement).await? else {
            return Ok(None);
        };
        let at = Timestamp::from_microsecond(row.required_int(0)?);
        at.map(Some)
            .map_err(|e| StoreError::corrupt("events.at", e))
    }

    /// Drops the oldest events of a node beyond `keep`.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn trim_timeline(&self, node: NodeId, keep: u32) -> Result<u64, StoreError> {
        let statement = sql(
            "DELETE FROM events WHERE node_uuid = $1 AND id <= \
             (SELECT id FROM events WHERE node_uuid = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)",
            [Cell::text(node.to_string()), Cell::int(keep.into())],
        );
        self.database().execute(statement).await
    }

    /// Drops the oldest events beyond `keep` of those that belong to no node, or to none any more.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn trim_orphan_events(&self, keep: u32) -> Result<u64, StoreError> {
        let statement = sql(
            "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE node_uuid IS NULL \
             OR node_uuid NOT IN (SELECT uuid FROM nodes) ORDER BY id DESC LIMIT $1 OFFSET $2)",
            [Cell::int(i64::MAX), Cell::int(keep.into())],
        );
        self.database().execute(statement).await
    }

    /// Takes `count` event ids that no other process and no later start will use; the last of them.
    pub(crate) async fn take_event_ids(&self, count: i64) -> Result<EventId, StoreError> {
        let statement = sql(
            "INSERT INTO meta (name, number) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET number = meta.number + excluded.number \
             RETURNING number",
            [Cell::text(HIGH_WATER), Cell::int(count)],
        );
        let rows = self.database().write(statement).await?;
        let row = rows.first();
        let row = row.ok_or_else(|| StoreError::corrupt("meta", "a row was not returned"))?;
        Ok(EventId(row.required_int(0)?))
    }

    /// Gives back the ids after `last`, when none were taken since up to `taken`.
    pub(crate) async fn return_event_ids(
        &self,
        last: EventId,
        taken: EventId,
    ) -> Result<(), StoreError> {
        let statement = sql(
            "UPDATE meta SET number = $1 WHERE name = $2 AND number = $3",
            [
                Cell::int(last.0),
                Cell::text(HIGH_WATER),
                Cell::int(taken.0),
            ],
        );
        self.database().execute(statement).await.map(drop)
    }
}
