//! `cupola ramdisk build`, the library half: a kernel and a deploy ramdisk from Debian packages.
//!
//! [`build`] downloads the kernel and busybox packages with `apt-get download` (nothing is installed
//! on the host), picks the drivers a deploy needs, adds the agent and packs everything into one
//! zstd-compressed newc archive. The same packages and the same agent give the same bytes.
//! What it is not: it does not build the agent, and it does not say where the conductor finds the
//! files; both are the caller's.

mod archive;
mod contents;
mod elf;
mod error;
mod kernel;
mod libraries;
mod modules;
mod packages;
mod tools;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use error::RamdiskError;
pub use kernel::KernelSource;

/// The zstd level of the archive. Higher levels cost minutes and win under 5 %.
const COMPRESSION_LEVEL: i32 = 15;

/// What to build and from what.
#[derive(Debug, Clone)]
pub struct RamdiskRequest {
    /// The directory that gets the files `kernel` and `ramdisk`; made when it is missing.
    pub output: PathBuf,
    /// The agent's executable; `None` takes `cupola-agent` beside the running executable.
    pub agent: Option<PathBuf>,
    /// Where the kernel and its modules come from.
    pub kernel: KernelSource,
    /// Whether `hdparm` and `nvme` go in, by which disks erase themselves.
    pub disk_tools: bool,
    /// A directory that keeps the downloaded packages between builds; `None` keeps nothing.
    pub package_cache: Option<PathBuf>,
}

/// What the build is doing, for whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RamdiskStage {
    /// Packages are being downloaded and unpacked.
    Packages,
    /// Kernel modules are being read and chosen.
    Modules,
    /// The archive is being packed and compressed.
    Archive,
}

impl std::fmt::Display for RamdiskStage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Packages => "downloading and unpacking packages",
            Self::Modules => "choosing kernel modules",
            Self::Archive => "packing the ramdisk",
        })
    }
}

/// What was built.
#[derive(Debug, Clone, serde::Serialize)]
pub struct RamdiskReport {
    /// The kernel image.
    pub kernel: PathBuf,
    /// Size of the kernel image in bytes.
    pub kernel_bytes: u64,
    /// The compressed ramdisk.
    pub ramdisk: PathBuf,
    /// Size of the compressed ramdisk in bytes.
    pub ramdisk_bytes: u64,
    /// Size of the ramdisk in bytes once the machine has unpacked it into memory.
    pub unpacked_bytes: u64,
    /// Release of the kernel, as `uname -r` will say it.
    pub release: String,
    /// Number of kernel modules inside.
    pub modules: usize,
    /// Drivers asked for that this kernel has neither as a module nor built in.
    pub missing_modules: Vec<String>,
    /// Whether the programs went in by which disks erase themselves.
    pub disk_tools: bool,
    /// The agent that went in.
    pub agent: PathBuf,
    /// Wall time of the build.
    pub took: Duration,
}

/// Builds kernel and ramdisk. Blocks: it runs `apt-get` and `dpkg-deb` and compresses for seconds.
///
/// # Errors
///
/// Every [`RamdiskError`]; nothing half-written is left under the names of the results.
pub fn build(
    request: &RamdiskRequest,
    mut progress: impl FnMut(RamdiskStage),
) -> Result<RamdiskReport, RamdiskError> {
    let started = Instant::now();
    let agent = find_agent(request.agent.as_deref())?;
    fs::create_dir_all(&request.output).map_err(RamdiskError::write(&request.output))?;
    let scratch = tempfile::Builder::new()
        .prefix(".ramdisk-build-")
        .tempdir_in(&request.output)
        .map_err(RamdiskError::write(&request.output))?;

    progress(RamdiskStage::Packages);
    let cache = request
        .package_cache
        .clone()
        .unwrap_or_else(|| scratch.path().join("packages"));
    let packages = packages::PackageCache::open(&cache)?;
    let busybox = packages.unpack("busybox-static", &scratch.path().join("busybox"))?;
    let tools = if request.disk_tools {
        tools::obtain(&packages, &scratch.path().join("tools"))?
    } else {
        Vec::new()
    };
    let kernel = kernel::obtain(&request.kernel, &packages, &scratch.path().join("kernel"))?;

    progress(RamdiskStage::Modules);
    let tree = modules::ModuleTree::read(&kernel.modules)?;
    let selection = tree.select(modules::WANTED)?;

    progress(RamdiskStage::Archive);
    let contents = contents::assemble(&contents::Parts {
        busybox: &busybox,
        agent: &agent,
        tools: &tools,
        release: &kernel.release,
        modules: &selection,
    })?;
    let kernel_path = request.output.join("kernel");
    let ramdisk_path = request.output.join("ramdisk");
    let packed = archive::write(
        &contents,
        &scratch.path().join("ramdisk"),
        COMPRESSION_LEVEL,
    )?;
    let image = scratch.path().join("image");
    let kernel_bytes =
        fs::copy(&kernel.image, &image).map_err(RamdiskError::read(&kernel.image))?;
    publish(&image, &kernel_path)?;
    publish(&scratch.path().join("ramdisk"), &ramdisk_path)?;

    Ok(RamdiskReport {
        kernel: kernel_path,
        kernel_bytes,
        ramdisk: ramdisk_path,
        ramdisk_bytes: packed.compressed_bytes,
        unpacked_bytes: packed.unpacked_bytes,
        release: kernel.release,
        modules: selection.modules.len(),
        missing_modules: selection.missing,
        disk_tools: request.disk_tools,
        agent,
        took: started.elapsed(),
    })
}

/// The agent that was named, else the one beside the running executable.
fn find_agent(named: Option<&Path>) -> Result<PathBuf, RamdiskError> {
    let path = match named {
        Some(path) => path.to_path_buf(),
        None => std::env::current_exe()
            .map_err(RamdiskError::read(Path::new("/proc/self/exe")))?
            .with_file_name("cupola-agent"),
    };
    if path.is_file() {
        Ok(path)
    } else {
        Err(RamdiskError::AgentMissing { path })
    }
}

/// Gives a finished file its name; both are in one directory tree, so a reader sees old or new.
fn publish(finished: &Path, name: &Path) -> Result<(), RamdiskError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(finished, fs::Permissions::from_mode(0o644))
        .map_err(RamdiskError::write(finished))?;
    fs::rename(finished, name).map_err(RamdiskError::write(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_agent_is_named_with_what_to_do() {
        let error = find_agent(Some(Path::new("/nowhere/cupola-agent"))).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("/nowhere/cupola-agent") && text.contains("--agent"),
            "{text}"
        );
        let command = text.split('`').nth(1).unwrap();
        let readme = include_str!("../../../README.md");
        assert!(readme.contains(command), "{command}");
    }
}
