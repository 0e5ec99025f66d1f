//! Ports: the network interfaces of nodes, and which node an address belongs to.

use std::sync::atomic::Ordering;

use cupola_api::id::{NodeId, PortId, PortgroupId};
use cupola_api::mac::MacAddress;
use cupola_api::port::Port;
use cupola_api::portgroup::Portgroup;
use jiff::Timestamp;

use super::Store;
use super::database::{Cell, Row, Statement, assembled, is_taken, sql};
use super::documents::explained;
use super::error::{Conflict, StoreError};
use super::nodes::detached;

fn encode(port: &Port) -> Result<String, StoreError> {
    serde_json::to_string(port).map_err(|error| StoreError::corrupt("ports.body", error))
}

fn decode(row: &Row) -> Result<Port, StoreError> {
    serde_json::from_str(&row.required_text(0)?)
        .map_err(|error| StoreError::corrupt("ports.body", error))
}

fn conflict(error: StoreError, port: &Port) -> StoreError {
    let kind = if is_taken(&error, "ports", "uuid") {
        Conflict::PortUuid(port.uuid.to_string())
    } else if is_taken(&error, "ports", "address") {
        Conflict::PortAddress(port.address.to_string())
    } else if is_taken(&error, "ports", "name") {
        Conflict::PortName(port.name.clone().unwrap_or_default())
    } else if matches!(error, StoreError::NotFound { .. }) {
        return StoreError::not_found("Node", port.node_uuid);
    } else {
        return error;
    };
    kind.into()
}

/// The statement that stores every field of a port.
fn saving(port: &Port) -> Result<Statement, StoreError> {
    Ok(sql(
        "UPDATE ports SET node_uuid = $1, address = $2, name = $3, updated_at = $4, body = $5, \
         portgroup_uuid = $6 WHERE uuid = $7",
        [
            Cell::text(port.node_uuid.to_string()),
            Cell::text(port.address.to_string()),
            Cell::Text(port.name.clone()),
            Cell::Int(port.updated_at.map(Timestamp::as_microsecond)),
            Cell::text(encode(port)?),
            Cell::Text(port.portgroup_uuid.map(|group| group.to_string())),
            Cell::text(port.uuid.to_string()),
        ],
    ))
}

impl Store {
    /// Stores a new port; `created_at` is set here.
    ///
    /// # Errors
    /// [`Conflict`] when its UUID, address or name is taken; [`StoreError::NotFound`] when its
    /// node is unknown.
    pub async fn create_port(&self, mut port: Port) -> Result<Port, StoreError> {
        let now = Timestamp::now();
        port.created_at = Some(now);
        let statement = sql(
            "INSERT INTO ports \
             (uuid, node_uuid, address, name, created_at, body, portgroup_uuid) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            [
                Cell::text(port.uuid.to_string()),
                Cell::text(port.node_uuid.to_string()),
                Cell::text(port.address.to_string()),
                Cell::Text(port.name.clone()),
                Cell::int(now.as_microsecond()),
                Cell::text(encode(&port)?),
                Cell::Text(port.portgroup_uuid.map(|group| group.to_string())),
            ],
        );
        let done = self.change_ports(statement).await;
        done.map_err(|error| conflict(error, &port))?;
        Ok(port)
    }

    /// One port.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn port(&self, id: PortId) -> Result<Port, StoreError> {
        let statement = sql(
            "SELECT body FROM ports WHERE uuid = $1",
            [Cell::text(id.to_string())],
        );
        let row = self.database().read_one(statement).await?;
        decode(&row.ok_or_else(|| StoreError::not_found("Port", id))?)
    }

    /// The port with this address.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn port_by_address(&self, address: MacAddress) -> Result<Option<Port>, StoreError> {
        let statement = sql(
            "SELECT body FROM ports WHERE address = $1",
            [Cell::text(address.to_string())],
        );
        let row = self.database().read_one(statement).await?;
        row.as_ref().map(decode).transpose()
    }

    /// All ports in the order of their creation.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn ports(&self) -> Result<Vec<Port>, StoreError> {
        let statement = sql("SELECT body FROM ports ORDER BY id", []);
        let rows = self.database().read(statement).await?;
        rows.iter().map(decode).collect()
    }

    /// The ports whose `extra` has this key, in the order of their creation.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn ports_with_extra(&self, key: &str) -> Result<Vec<Port>, StoreError> {
        let statement = sql(
            "SELECT body FROM ports WHERE body LIKE $1 ORDER BY id",
            [Cell::text(format!("%\"{key}\"%"))],
        );
        let rows = self.database().read(statement).await?;
        let ports = rows.iter().map(decode);
        let has_key =
            |port: &Result<Port, _>| !port.as_ref().is_ok_and(|p| !p.extra.contains_key(key));
        ports.filter(has_key).collect()
    }

    /// The ports of a node in the order of their creation.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn ports_of(&self, node: NodeId) -> Result<Vec<Port>, StoreError> {
        let statement = sql(
            "SELECT body FROM ports WHERE node_uuid = $1 ORDER BY id",
            [Cell::text(node.to_string())],
        );
        let rows = self.database().read(statement).await?;
        rows.iter().map(decode).collect()
    }

    /// The ports of the nodes that a project owns or leases, in the order of their creation.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn ports_of_project(&self, project: &str) -> Result<Vec<Port>, StoreError> {
        let statement = sql(
            "SELECT body FROM ports WHERE node_uuid IN \
             (SELECT uuid FROM nodes WHERE owner = $1 OR lessee = $1) ORDER BY id",
            [Cell::text(project)],
        );
        let rows = self.database().read(statement).await?;
        rows.iter().map(decode).collect()
    }

    /// The ports of a port group in the order of their creation.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn ports_of_portgroup(&self, group: PortgroupId) -> Result<Vec<Port>, StoreError> {
        let statement = sql(
            "SELECT body FROM ports WHERE portgroup_uuid = $1 ORDER BY id",
            [Cell::text(group.to_string())],
        );
        let rows = self.database().read(statement).await?;
        rows.iter().map(decode).collect()
    }

    /// The nodes that have a port with one of these addresses, each once.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn nodes_with_addresses(
        &self,
        addresses: &[MacAddress],
    ) -> Result<Vec<NodeId>, StoreError> {
        if addresses.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<_> = (1..=addresses.len()).map(|n| format!("${n}")).collect();
        let text = format!(
            "SELECT DISTINCT node_uuid FROM ports WHERE address IN ({})",
            places.join(", ")
        );
        let arguments = addresses.iter().map(|a| Cell::text(a.to_string()));
        let rows = self
            .database()
            .read(assembled(text, arguments.collect()))
            .await?;
        rows.iter()
            .map(|row| {
                row.required_text(0)?
                    .parse()
                    .map_err(|e| StoreError::corrupt("ports.node_uuid", e))
            })
            .collect()
    }

    /// Stores every field of the port; `updated_at` is set here.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`Conflict`] when its address or name is taken.
    pub async fn save_port(&self, port: &Port) -> Result<Port, StoreError> {
        let mut port = port.clone();
        port.updated_at = Some(Timestamp::now());
        let changed = self.change_ports(saving(&port)?).await;
        match changed.map_err(|error| conflict(error, &port))? {
            0 => Err(StoreError::not_found("Port", port.uuid)),
            _ => Ok(port),
        }
    }

    /// Stores a port group and its ports, all or none; `updated_at` is set here.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`Conflict`] when its address or name is taken.
    pub(crate) async fn save_portgroup(
        &self,
        mut portgroup: Portgroup,
        ports: Vec<Port>,
    ) -> Result<Portgroup, StoreError> {
        let now = Timestamp::now();
        portgroup.updated_at = Some(now);
        let mut statements = vec![self.saving(&portgroup)?];
        for mut port in ports {
            port.updated_at = Some(now);
            statements.push(saving(&port)?);
        }
        let store = self.clone();
        detached(async move {
            let changed = store.database().transaction(statements).await;
            store.ports_changed();
            let changed = changed.map_err(|error| explained(error, &portgroup))?;
            match changed.first() {
                Some(1..) => Ok(portgroup),
                _ => Err(StoreError::not_found("Portgroup", portgroup.uuid)),
            }
        })
        .await
    }

    /// Deletes a port.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_port(&self, id: PortId) -> Result<(), StoreError> {
        let statement = sql(
            "DELETE FROM ports WHERE uuid = $1",
            [Cell::text(id.to_string())],
        );
        match self.change_ports(statement).await? {
            0 => Err(StoreError::not_found("Port", id)),
            _ => Ok(()),
        }
    }

    /// Counts the changes of ports: as long as the number stays, no port has changed. None where
    /// other processes may change them too.
    #[must_use]
    pub fn port_changes(&self) -> Option<u64> {
        let changes = self.inner.port_changes.load(Ordering::Acquire);
        self.snapshot().map(|_| changes)
    }

    pub(super) fn ports_changed(&self) {
        self.inner.port_changes.fetch_add(1, Ordering::AcqRel);
    }

    /// Runs to its end even when the caller goes away: a change must be counted.
    async fn change_ports(&self, statement: Statement) -> Result<u64, StoreError> {
        let store = self.clone();
        detached(async move {
            let changed = store.database().execute(statement).await;
            store.ports_changed();
            changed
        })
        .await
    }
}
