//! The IPMI v2.0 wire format: pure functions and types with no socket, clock or session table, so
//! that the client and the simulated BMC encode and decode with the same code.
//!
//! Chapter and table numbers in this module are those of the IPMI v2.0 specification, revision 1.1.

pub mod app;
pub mod boot;
pub mod chassis;
pub mod completion;
pub mod crypto;
pub mod lan;
pub mod message;
pub mod open_session;
pub mod packet;
pub mod rakp;
mod reader;
pub mod rmcp;
pub mod sol;
pub mod suite;
pub mod window;

use thiserror::Error;

pub(crate) use reader::Reader;

/// Why received bytes are not the message that they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The message ended before the named field was complete.
    #[error("the message ends before its {0}")]
    Truncated(&'static str),
    /// A field holds a value that the specification does not allow there.
    #[error("{field} has the value {value:#04x}, which is not allowed there")]
    Invalid {
        /// The field's name.
        field: &'static str,
        /// What it held.
        value: u32,
    },
    /// A checksum or padding does not match the bytes that it covers.
    #[error("the {0} does not match")]
    Mismatch(&'static str),
    /// An integrity code is wrong: the sender does not hold the session's key.
    #[error("the integrity code is wrong")]
    Integrity,
    /// More bytes followed the message than it declares.
    #[error("{0} bytes follow the end of the message")]
    Trailing(usize),
}

/// Channel number that means "the channel this request came in on" (table 6-1).
pub const PRESENT_CHANNEL: u8 = 0x0E;

/// The UDP port of RMCP (chapter 13.1.1).
pub const RMCP_PORT: u16 = 623;
