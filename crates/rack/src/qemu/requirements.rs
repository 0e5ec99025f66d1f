//! Whether this host can run QEMU machines at all, so that tests can say why they skip.

use std::path::Path;

/// Programs and files that the rack uses, with the Debian package of each.
const NEEDED: &[(&str, &str)] = &[
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("ipmi_sim", "openipmi"),
    ("ip", "iproute2"),
    (super::command_line::OVMF_CODE, "ovmf"),
    ("/usr/lib/ipxe/undionly.kpxe", "ipxe"),
    ("/dev/net/tun", "a kernel with tun devices"),
];

/// What is missing here, one readable line each; empty when the rack can run.
#[must_use]
pub fn missing_requirements() -> Vec<String> {
    let mut missing: Vec<_> = NEEDED
        .iter()
        .filter(|(name, _package)| !exists(name))
        .map(|(name, package)| format!("{name} is missing (Debian package: {package})"))
        .collect();
    if !nix::unistd::geteuid().is_root() {
        missing.push("network namespaces and taps need root".to_owned());
    }
    missing
}

fn exists(name: &str) -> bool {
    if name.starts_with('/') {
        return Path::new(name).exists();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(name).is_file())
}
