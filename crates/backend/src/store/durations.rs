//! How long phases and steps took that were completed. What is usual is worked out elsewhere.

use cupola_api::durations::Phase;
use cupola_api::event::EventId;
use jiff::Timestamp;

use super::Store;
use super::database::{Cell, Row, sql};
use super::error::StoreError;

/// Something that was completed, and how long it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DurationSample {
    /// The event that told of the end.
    pub id: EventId,
    /// When it ended.
    pub at: Timestamp,
    /// The node's resource class then.
    pub resource_class: Option<String>,
    /// The node's hardware type then; none when the node was gone.
    pub driver: Option<String>,
    /// The phase.
    pub phase: Phase,
    /// The step of it; none for the whole phase.
    pub step: Option<String>,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
}

fn decode(row: &Row) -> Result<DurationSample, StoreError> {
    let bad = |error: &dyn std::fmt::Display| StoreError::corrupt("durations", error);
    let phase = row.required_text(4)?;
    Ok(DurationSample {
        id: EventId(row.required_int(0)?),
        at: Timestamp::from_microsecond(row.required_int(1)?).map_err(|e| bad(&e))?,
        resource_class: row.text(2)?,
        driver: row.text(3)?,
        phase: Phase::parse(&phase).ok_or_else(|| bad(&phase))?,
        step: row.text(5)?,
        milliseconds: u64::try_from(row.required_int(6)?).map_err(|e| bad(&e))?,
    })
}

impl Store {
    /// Keeps samples, all or none.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn keep_durations(&self, samples: &[DurationSample]) -> Result<(), StoreError> {
        let statements = samples.iter().map(|sample| {
            sql(
                "INSERT INTO durations (id, at, resource_class, driver, phase, step, milliseconds) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING",
                [
                    Cell::int(sample.id.0),
                    Cell::int(sample.at.as_microsecond()),
                    Cell::Text(sample.resource_class.clone()),
                    Cell::Text(sample.driver.clone()),
                    Cell::text(sample.phase.as_str().to_owned()),
                    Cell::Text(sample.step.clone()),
                    Cell::int(i64::try_from(sample.milliseconds).unwrap_or(i64::MAX)),
                ],
            )
        });
        let statements: Vec<_> = statements.collect();
        if statements.is_empty() {
            return Ok(());
        }
        self.database().transaction(statements).await.map(drop)
    }

    /// The last `limit` samples, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn durations(&self, limit: u32) -> Result<Vec<DurationSample>, StoreError> {
        let statement = sql(
            "SELECT id, at, resource_class, driver, phase, step, milliseconds FROM durations \
             ORDER BY at DESC LIMIT $1",
            [Cell::int(limit.into())],
        );
        let rows = self.database().read(statement).await?;
        rows.iter().map(decode).collect()
    }

    /// Drops the oldest samples beyond `keep`.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn trim_durations(&self, keep: u32) -> Result<u64, StoreError> {
        let statement = sql(
            "DELETE FROM durations WHERE at <= \
             (SELECT at FROM durations ORDER BY at DESC LIMIT 1 OFFSET $1)",
            [Cell::int(keep.into())],
        );
        self.database().execute(statement).await
    }
}
