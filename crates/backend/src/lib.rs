//! The service: the Bare Metal API over HTTP, the conductor behind it, the store under both.
//!
//! A request goes `http` → `rpc` → `conductor` → a driver's interface; the answer's way back is the
//! store and the event stream. Nothing here knows that there is a console.

pub mod agent_logs;
pub mod auth;
pub mod conductor;
pub mod config;
pub mod events;
pub mod http;
mod limit;
mod notifications;
mod operator_file;
pub mod policy;
pub mod rpc;
pub mod service;
pub mod store;
