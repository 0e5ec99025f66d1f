//! What a simulated machine starts from its disk: it looks at the boot sector as firmware does, and
//! at the config drive as a first-boot service does. No operating system really runs.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// Bytes of the boot sector, with its signature in the last two.
const SECTOR: usize = 512;
/// The most that is read of a config drive.
const CONFIG_DRIVE: usize = 4 << 20;
/// GPT: the table's own header, and the size of its entries (UEFI specification 2.10, 5.3).
const GPT_SIGNATURE: &[u8] = b"EFI PART";
const GPT_ENTRY: usize = 128;
const GPT_ENTRIES: usize = 128;

/// What was found on a disk.
pub(super) struct OperatingSystem {
    /// The name that its config drive gives it.
    pub(super) hostname: String,
}

/// Looks for something to start. Reads the file on a blocking thread.
pub(super) async fn find(disk: PathBuf) -> io::Result<Option<OperatingSystem>> {
    tokio::task::spawn_blocking(move || look(&File::open(disk)?))
        .await
        .map_err(io::Error::other)?
}

fn look(disk: &File) -> io::Result<Option<OperatingSystem>> {
    let mut sector = [0_u8; SECTOR];
    disk.read_exact_at(&mut sector, 0)?;
    if !sector.ends_with(&[0x55, 0xaa]) {
        return Ok(None);
    }
    let hostname = config_drive(disk)?.as_deref().and_then(hostname);
    Ok(Some(OperatingSystem {
        hostname: hostname.unwrap_or_else(|| "localhost".to_owned()),
    }))
}

/// The content of the GPT partition that is named `config-2`.
fn config_drive(disk: &File) -> io::Result<Option<Vec<u8>>> {
    let mut table = vec![0_u8; SECTOR + GPT_ENTRY * GPT_ENTRIES];
    disk.read_exact_at(&mut table, SECTOR as u64)?;
    if !table.starts_with(GPT_SIGNATURE) {
        return Ok(None);
    }
    let name: Vec<u8> = "config-2"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let entries = table
        .get(SECTOR..)
        .unwrap_or_default()
        .chunks_exact(GPT_ENTRY);
    let lba = |entry: &[u8], at: usize| {
        let bytes = entry.get(at..at + 8)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    };
    for entry in entries {
        let named = entry.get(56..).is_some_and(|rest| rest.starts_with(&name));
        let (Some(first), Some(last)) = (lba(entry, 32), lba(entry, 40)) else {
            continue;
        };
        if named && first <= last {
            let sectors = usize::try_from(last - first + 1).unwrap_or(usize::MAX);
            let mut content = vec![0; sectors.saturating_mul(SECTOR).min(CONFIG_DRIVE)];
            disk.read_exact_at(&mut content, first.saturating_mul(SECTOR as u64))?;
            return Ok(Some(content));
        }
    }
    Ok(None)
}

/// The value of `"hostname"` in the drive's `meta_data.json`, wherever in it that file lies.
fn hostname(drive: &[u8]) -> Option<String> {
    let key = b"\"hostname\"";
    let at = drive.windows(key.len()).position(|window| window == key)?;
    let rest = drive.get(at + key.len()..at + key.len() + 512)?;
    let mut quoted = rest.split(|byte| *byte == b'"');
    let colon = quoted.next()?;
    let value = quoted.next()?;
    let is_value = colon.iter().all(|b| b.is_ascii_whitespace() || *b == b':');
    is_value.then(|| String::from_utf8_lossy(value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_disk_starts_nothing() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 20).unwrap();
        assert!(look(&file).unwrap().is_none());
    }

    #[test]
    fn the_config_drive_names_the_host() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(8 << 20).unwrap();
        file.write_all_at(&[0x55, 0xaa], 510).unwrap();
        file.write_all_at(GPT_SIGNATURE, 512).unwrap();
        let mut entry = [0_u8; GPT_ENTRY];
        entry[32..40].copy_from_slice(&4096_u64.to_le_bytes());
        entry[40..48].copy_from_slice(&8191_u64.to_le_bytes());
        for (to, from) in entry[56..].chunks_mut(2).zip("config-2".encode_utf16()) {
            to.copy_from_slice(&from.to_le_bytes());
        }
        file.write_all_at(&entry, 1024 + 128 * 3).unwrap();
        file.write_all_at(
            br#"{"uuid": "x", "hostname": "web-7"}"#,
            4096 * 512 + 70_000,
        )
        .unwrap();
        let system = look(&file).unwrap().expect("a boot signature is there");
        assert_eq!(system.hostname, "web-7");
    }
}
