//! The contract between everything that speaks the Bare Metal API: resource types, provision
//! states, microversions, faults, live events and the client.
//!
//! This crate is the ground floor: it depends on no other crate of the workspace. It holds no
//! behaviour of the service; handlers live in `cupola-backend`, screens in `cupola-console`.

pub mod agent;
pub mod allocation;
pub mod bios_setting;
pub mod boot_ladder;
pub mod chassis;
pub mod client;
pub mod collection;
pub mod contract;
pub mod cupola;
pub mod deploy_template;
pub mod diagnosis;
pub mod discovery;
pub mod durations;
pub mod event;
pub mod fault;
pub mod id;
pub mod identity;
pub mod inspection_rule;
pub mod mac;
pub mod microversion;
pub mod node;
pub mod patch;
pub mod policy;
pub mod port;
pub mod portgroup;
pub mod probe;
pub mod raid;
pub mod resource;
pub mod runbook;
pub mod secret;
pub mod serial;
pub mod state;
pub mod trust;
pub mod volume_connector;
pub mod volume_target;

pub use boot_ladder::Rung;
pub use event::{Event, EventId, EventKind};
pub use fault::ApiFault;
pub use id::{NodeId, PortId};
pub use mac::MacAddress;
pub use microversion::Microversion;
pub use node::Node;
pub use port::Port;
pub use secret::Secret;
pub use state::power::{PowerState, PowerTarget};
pub use state::provision::{ProvisionState, ProvisionVerb};
