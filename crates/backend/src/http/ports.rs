//! The port resource; one file per kind of request.

pub(super) mod create;
mod link;
pub(super) mod list;
mod membership;
mod shape;
pub(super) mod update;
