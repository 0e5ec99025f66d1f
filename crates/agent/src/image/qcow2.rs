//! QEMU's copy-on-write format (qcow2, versions 2 and 3; QEMU's docs/interop/qcow2.txt), read as a stream:
//! first the tables, by themselves, then the file once from front to back, each cluster going to its
//! place on the disk.
//!
//! What would let an image reach beyond itself or hide data is refused: backing files, external data
//! files, encryption. So is what no tool makes for deployment: extended L2 entries, corrupt images.
//! The tables are not trusted: every number is checked, and the stream has to repeat them.

mod cluster;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod header;
mod plan;
mod writer;

pub(super) use header::{Header, MAGIC};
pub(super) use plan::{Plan, plan};
pub(super) use writer::Qcow2Writer;

/// Why a qcow2 file is not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Qcow2Error {
    /// It could be read, but must not or cannot be used.
    #[error("its qcow2 file {0}")]
    Unsupported(String),
    /// It breaks the format.
    #[error("its qcow2 file is damaged: {0}")]
    Damaged(String),
}
