//! The node resource and what is below it; one file per kind of request.

pub(super) mod actions;
pub(super) mod bios;
pub(super) mod create;
pub(super) mod delete;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub(super) mod hardware;
pub(super) mod history;
pub(super) mod list;
mod network_data;
pub(super) mod parts;
mod patch_rules;
pub(super) mod power;
pub(super) mod provision;
mod query;
pub(super) mod redact;
mod semantics;
pub(super) mod states;
pub(super) mod traits;
pub(super) mod update;
pub(super) mod vendor;
pub(super) mod vifs;
pub(super) mod virtual_media;
