//! Provision and power states: what a node can be in and what moves it.

pub mod power;
pub mod provision;
pub mod transition;
