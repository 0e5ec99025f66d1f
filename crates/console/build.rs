//! How the binary is linked; nothing is generated. Both are about memory, and are left out where the
//! tools may not know them.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |variable: &str, wanted: &str| env::var(variable).is_ok_and(|v| v == wanted);
    let is_default = env::var("CARGO_ENCODED_RUSTFLAGS").is_ok_and(|flags| flags.is_empty());
    // Rust's own linker is the default on this platform only.
    let is_known =
        is("TARGET", "x86_64-unknown-linux-gnu") && env::var("HOST") == env::var("TARGET");
    if !(is("PROFILE", "release") && is_default && is_known) {
        return;
    }
    // Generic code that came out the same several times is kept once.
    println!("cargo:rustc-link-arg-bins=-Wl,--icf=all");
    if glibc().is_some_and(|version| version >= (2, 36)) {
        // The relocations of a position-independent program are read at every start and stay in
        // memory: packed (DT_RELR, which glibc reads from 2.36 on) they are a fiftieth as long.
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The version of the C library here, which the binary is linked to.
fn glibc() -> Option<(u32, u32)> {
    let asked = Command::new("getconf")
        .arg("GNU_LIBC_VERSION")
        .output()
        .ok()?;
    let text = String::from_utf8(asked.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
