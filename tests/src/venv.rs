//! Virtual environments with programs of PyPI in them, for peers that are Python's.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::Result;
use nix::fcntl::{Flock, FlockArg};

/// A virtual environment with what the file of requirements lists, made once per list; `None` when
/// there is no Python or no PyPI, which is said loudly for this test.
///
/// # Errors
/// When files cannot be written.
pub fn environment(test: &str, name: &str, requirements: &str) -> Result<Option<PathBuf>> {
    let venv = crate::qemu::image::cache()?.join(format!("{name}-venv"));
    let wanted = std::fs::read_to_string(requirements)?;
    // Tests that run beside this one want the same.
    let lock = std::fs::File::create(venv.with_extension("lock"))?;
    let _lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, error)| error)?;
    let marker = venv.join("installed.txt");
    if std::fs::read_to_string(&marker).is_ok_and(|installed| installed == wanted) {
        return Ok(Some(venv));
    }
    let started = Instant::now();
    let made = Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&venv)
        .status();
    if !made.is_ok_and(|status| status.success()) {
        crate::skip::skipped(test, "python3 -m venv does not work: install python3-venv");
        return Ok(None);
    }
    let installed = Command::new(venv.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check"])
        .args(["--requirement", requirements])
        .status();
    if !installed.is_ok_and(|status| status.success()) {
        crate::skip::skipped(test, &format!("{name} cannot be had from PyPI"));
        return Ok(None);
    }
    std::fs::write(marker, wanted)?;
    crate::qemu::report(&format!("{name} from PyPI"), started);
    Ok(Some(venv))
}
