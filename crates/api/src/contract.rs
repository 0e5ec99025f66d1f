//! The routes of the API as one table: which operation a method and a path are, the microversion that
//! brought it, what an older version gets, the arguments it takes, and the policy that guards it
//! (wire reference §3, §6.3, §25).
//!
//! The service routes, refuses and checks arguments by this table; documents are generated from it.
//! What a body may hold is told by the tables of fields beside the resources; what an operation does
//! is the service's.

mod argument;
mod body;
mod document;
pub mod kind;
mod openapi;
mod operation;
mod route;
mod rows;

pub use argument::{Argument, ArgumentKind};
pub use body::{Answer, Body, Resource};
pub use document::document;
pub use openapi::openapi;
pub use operation::{Operation, ROUTES};
pub use route::{Older, Route};
