//! DHCP leases: which machine was promised which address, over restarts, and by which server. The
//! boot services decide; here it is kept. Servers of several conductors may share a pool: none
//! takes an address that another has promised to another machine.

use std::collections::HashSet;

use async_trait::async_trait;
use cupola_drivers::boot::{Lease, LeaseStore, LeaseStoreError};
use jiff::Timestamp;

use super::Store;
use super::database::{Cell, Row, Statement, assembled, sql};
use super::error::StoreError;

/// A lease, and the conductor whose server has promised it.
struct Kept {
    lease: Lease,
    /// Empty where it was promised before leases had one.
    server: String,
}

fn decode(row: &Row) -> Result<Kept, StoreError> {
    let bad = |error: &dyn std::fmt::Display| StoreError::corrupt("dhcp_leases", error);
    let lease = Lease {
        address: row.required_text(0)?.parse().map_err(|e| bad(&e))?,
        mac: row.required_text(1)?.parse().map_err(|e| bad(&e))?,
        node: row.required_text(2)?.parse().map_err(|e| bad(&e))?,
        expires: Timestamp::from_microsecond(row.required_int(3)?).map_err(|e| bad(&e))?,
    };
    let server = row.required_text(4)?;
    Ok(Kept { lease, server })
}

/// The leases of which each replaces all before it of its machine and of its address, in one order
/// for all servers, so that two of them never wait for each other.
fn last_of_each(leases: &[Lease]) -> Vec<&Lease> {
    let (mut machines, mut addresses) = (HashSet::new(), HashSet::new());
    let mut last: Vec<&Lease> = leases
        .iter()
        .rev()
        .filter(|lease| {
            let is_last = !machines.contains(&lease.mac) && !addresses.contains(&lease.address);
            machines.insert(lease.mac);
            addresses.insert(lease.address);
            is_last
        })
        .collect();
    last.sort_by_key(|lease| lease.address);
    last
}

/// Keeps one lease, unless another server has promised its address to another machine.
fn keep(server: &str, lease: &Lease, now: Timestamp) -> [Statement; 2] {
    let (address, mac) = (lease.address.to_string(), lease.mac.to_string());
    let former = sql(
        "DELETE FROM dhcp_leases WHERE mac = $1 AND address <> $2 AND server IN ($3, '')",
        [
            Cell::text(mac.clone()),
            Cell::text(address.clone()),
            Cell::text(server),
        ],
    );
    let lease = sql(
        "INSERT INTO dhcp_leases (address, mac, node_uuid, expires_at, server) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (address) DO UPDATE SET mac = excluded.mac, \
         node_uuid = excluded.node_uuid, expires_at = excluded.expires_at, \
         server = excluded.server WHERE dhcp_leases.mac = excluded.mac \
         OR dhcp_leases.server IN (excluded.server, '') OR dhcp_leases.expires_at <= $6",
        [
            Cell::text(address),
            Cell::text(mac),
            Cell::text(lease.node.to_string()),
            Cell::int(lease.expires.as_microsecond()),
            Cell::text(server),
            Cell::int(now.as_microsecond()),
        ],
    );
    [former, lease]
}

impl Store {
    /// All leases; those of `server` first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn dhcp_leases(&self, server: &str) -> Result<Vec<Lease>, StoreError> {
        let statement = sql(
            "SELECT address, mac, node_uuid, expires_at, server FROM dhcp_leases \
             ORDER BY CASE WHEN server = $1 THEN 0 ELSE 1 END, expires_at DESC, address",
            [Cell::text(server)],
        );
        let rows = self.database().read(statement).await?;
        let leases = rows.iter().map(decode);
        leases.map(|kept| kept.map(|kept| kept.lease)).collect()
    }

    /// Keeps leases that `server` promises, as [`LeaseStore::save`] has it: those that stand in
    /// the way are answered. A later one of the list replaces an earlier one.
    ///
    /// # Errors
    /// When the database cannot be written; then none is kept.
    pub async fn save_dhcp_leases(
        &self,
        server: &str,
        leases: &[Lease],
        now: Timestamp,
    ) -> Result<Vec<Lease>, StoreError> {
        let leases = last_of_each(leases);
        let statements = leases.iter().flat_map(|lease| keep(server, lease, now));
        let changed = self.database().transaction(statements.collect()).await?;
        // Of the two statements of each lease, the second one writes it.
        let written = changed.iter().skip(1).step_by(2);
        let refused: Vec<Cell> = leases
            .iter()
            .zip(written)
            .filter(|(_, written)| **written == 0)
            .map(|(lease, _)| Cell::text(lease.address.to_string()))
            .collect();
        if refused.is_empty() {
            return Ok(Vec::new());
        }
        self.holders(refused).await
    }

    /// Who has these addresses.
    async fn holders(&self, addresses: Vec<Cell>) -> Result<Vec<Lease>, StoreError> {
        let places: Vec<_> = (1..=addresses.len()).map(|n| format!("${n}")).collect();
        let text = format!(
            "SELECT address, mac, node_uuid, expires_at, server FROM dhcp_leases \
             WHERE address IN ({}) ORDER BY address",
            places.join(", ")
        );
        let rows = self.database().read(assembled(text, addresses)).await?;
        let mut holders = Vec::new();
        for row in &rows {
            let Kept { lease, server } = decode(row)?;
            tracing::warn!(
                address = %lease.address, mac = %lease.mac, conductor = %server,
                "address is not leased here: another conductor's DHCP server has leased it"
            );
            holders.push(lease);
        }
        Ok(holders)
    }
}

/// The leases that the DHCP server of one conductor promises.
#[derive(Clone, Debug)]
pub struct ServerLeases {
    store: Store,
    server: String,
}

impl ServerLeases {
    /// Those of the conductor of this name.
    #[must_use]
    pub const fn new(store: Store, conductor: String) -> Self {
        let server = conductor;
        Self { store, server }
    }
}

#[async_trait]
impl LeaseStore for ServerLeases {
    async fn load(&self) -> Result<Vec<Lease>, LeaseStoreError> {
        let leases = self.store.dhcp_leases(&self.server).await;
        leases.map_err(|error| LeaseStoreError(error.to_string()))
    }

    async fn save(&self, leases: &[Lease]) -> Result<Vec<Lease>, LeaseStoreError> {
        let now = Timestamp::now();
        let saved = self.store.save_dhcp_leases(&self.server, leases, now).await;
        saved.map_err(|error| LeaseStoreError(error.to_string()))
    }
}
