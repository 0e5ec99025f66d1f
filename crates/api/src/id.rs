//! One identifier type per kind of resource, so that a port's id is never taken for a node's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new random (version 4) identifier.
            #[must_use]
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }

            /// The identifier as a plain UUID.
            #[must_use]
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }
    )*};
}

uuid_ids! {
    /// A node: one bare-metal machine.
    NodeId;
    /// A port: one network interface of a node.
    PortId;
    /// A chassis: a group of nodes.
    ChassisId;
    /// A port group: ports of a node that work as one link.
    PortgroupId;
    /// A volume connector: a name of a node in a storage network.
    VolumeConnectorId;
    /// A volume target: a remote volume of a node.
    VolumeTargetId;
    /// A deploy template.
    DeployTemplateId;
    /// An allocation: a request for a node.
    AllocationId;
    /// A runbook.
    RunbookId;
    /// An inspection rule.
    InspectionRuleId;
    /// One record of a node's history.
    HistoryId;
}

/// How a request names a node: by UUID, or (from microversion 1.5) by its unique name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NodeIdent {
    /// By identifier.
    Id(NodeId),
    /// By name.
    Name(String),
}

impl fmt::Display for NodeIdent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => fmt::Display::fmt(id, f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl From<&str> for NodeIdent {
    fn from(text: &str) -> Self {
        text.parse()
            .map_or_else(|_| Self::Name(text.to_owned()), Self::Id)
    }
}

impl From<NodeId> for NodeIdent {
    fn from(id: NodeId) -> Self {
        Self::Id(id)
    }
}
