//! The BIOS settings of nodes, as they were last seen (wire reference §11.4).

use cupola_api::bios_setting::BiosSetting;
use cupola_api::id::NodeId;
use jiff::Timestamp;

use super::Store;
use super::column::Stored as _;
use super::database::{Cell, Row, Statement, sql};
use super::error::StoreError;

fn decode(row: &Row) -> Result<BiosSetting, StoreError> {
    let time = |at| -> Result<Option<Timestamp>, StoreError> {
        Option::from_cell(Cell::Int(row.int(at)?))
            .map_err(|error| StoreError::corrupt("bios_settings", error))
    };
    let setting: BiosSetting = serde_json::from_str(&row.required_text(0)?)
        .map_err(|error| StoreError::corrupt("bios_settings.body", error))?;
    Ok(BiosSetting {
        created_at: time(1)?,
        updated_at: time(2)?,
        ..setting
    })
}

fn put(node: NodeId, setting: &BiosSetting, now: Timestamp) -> Result<Statement, StoreError> {
    let body = serde_json::to_string(setting)
        .map_err(|error| StoreError::corrupt("bios_settings.body", error))?;
    Ok(sql(
        "INSERT INTO bios_settings (node_uuid, name, created_at, body) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (node_uuid, name) DO UPDATE SET body = excluded.body, updated_at = $3",
        [
            Cell::text(node.to_string()),
            Cell::text(&setting.name),
            Cell::int(now.as_microsecond()),
            Cell::text(body),
        ],
    ))
}

/// Whether they are the same but for their times.
fn is_same(a: &BiosSetting, b: &BiosSetting) -> bool {
    let without_times = |setting: &BiosSetting| BiosSetting {
        created_at: None,
        updated_at: None,
        ..setting.clone()
    };
    without_times(a) == without_times(b)
}

impl Store {
    /// Keeps these settings in place of all that were kept; those that did not change keep their
    /// times.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the node is unknown.
    pub async fn put_bios_settings(
        &self,
        node: NodeId,
        settings: &[BiosSetting],
    ) -> Result<(), StoreError> {
        let before = self.bios_settings(node).await?;
        let now = Timestamp::now();
        let mut statements = Vec::new();
        for gone in before
            .iter()
            .filter(|old| !settings.iter().any(|new| new.name == old.name))
        {
            statements.push(sql(
                "DELETE FROM bios_settings WHERE node_uuid = $1 AND name = $2",
                [Cell::text(node.to_string()), Cell::text(&gone.name)],
            ));
        }
        for setting in settings {
            if !before.iter().any(|old| is_same(old, setting)) {
                statements.push(put(node, setting, now)?);
            }
        }
        if statements.is_empty() {
            return Ok(());
        }
        match self.database().transaction(statements).await {
            Err(StoreError::NotFound { .. }) => Err(StoreError::not_found("Node", node)),
            other => other.map(drop),
        }
    }

    /// The settings of a node, by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn bios_settings(&self, node: NodeId) -> Result<Vec<BiosSetting>, StoreError> {
        let statement = sql(
            "SELECT body, created_at, updated_at FROM bios_settings WHERE node_uuid = $1 \
             ORDER BY name",
            [Cell::text(node.to_string())],
        );
        let rows = self.database().read(statement).await?;
        rows.iter().map(decode).collect()
    }
}
