//! The deploy ramdisk of the peer: the ironic-python-agent of PyPI on Debian.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

/// Memory of a machine that runs it, in MiB: Python unpacked in memory, and what it needs to run.
pub const MEMORY_MIB: u32 = 1536;

/// Builds kernel and ramdisk, or finds those built before; the directory that holds both.
///
/// # Errors
/// When the builder fails; what it said is on standard error.
pub fn ipa_ramdisk() -> Result<PathBuf> {
    let started = Instant::now();
    let output = Command::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/images/build-ipa-ramdisk"
    ))
    .arg(super::image::cache()?.join("ipa-ramdisk"))
    .stderr(Stdio::inherit())
    .output()
    .context("the builder of the ironic-python-agent ramdisk cannot be run")?;
    ensure!(
        output.status.success(),
        "the ironic-python-agent ramdisk could not be built"
    );
    super::report("ironic-python-agent ramdisk", started);
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
}
