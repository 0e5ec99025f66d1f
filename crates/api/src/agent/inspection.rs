//! What a ramdisk posts to `continue_inspection`, and what it is answered. What the conductor makes
//! of the data (hooks, rules) is not here.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::inventory::{BlockDevice, Inventory};
use super::lookup::LookupAnswer;

/// The body of `POST /v1/continue_inspection`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct InspectionData {
    /// The machine's hardware.
    pub inventory: Inventory,
    /// The disk the hints pick, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_disk: Option<BlockDevice>,
    /// MAC address of the interface that the machine booted from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_interface: Option<String>,
    /// What went wrong in the ramdisk; present and not null fails the inspection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Base64 text of a gzipped tar archive of the ramdisk's logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs: Option<String>,
    /// What other collectors added.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The answer (HTTP 202): the lookup document for a request since 1.84, the UUID alone before.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum InspectionAnswer {
    /// The shape of a lookup.
    Lookup(Box<LookupAnswer>),
    /// The older shape.
    Uuid {
        /// The node this machine was recognised as.
        uuid: Uuid,
    },
}

impl InspectionAnswer {
    /// The node this machine was recognised as.
    pub fn node_uuid(&self) -> Uuid {
        match self {
            Self::Lookup(answer) => answer.node.uuid,
            Self::Uuid { uuid } => *uuid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_answers_read() {
        let old = r#"{"uuid": "6f3bc0f6-8a35-4a6f-8a7e-57a1b1c7f3d0"}"#;
        let new = r#"{"node": {"uuid": "6f3bc0f6-8a35-4a6f-8a7e-57a1b1c7f3d0"},
                      "config": {"heartbeat_timeout": 300}}"#;
        let old: InspectionAnswer = serde_json::from_str(old).unwrap();
        let new: InspectionAnswer = serde_json::from_str(new).unwrap();
        assert_eq!(old.node_uuid(), new.node_uuid());
    }
}
