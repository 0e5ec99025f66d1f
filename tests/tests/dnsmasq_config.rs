//! What `cupola boot dnsmasq-config` prints, before the real dnsmasq.

use std::process::Command;

use anyhow::{Result, ensure};
use cupola_tests::binary;
use cupola_tests::skip::{has_program, skipped};

#[test]
fn dnsmasq_takes_the_configuration_that_is_printed() -> Result<()> {
    if !has_program("dnsmasq") {
        let test = "dnsmasq_takes_the_configuration_that_is_printed";
        skipped(test, "dnsmasq is missing (Debian package: dnsmasq-base)");
        return Ok(());
    }
    let printed = Command::new(binary::cupola()?)
        .args(["boot", "dnsmasq-config"])
        .args(["--set", "boot.enabled=true", "--set", "boot.dhcp=off"])
        .args(["--set", "api.listen=10.77.0.1:6385"])
        .args(["--set", "boot.address=10.77.0.1"])
        .args(["--set", "boot.network=10.77.0.0/24"])
        .args(["--set", "boot.pool_first=10.77.0.100"])
        .args(["--set", "boot.pool_last=10.77.0.199"])
        .output()?;
    let said = String::from_utf8_lossy(&printed.stderr);
    ensure!(printed.status.success(), "{said}");
    let text = String::from_utf8(printed.stdout)?;
    ensure!(
        text.lines().any(|line| line.starts_with("dhcp-range=")),
        "no range: {text}"
    );
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(&file, text)?;
    let checked = Command::new("dnsmasq")
        .arg("--test")
        .arg(format!("--conf-file={}", file.path().display()))
        .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
        .output()?;
    let said = String::from_utf8_lossy(&checked.stderr);
    ensure!(checked.status.success(), "{said}");
    Ok(())
}
