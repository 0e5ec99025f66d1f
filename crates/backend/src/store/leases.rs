//! DHCP leases: which machine was promised which address, over restarts. The boot services decide;
//! here they are kept.

use async_trait::async_trait;
use cupola_drivers::boot::{Lease, LeaseStore, LeaseStoreError};
use jiff::Timestamp;

use super::Store;
use super::database::{Cell, Row, sql};
use super::error::StoreError;

fn decode(row: &Row) -> Result<Lease, StoreError> {
    let bad = |error: &dyn std::fmt::Display| StoreError::corrupt("dhcp_leases", error);
    Ok(Lease {
        address: row.required_text(0)?.parse().map_err(|e| bad(&e))?,
        mac: row.required_text(1)?.parse().map_err(|e| bad(&e))?,
        node: row.required_text(2)?.parse().map_err(|e| bad(&e))?,
        expires: Timestamp::from_microsecond(row.required_int(3)?).map_err(|e| bad(&e))?,
    })
}

impl Store {
    /// All leases.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn dhcp_leases(&self) -> Result<Vec<Lease>, StoreError> {
        let statement = sql(
            "SELECT address, mac, node_uuid, expires_at FROM dhcp_leases ORDER BY address",
            [],
        );
        let rows = self.database().read(statement).await?;
        rows.iter().map(decode).collect()
    }

    /// Keeps leases, all or none. Each replaces what there is of its machine and of its address;
    /// a later one of the list replaces an earlier one.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn save_dhcp_leases(&self, leases: &[Lease]) -> Result<(), StoreError> {
        let statements = leases.iter().flat_map(|lease| {
            let (address, mac) = (lease.address.to_string(), lease.mac.to_string());
            let former = sql(
                "DELETE FROM dhcp_leases WHERE address = $1 OR mac = $2",
                [Cell::text(address.clone()), Cell::text(mac.clone())],
            );
            let lease = sql(
                "INSERT INTO dhcp_leases (address, mac, node_uuid, expires_at) \
                 VALUES ($1, $2, $3, $4)",
                [
                    Cell::text(address),
                    Cell::text(mac),
                    Cell::text(lease.node.to_string()),
                    Cell::int(lease.expires.as_microsecond()),
                ],
            );
            [former, lease]
        });
        self.database().transaction(statements.collect()).await
    }
}

#[async_trait]
impl LeaseStore for Store {
    async fn load(&self) -> Result<Vec<Lease>, LeaseStoreError> {
        let leases = self.dhcp_leases().await;
        leases.map_err(|error| LeaseStoreError(error.to_string()))
    }

    async fn save(&self, leases: &[Lease]) -> Result<(), LeaseStoreError> {
        let saved = self.save_dhcp_leases(leases).await;
        saved.map_err(|error| LeaseStoreError(error.to_string()))
    }
}
