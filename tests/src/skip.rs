//! Loud skips: a test that cannot run here says why, and the run counts it.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Says that a test is skipped, on standard error and in the file that `CUPOLA_SKIPS` names, from
/// which `scripts/test` counts.
pub fn skipped(test: &str, reason: &str) {
    let line = format!("SKIPPED {test}: {reason}");
    // Straight to the process's standard error: the test harness would hide what is printed.
    let _ = writeln!(std::io::stderr(), "{line}");
    if let Some(path) = std::env::var_os("CUPOLA_SKIPS") {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path);
        let _ = file.and_then(|mut f| writeln!(f, "{line}"));
    }
}

/// Whether a program is there.
#[must_use]
pub fn has_program(name: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let extra = ["/usr/sbin", "/sbin"].map(Into::into);
    std::env::split_paths(&paths)
        .chain(extra)
        .any(|dir| dir.join(name).is_file())
}

/// Whether the test may make network namespaces (it runs as root with `ip netns`).
#[must_use]
pub fn can_make_namespaces() -> bool {
    if !nix::unistd::Uid::effective().is_root() || !has_program("ip") {
        return false;
    }
    // Tests of one process ask at the same time.
    static TRIES: AtomicU32 = AtomicU32::new(0);
    let number = TRIES.fetch_add(1, Ordering::Relaxed);
    let name = format!("cupola-try-{}-{number}", std::process::id());
    let ip = |verb: &str| {
        Command::new("ip")
            .args(["netns", verb, &name])
            .status()
            .is_ok_and(|s| s.success())
    };
    ip("add") && ip("del") && Path::new("/proc/self/ns/net").exists()
}
