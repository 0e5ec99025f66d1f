//! Finding the binaries that the tests drive.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The `cupola` binary: `CUPOLA_BIN` when set, else built beside the running test.
///
/// # Errors
/// When it cannot be built.
pub fn cupola() -> Result<PathBuf> {
    named("cupola", "CUPOLA_BIN")
}

/// The `cupola-agent` binary: `CUPOLA_AGENT_BIN` when set, else built beside the running test.
///
/// # Errors
/// When it cannot be built.
pub fn agent() -> Result<PathBuf> {
    named("cupola-agent", "CUPOLA_AGENT_BIN")
}

fn named(binary: &str, variable: &str) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        let path = PathBuf::from(path);
        ensure!(
            path.is_file(),
            "{variable} names {}, which is no file",
            path.display()
        );
        return Ok(path);
    }
    let test = std::env::current_exe().context("the running test has no path")?;
    // target/PROFILE/deps/test-HASH → target/PROFILE
    let profile = test
        .ancestors()
        .nth(2)
        .context("the running test lies in no target directory")?;
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--locked", "--workspace", "--bin", binary]);
    match profile.file_name().and_then(|n| n.to_str()) {
        Some("debug") | None => {}
        Some(name) => {
            build.args(["--profile", name]);
        }
    }
    if let Some(target) = profile.parent() {
        build.arg("--target-dir").arg(target);
    }
    build.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let status = build.status().context("cargo cannot be run")?;
    ensure!(status.success(), "{binary} does not build");
    Ok(profile.join(binary))
}
