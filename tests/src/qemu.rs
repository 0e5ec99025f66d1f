//! What the tests with QEMU machines share: whether they can run, what the machines boot, and a
//! [`Lab`](lab::Lab) with a machine in it that takes one of the [boot paths](boot_path).

pub mod boot_path;
pub mod deploy;
pub mod dnsmasq;
pub mod image;
pub mod instance;
pub mod ipa;
pub mod lab;
pub mod lookup;
pub mod table;

use std::io::Write;
use std::time::Instant;

use cupola_rack::qemu::missing_requirements;

pub use image::{OsImage, agent_ramdisk, build_ramdisk, build_ramdisk_with, os_image};

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

/// Prints the wall time of a phase where the test's reader sees it, whether or not the test fails.
pub fn report(phase: &str, started: Instant) {
    let line = format!("{phase:<24} {:>6.1} s", started.elapsed().as_secs_f64());
    // Straight to the process's standard error: the test harness would hide what is printed.
    let _ = writeln!(std::io::stderr(), "{line}");
}
