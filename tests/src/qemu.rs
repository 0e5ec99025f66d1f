//! What the tests with QEMU machines share: whether they can run, the disk image, the ramdisk.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use cupola_rack::qemu::missing_requirements;

/// Whether QEMU machines can run here; says loudly why not.
#[must_use]
pub fn can_run(test: &str) -> bool {
    let mut missing = missing_requirements();
    if missing.is_empty() && !crate::skip::can_make_namespaces() {
        missing.push("network namespaces cannot be made here".to_owned());
    }
    if !missing.is_empty() {
        crate::skip::skipped(test, &missing.join("; "));
    }
    missing.is_empty()
}

/// Where what takes long to make is kept between runs: `CUPOLA_TEST_CACHE`, else the target
/// directory.
fn cache() -> Result<PathBuf> {
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

/// Builds kernel and ramdisk into `output` by `cupola ramdisk build`, with Debian's kernel for
/// virtual machines.
///
/// # Errors
/// When the command fails.
pub fn build_ramdisk(agent: &Path, output: &Path) -> Result<()> {
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
        .status()
        .context("cupola ramdisk build cannot be run")?;
    ensure!(status.success(), "the ramdisk could not be built");
    report("ramdisk", started);
    Ok(())
}

/// Prints the wall time of a phase where the test's reader sees it, whether or not the test fails.
pub fn report(phase: &str, started: Instant) {
    let line = format!("{phase:<24} {:>6.1} s", started.elapsed().as_secs_f64());
    // Straight to the process's standard error: the test harness would hide what is printed.
    let _ = writeln!(std::io::stderr(), "{line}");
}
