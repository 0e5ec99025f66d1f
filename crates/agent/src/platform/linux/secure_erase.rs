//! Disks that erase themselves: NVMe's Format and ATA's SECURITY ERASE UNIT. Both need ioctls, so they
//! are given by `nvme` (nvme-cli) and `hdparm`, where the ramdisk has them; without them no disk
//! offers it, and disks are overwritten.

use std::ffi::OsStr;
use std::process::Stdio;

use cupola_api::agent::BlockDevice;
use serde_json::Value;
use tokio::process::Command;

use super::super::{PlatformError, SecureErase};

/// Has the disk erase itself; false when it cannot, or may not.
///
/// # Errors
/// It offers it, and it failed: what is on the disk is not known.
pub(super) async fn run(device: &BlockDevice, kinds: SecureErase) -> Result<bool, PlatformError> {
    let name = device.name.as_str();
    if name.starts_with("/dev/nvme") {
        return if kinds.nvme {
            nvme(name).await
        } else {
            Ok(false)
        };
    }
    if kinds.ata {
        ata(name).await
    } else {
        Ok(false)
    }
}

async fn nvme(device: &str) -> Result<bool, PlatformError> {
    let Some(controller) = asked("nvme", ["id-ctrl", device, "-o", "json"]).await? else {
        return Ok(false);
    };
    let Some(setting) = nvme_setting(&controller) else {
        return Ok(false);
    };
    let ses = format!("--ses={setting}");
    output("nvme", ["format", device, &ses, "--force"]).await?;
    Ok(true)
}

/// The Secure Erase Settings of the Format command (NVM Express base specification, figure "Format
/// NVM"): 2 erases the key, 1 the data. None when the controller has no such command.
fn nvme_setting(controller: &str) -> Option<u8> {
    let controller: Value = serde_json::from_str(controller).ok()?;
    let bit = |key: &str, bit: u32| Some(controller.get(key)?.as_u64()? & (1 << bit) != 0);
    let has_format = bit("oacs", 1)?;
    has_format.then(|| if bit("fna", 2) == Some(true) { 2 } else { 1 })
}

async fn ata(device: &str) -> Result<bool, PlatformError> {
    let Some(identity) = asked("hdparm", ["-I", device]).await? else {
        return Ok(false);
    };
    let erase = match ata_security(&identity) {
        AtaSecurity::Absent => return Ok(false),
        AtaSecurity::Frozen => {
            return Err(PlatformError::Unsupported(format!(
                "the firmware has frozen the security of {device}; power the machine off and on, or \
                 switch ATA security freezing off in its setup"
            )));
        }
        AtaSecurity::InUse => {
            return Err(PlatformError::Unsupported(format!(
                "{device} is locked with a password; unlock it with hdparm --security-disable"
            )));
        }
        AtaSecurity::Ready { enhanced: true } => "--security-erase-enhanced",
        AtaSecurity::Ready { enhanced: false } => "--security-erase",
    };
    let user = ["--user-master", "u"];
    let set = [user[0], user[1], "--security-set-pass", "NULL", device];
    output("hdparm", set).await?;
    output("hdparm", [user[0], user[1], erase, "NULL", device]).await?;
    Ok(true)
}

/// The state of a disk's Security feature set (ATA/ATAPI Command Set 4, section 4.18).
#[derive(Debug, PartialEq, Eq)]
enum AtaSecurity {
    Absent,
    Frozen,
    InUse,
    Ready { enhanced: bool },
}

fn ata_security(identity: &str) -> AtaSecurity {
    let lines: Vec<String> = identity
        .lines()
        .skip_while(|line| line.trim() != "Security:")
        .skip(1)
        .take_while(|line| line.starts_with(['\t', ' ']))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let has = |text: &str| lines.iter().any(|line| line == text);
    if !has("supported") {
        AtaSecurity::Absent
    } else if has("enabled") || has("locked") {
        AtaSecurity::InUse
    } else if has("frozen") {
        AtaSecurity::Frozen
    } else {
        let enhanced = has("supported: enhanced erase");
        AtaSecurity::Ready { enhanced }
    }
}

/// What a program tells of a disk; none too when it fails: `hdparm` does so on disks that are not ATA.
/// A disk that cannot be asked offers nothing.
async fn asked<S: AsRef<OsStr>>(
    program: &str,
    arguments: impl IntoIterator<Item = S>,
) -> Result<Option<String>, PlatformError> {
    match output(program, arguments).await {
        Err(PlatformError::Unsupported(reason)) => {
            tracing::debug!(reason, "the disk does not say how it erases itself");
            Ok(None)
        }
        other => other,
    }
}

/// What a program prints; none when the ramdisk does not have it. It dies with the caller.
async fn output<S: AsRef<OsStr>>(
    program: &str,
    arguments: impl IntoIterator<Item = S>,
) -> Result<Option<String>, PlatformError> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await;
    match output {
        Ok(output) if output.status.success() => {
            Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()))
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let first = said.lines().next().unwrap_or_default();
            Err(PlatformError::Unsupported(format!(
                "{program} ended with {}: {first}",
                output.status
            )))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PlatformError::io(format!("starting {program}"), error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_with_format_is_given_the_strongest_setting() {
        assert_eq!(nvme_setting(r#"{"oacs": 6, "fna": 4}"#), Some(2));
        assert_eq!(nvme_setting(r#"{"oacs": 2, "fna": 3}"#), Some(1));
        assert_eq!(nvme_setting(r#"{"oacs": 4, "fna": 4}"#), None);
        assert_eq!(nvme_setting("no JSON"), None);
    }

    #[tokio::test]
    async fn a_disk_that_cannot_be_asked_offers_nothing() {
        for program in ["false", "no-such-program"] {
            assert_eq!(asked(program, ["-I", "/dev/sda"]).await.unwrap(), None);
        }
        output("false", ["--security-erase"]).await.unwrap_err();
    }

    #[test]
    fn the_security_of_a_disk_is_read_line_by_line() {
        let identity = |lines: &str| format!("Model: X\nSecurity: \n{lines}Checksum: correct\n");
        let ready = "\t\tsupported\n\tnot\tenabled\n\tnot\tlocked\n\tnot\tfrozen\n";
        let enhanced =
            format!("{ready}\tnot\texpired: security count\n\t\tsupported: enhanced erase\n");
        for (lines, want) in [
            (ready.to_owned(), AtaSecurity::Ready { enhanced: false }),
            (enhanced, AtaSecurity::Ready { enhanced: true }),
            (
                ready.replace("not\tfrozen", "\tfrozen"),
                AtaSecurity::Frozen,
            ),
            (
                ready.replace("not\tenabled", "\tenabled"),
                AtaSecurity::InUse,
            ),
            (
                ready.replace("\t\tsupported", "\tnot\tsupported"),
                AtaSecurity::Absent,
            ),
            (String::new(), AtaSecurity::Absent),
        ] {
            assert_eq!(ata_security(&identity(&lines)), want, "{lines}");
        }
    }
}
