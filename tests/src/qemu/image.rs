//! What QEMU machines boot and get: the disk image and the deploy ramdisk, each built once and kept.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use cupola_api::cupola::Image;

use super::report;

/// How the directories of built ramdisks begin.
const RAMDISK: &str = "ramdisk-";

/// For how long a ramdisk is kept that this build does not use: another checkout may share the
/// cache.
const KEPT: Duration = Duration::from_secs(3600);

/// Where what takes long to make is kept between runs: `CUPOLA_TEST_CACHE`, else the target
/// directory.
///
/// # Errors
/// When the directory cannot be made.
pub fn cache() -> Result<PathBuf> {
    let path = match std::env::var_os("CUPOLA_TEST_CACHE") {
        Some(path) => PathBuf::from(path),
        // target/PROFILE/deps/test-HASH → target
        None => std::env::current_exe()?
            .ancestors()
            .nth(3)
            .context("the running test lies in no target directory")?
            .join("test-cache"),
    };
    std::fs::create_dir_all(&path)?;
    Ok(path)
}

/// How an image is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageFormat {
    /// The disk, octet for octet.
    Raw,
    /// QEMU's format, compressed.
    Qcow2,
}

impl ImageFormat {
    /// Ironic's name of the format.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
        }
    }
}

/// The disk image of the end-to-end tests.
#[derive(Debug)]
pub struct OsImage {
    /// The directory that holds it.
    pub directory: PathBuf,
    /// The raw image.
    pub raw: PathBuf,
    /// The compressed qcow2 image.
    pub qcow2: PathBuf,
}

impl OsImage {
    /// The image as `instance_info` names it; `base` is the URL of the directory it is served from.
    ///
    /// # Errors
    /// When the builder's list of sums lacks it.
    pub fn describe(&self, format: ImageFormat, base: &str) -> Result<Image> {
        let path = match format {
            ImageFormat::Raw => &self.raw,
            ImageFormat::Qcow2 => &self.qcow2,
        };
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .context("no file name")?;
        Ok(Image {
            name: name.to_owned(),
            source: format!("{base}/{name}"),
            disk_format: format.name().to_owned(),
            hash_algo: "sha256".to_owned(),
            hash_value: self.sha256(path)?,
            size: Some(path.metadata()?.len()),
        })
    }

    /// The SHA-256 sum of one of the image's files, in hexadecimal.
    ///
    /// # Errors
    /// When the list of sums is not what the builder writes.
    pub fn sha256(&self, image: &Path) -> Result<String> {
        let name = image
            .file_name()
            .and_then(|name| name.to_str())
            .context("no file name")?;
        let sums = std::fs::read_to_string(self.directory.join("SHA256SUMS"))?;
        sums.lines()
            .find_map(|line| line.strip_suffix(name).map(|sum| sum.trim().to_owned()))
            .with_context(|| format!("SHA256SUMS has no line for {name}"))
    }
}

/// Builds the disk image, or finds the one built before.
///
/// # Errors
/// When the builder fails; what it said is on standard error.
pub fn os_image() -> Result<OsImage> {
    let started = Instant::now();
    let output = Command::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/images/build-os-image"
    ))
    .arg(cache()?.join("os-image"))
    .stderr(Stdio::inherit())
    .output()
    .context("the image builder cannot be run")?;
    ensure!(output.status.success(), "the disk image could not be built");
    let directory = PathBuf::from(String::from_utf8(output.stdout)?.trim());
    report("disk image", started);
    Ok(OsImage {
        raw: directory.join("os.raw"),
        qcow2: directory.join("os.qcow2"),
        directory,
    })
}

/// The deploy ramdisk with the agent under test: built, or found where it was built before from the
/// same two executables.
///
/// # Errors
/// When it cannot be built.
pub fn agent_ramdisk() -> Result<PathBuf> {
    let agent = crate::binary::agent()?;
    let mut key = String::new();
    for file in [&agent, &crate::binary::cupola()?] {
        let metadata = file.metadata()?;
        let changed = metadata.modified()?.duration_since(UNIX_EPOCH)?;
        let _ = write!(key, "-{:x}-{:x}", metadata.len(), changed.as_nanos());
    }
    let cache = cache()?;
    forget_old_ramdisks(&cache)?;
    let kept = cache.join(format!("{RAMDISK}{}", key.trim_start_matches('-')));
    if !kept.join("ramdisk").exists() {
        let new = tempfile::Builder::new().prefix("new-").tempdir_in(&cache)?;
        build_ramdisk(&agent, new.path())?;
        // Another test process may have been faster; either will do.
        if std::fs::rename(new.path(), &kept).is_ok() {
            let _moved = new.keep();
        }
    }
    Ok(kept)
}

/// Every build of the executables has a ramdisk of its own; those of earlier builds go.
fn forget_old_ramdisks(cache: &Path) -> Result<()> {
    for entry in std::fs::read_dir(cache)? {
        let entry = entry?;
        let ours = entry.file_name().to_string_lossy().starts_with(RAMDISK);
        let age = entry.metadata()?.modified()?.elapsed().unwrap_or_default();
        if ours && age > KEPT {
            // Another test process may do the same.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// Builds kernel and ramdisk into `output` by `cupola ramdisk build`, with Debian's kernel for
/// virtual machines.
///
/// # Errors
/// When the command fails.
pub fn build_ramdisk(agent: &Path, output: &Path) -> Result<()> {
    build_ramdisk_with(agent, output, &[])
}

/// The same with more arguments.
///
/// # Errors
/// As [`build_ramdisk`].
pub fn build_ramdisk_with(agent: &Path, output: &Path, arguments: &[&str]) -> Result<()> {
    std::fs::create_dir_all(output)?;
    let stripped = output.join("agent");
    let started = Instant::now();
    // Symbols of a development build are most of its size, and the machine has to load them.
    let strip = Command::new("strip")
        .arg("-o")
        .arg(&stripped)
        .arg(agent)
        .stderr(Stdio::null())
        .status();
    let agent = if strip.is_ok_and(|status| status.success()) {
        &stripped
    } else {
        agent
    };
    let status = Command::new(crate::binary::cupola()?)
        .args(["ramdisk", "build", "--kernel", "cloud", "--agent"])
        .arg(agent)
        .arg("--output")
        .arg(output)
        .arg("--package-cache")
        .arg(cache()?.join("packages"))
        .args(arguments)
        .status()
        .context("cupola ramdisk build cannot be run")?;
    ensure!(status.success(), "the ramdisk could not be built");
    report("ramdisk", started);
    Ok(())
}
