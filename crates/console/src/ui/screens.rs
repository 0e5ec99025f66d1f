//! The screens, one file each, and the form that wizards share.

pub(super) mod activity;
pub(super) mod deploy;
pub(super) mod enroll;
pub(super) mod form;
pub(super) mod ladder;
pub(super) mod list;
pub(super) mod logs;
pub(super) mod node;
pub(super) mod timeline;
