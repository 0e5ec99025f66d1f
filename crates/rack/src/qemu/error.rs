//! What can go wrong with QEMU machines and their BMCs.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a part of the QEMU rack did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum QemuError {
    /// A program could not be started.
    #[error("cannot start {program}: install it with `apt-get install {package}`")]
    Start {
        /// The program.
        program: String,
        /// The Debian package that brings it.
        package: &'static str,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A program ended with an error.
    #[error("`{command}` failed: {stderr}")]
    Failed {
        /// The command line.
        command: String,
        /// The end of what it wrote.
        stderr: String,
    },
    /// Something did not happen in time.
    #[error("{what} did not happen within {} s", .after.as_secs())]
    Deadline {
        /// What was waited for.
        what: String,
        /// How long.
        after: Duration,
    },
    /// A file or socket of the rack could not be used.
    #[error("cannot use {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// QEMU ended before the machine ran.
    #[error("QEMU ended at once for machine {machine}: {stderr}")]
    MachineStart {
        /// The machine.
        machine: String,
        /// The end of what QEMU wrote.
        stderr: String,
    },
    /// The machine's supervisor has ended.
    #[error("machine {0} is no longer supervised")]
    Stopped(String),
}

impl QemuError {
    /// Names the file that could not be used.
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self::File { path, source }
    }
}

/// The last lines of what a program wrote, for a message of one line.
pub(super) fn tail(text: &str) -> String {
    let mut lines: Vec<_> = text.lines().rev().take(4).collect();
    lines.reverse();
    lines.join("; ")
}
