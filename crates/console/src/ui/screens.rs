//! The screens, one file each, and the form that wizards share.

pub(super) mod activity;
pub(super) mod board;
mod card;
pub(super) mod commands;
pub(crate) mod compare;
pub(super) mod dashboard;
pub(super) mod deploy;
pub(super) mod discovery;
pub(super) mod enroll;
pub(super) mod form;
mod json;
pub(super) mod ladder;
pub(super) mod lens;
pub(super) mod list;
pub(super) mod logs;
pub(super) mod node;
pub(super) mod preview;
pub(super) mod run;
pub(super) mod serial;
pub(super) mod steps;
pub(super) mod timeline;
mod unknown;
