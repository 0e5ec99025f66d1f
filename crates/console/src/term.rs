//! The terminal: the one session that owns it, what it can show, its size, its bytes in and out.
//!
//! Nothing outside this module writes to the terminal or knows an escape sequence.

mod burst;
pub(crate) mod capabilities;
pub(crate) mod clipboard;
pub(crate) mod decode;
mod encoding;
pub(crate) mod input;
pub(crate) mod panic;
mod scroll;
pub(crate) mod session;
pub(crate) mod signals;
pub(crate) mod size;
pub(crate) mod vt;
pub(crate) mod writer;
