//! Conductors: which there are, what they serve, and when they were last heard of.

use std::time::Duration;

use cupola_api::resource::Conductor;
use jiff::Timestamp;

use super::Store;
use super::database::{Cell, Row, sql};
use super::error::StoreError;

fn decode(row: &Row, alive_since: i64) -> Result<Conductor, StoreError> {
    let time = |at| {
        Timestamp::from_microsecond(row.required_int(at)?)
            .map_err(|error| StoreError::corrupt("conductors", error))
    };
    Ok(Conductor {
        hostname: row.required_text(0)?,
        conductor_group: row.required_text(1)?,
        drivers: serde_json::from_str(&row.required_text(2)?)
            .map_err(|error| StoreError::corrupt("conductors.drivers", error))?,
        alive: row.required_int(3)? != 0 && row.required_int(5)? >= alive_since,
        created_at: Some(time(4)?),
        updated_at: Some(time(5)?),
    })
}

impl Store {
    /// Says that a conductor starts, or starts again.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn register_conductor(
        &self,
        hostname: &str,
        group: &str,
        drivers: &[String],
    ) -> Result<(), StoreError> {
        let now = Cell::int(Timestamp::now().as_microsecond());
        let statement = sql(
            "INSERT INTO conductors \
             (hostname, conductor_group, drivers, online, created_at, updated_at) \
             VALUES ($1, $2, $3, 1, $4, $4) ON CONFLICT (hostname) DO UPDATE SET \
             conductor_group = excluded.conductor_group, drivers = excluded.drivers, online = 1, \
             updated_at = excluded.updated_at",
            [
                Cell::text(hostname),
                Cell::text(group),
                Cell::text(serde_json::Value::from(drivers.to_vec()).to_string()),
                now,
            ],
        );
        self.database().execute(statement).await.map(drop)
    }

    /// Says that a conductor lives.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it has not been registered.
    pub async fn heartbeat_conductor(&self, hostname: &str) -> Result<(), StoreError> {
        let statement = sql(
            "UPDATE conductors SET updated_at = $1, online = 1 WHERE hostname = $2",
            [
                Cell::int(Timestamp::now().as_microsecond()),
                Cell::text(hostname),
            ],
        );
        match self.database().execute(statement).await? {
            0 => Err(StoreError::not_found("Conductor", hostname)),
            _ => Ok(()),
        }
    }

    /// Says that a conductor ends.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn unregister_conductor(&self, hostname: &str) -> Result<(), StoreError> {
        let statement = sql(
            "UPDATE conductors SET online = 0 WHERE hostname = $1",
            [Cell::text(hostname)],
        );
        self.database().execute(statement).await.map(drop)
    }

    /// All conductors by name; alive are those that were heard of within `timeout`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn conductors(&self, timeout: Duration) -> Result<Vec<Conductor>, StoreError> {
        let timeout = i64::try_from(timeout.as_micros()).unwrap_or(i64::MAX);
        let alive_since = Timestamp::now().as_microsecond().saturating_sub(timeout);
        let statement = sql(
            "SELECT hostname, conductor_group, drivers, online, created_at, updated_at \
             FROM conductors ORDER BY created_at, hostname",
            [],
        );
        let rows = self.database().read(statement).await?;
        rows.iter().map(|row| decode(row, alive_since)).collect()
    }
}
