//! How each of the small resources is kept: its table, and what of it is in columns.

use cupola_api::allocation::Allocation;
use cupola_api::chassis::Chassis;
use cupola_api::deploy_template::DeployTemplate;
use cupola_api::inspection_rule::InspectionRule;
use cupola_api::portgroup::Portgroup;
use cupola_api::runbook::Runbook;
use cupola_api::volume_connector::VolumeConnector;
use cupola_api::volume_target::VolumeTarget;

use super::super::database::Cell;
use super::{Document, Referred};

/// What settles an allocation is in [`super::super::allocations`].
impl Document for Allocation {
    const TABLE: &'static str = "allocations";
    const COLUMNS: &'static [&'static str] =
        &["name", "resource_class", "state", "node_uuid", "owner"];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["name"], &["node_uuid"]];
    const SEALED: Option<&'static str> = None;
    const REFERRED: Option<Referred> = None;

    fn cells(&self) -> Vec<Cell> {
        vec![
            Cell::Text(self.name.clone()),
            Cell::Text(self.resource_class.clone()),
            Cell::text(self.state.as_str()),
            Cell::Text(self.node_uuid.map(|node| node.to_string())),
            Cell::Text(self.owner.clone()),
        ]
    }

    fn taken(&self, columns: &[&str]) -> String {
        match (columns, self.node_uuid) {
            (["node_uuid"], Some(node)) => format!("node {node}"),
            _ => format!("name {}", self.name.as_deref().unwrap_or_default()),
        }
    }
}

impl Document for Chassis {
    const TABLE: &'static str = "chassis";
    const COLUMNS: &'static [&'static str] = &[];
    const UNIQUE: &'static [&'static [&'static str]] = &[];
    const SEALED: Option<&'static str> = None;
    const REFERRED: Option<Referred> = Some(Referred {
        by: "nodes",
        column: "chassis_uuid",
    });

    fn cells(&self) -> Vec<Cell> {
        Vec::new()
    }

    fn taken(&self, _columns: &[&str]) -> String {
        format!("UUID {}", self.uuid)
    }
}

/// Steps may hold secrets.
impl Document for DeployTemplate {
    const TABLE: &'static str = "deploy_templates";
    const COLUMNS: &'static [&'static str] = &["name"];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["name"]];
    const SEALED: Option<&'static str> = Some("deploy_templates.body");
    const REFERRED: Option<Referred> = None;

    fn cells(&self) -> Vec<Cell> {
        vec![Cell::text(&self.name)]
    }

    fn taken(&self, _columns: &[&str]) -> String {
        format!("name {}", self.name)
    }
}

/// Steps may hold secrets.
impl Document for Runbook {
    const TABLE: &'static str = "runbooks";
    const COLUMNS: &'static [&'static str] = &["name", "owner", "public"];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["name"]];
    const SEALED: Option<&'static str> = Some("runbooks.body");
    const REFERRED: Option<Referred> = None;

    fn cells(&self) -> Vec<Cell> {
        vec![
            Cell::text(&self.name),
            Cell::Text(self.owner.clone()),
            Cell::flag(self.public),
        ]
    }

    fn taken(&self, _columns: &[&str]) -> String {
        format!("name {}", self.name)
    }
}

/// Actions may hold secrets.
impl Document for InspectionRule {
    const TABLE: &'static str = "inspection_rules";
    const COLUMNS: &'static [&'static str] = &[];
    const UNIQUE: &'static [&'static [&'static str]] = &[];
    const SEALED: Option<&'static str> = Some("inspection_rules.body");
    const REFERRED: Option<Referred> = None;

    fn cells(&self) -> Vec<Cell> {
        Vec::new()
    }

    fn taken(&self, _columns: &[&str]) -> String {
        format!("UUID {}", self.uuid)
    }
}

impl Document for Portgroup {
    const TABLE: &'static str = "portgroups";
    const COLUMNS: &'static [&'static str] = &["node_uuid", "address", "name"];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["address"], &["name"]];
    const SEALED: Option<&'static str> = None;
    const REFERRED: Option<Referred> = Some(Referred {
        by: "ports",
        column: "portgroup_uuid",
    });

    fn cells(&self) -> Vec<Cell> {
        vec![
            Cell::text(self.node_uuid.to_string()),
            Cell::Text(self.address.map(|address| address.to_string())),
            Cell::Text(self.name.clone()),
        ]
    }

    fn taken(&self, columns: &[&str]) -> String {
        match (columns, self.address) {
            (["address"], Some(address)) => format!("MAC address {address}"),
            _ => format!("name {}", self.name.as_deref().unwrap_or_default()),
        }
    }
}

impl Document for VolumeConnector {
    const TABLE: &'static str = "volume_connectors";
    const COLUMNS: &'static [&'static str] = &["node_uuid", "type", "connector_id"];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["type", "connector_id"]];
    const SEALED: Option<&'static str> = None;
    const REFERRED: Option<Referred> = None;

    fn cells(&self) -> Vec<Cell> {
        vec![
            Cell::text(self.node_uuid.to_string()),
            Cell::text(&self.kind),
            Cell::text(&self.connector_id),
        ]
    }

    fn taken(&self, _columns: &[&str]) -> String {
        format!("type {} and connector ID {}", self.kind, self.connector_id)
    }
}

impl Document for VolumeTarget {
    const TABLE: &'static str = "volume_targets";
    const COLUMNS: &'static [&'static str] = &["node_uuid", "boot_index"];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["node_uuid", "boot_index"]];
    const SEALED: Option<&'static str> = Some("volume_targets.body");
    const REFERRED: Option<Referred> = None;

    fn cells(&self) -> Vec<Cell> {
        vec![
            Cell::text(self.node_uuid.to_string()),
            Cell::int(self.boot_index),
        ]
    }

    fn taken(&self, _columns: &[&str]) -> String {
        format!("boot index '{}' for the same node", self.boot_index)
    }
}
