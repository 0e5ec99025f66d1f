//! What can go wrong while a ramdisk is built, in words that say what to do next.

use std::io;
use std::path::{Path, PathBuf};

/// Why no ramdisk was built.
#[derive(Debug, thiserror::Error)]
pub enum RamdiskError {
    /// There is no agent to put in.
    #[error(
        "no deploy agent at {path}: build it beside cupola with `cargo build --release --bin cupola \
         --bin cupola-agent`, or name it with --agent PATH"
    )]
    AgentMissing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A program that the build runs is not installed.
    #[error("cannot run {program}: install it with `apt-get install {package}`")]
    ProgramMissing {
        /// The program.
        program: String,
        /// The Debian package that brings it.
        package: &'static str,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A program ran and failed.
    #[error("`{command}` failed: {stderr}")]
    ProgramFailed {
        /// The command line.
        command: String,
        /// The end of what it wrote to standard error.
        stderr: String,
    },
    /// Packages cannot be downloaded, as where there is no network.
    #[error(
        "cannot download {packages}: {stderr}. Where this host does not reach the Debian archive, \
         build once on one that does with --package-cache DIR, and give a copy of that directory \
         to --package-cache here"
    )]
    Download {
        /// The packages.
        packages: String,
        /// The end of what apt-get wrote to standard error.
        stderr: String,
    },
    /// The archive offers no kernel under the name that was asked.
    #[error(
        "the package lists have no kernel for {package}: run `apt-get update`, or choose another \
         kernel with --kernel host|cloud|generic"
    )]
    NoKernelPackage {
        /// The meta package that should depend on a kernel.
        package: String,
    },
    /// The running kernel's files are not where Debian keeps them.
    #[error(
        "the files of the running kernel {release} are not complete: {path} is missing; use \
         --kernel generic or --kernel cloud to take a kernel from a Debian package"
    )]
    HostKernel {
        /// The running release.
        release: String,
        /// The first file or directory that is not there.
        path: PathBuf,
    },
    /// A package does not hold what it should.
    #[error("the package {package} has no {what}: this version of it is not supported")]
    PackageContent {
        /// The package.
        package: String,
        /// What was looked for.
        what: String,
    },
    /// No kernel is known for this machine's architecture.
    #[error("no Debian kernel is known for the architecture {0}; use --kernel host")]
    Architecture(&'static str),
    /// A kernel module is not a module.
    #[error("{path} is not a kernel module: {reason}")]
    Module {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A shared library of the agent could not be found.
    #[error(
        "the agent {agent} needs the shared library {library}, which this host does not have; \
         build the agent statically (RUSTFLAGS='-C target-feature=+crt-static')"
    )]
    Library {
        /// The agent.
        agent: PathBuf,
        /// The library's name.
        library: String,
    },
    /// A file is too large for the archive format.
    #[error("{path} is larger than the 4 GiB that a newc archive can hold")]
    TooLarge {
        /// The file's name inside the archive.
        path: String,
    },
    /// A file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {path}; check the free space and the owner of its directory")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

impl RamdiskError {
    /// Names the file that could not be read.
    pub(super) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self::Read { path, source }
    }

    /// Names the file that could not be written.
    pub(super) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self::Write { path, source }
    }
}
