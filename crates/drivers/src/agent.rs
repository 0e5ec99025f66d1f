//! The conductor's side of the agent protocol: a client of the agent's command API (wire reference
//! §17.1), and the interfaces that work through an agent.
//!
//! The wire types are [`cupola_api::agent`]; the agent itself is the crate `cupola-agent`.

mod client;
mod error;
pub mod fast_track;
mod inspect;
mod rescue;
mod tls;
mod trust;

pub(crate) use client::succeeded;
pub use client::{AgentAddress, AgentClient, AgentClients, new_token};
pub use error::AgentError;
pub use inspect::AgentInspect;
pub use rescue::AgentRescue;
pub use trust::authorities_file;
