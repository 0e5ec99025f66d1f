//! The config drive: a small file system with the instance's identity, put where cloud-init looks for
//! it, on a partition labelled `config-2`. Its contents were made by the conductor; they can hold
//! passwords and are never logged.

use std::io::Read;

use base64::Engine;
use reqwest::Client;

use crate::disk::Disk;
use crate::error::StepError;
use crate::image::bounded_get;
use crate::partition::{Partition, PartitionTable};

/// The label that cloud-init and others look for.
const LABEL: &str = "config-2";
/// How large the partition is made, and the most a config drive can have, in bytes.
const SIZE: u64 = 64 * 1024 * 1024;

fn bad(reason: impl Into<String>) -> StepError {
    StepError::ConfigDrive(reason.into())
}

/// The file system out of what the conductor sends: base64 text of it, gzipped or not, or a URL of
/// either or of the file system itself.
///
/// # Errors
/// It does not come, does not decode, is too large, or is no file system.
pub(crate) async fn fetch(client: &Client, value: &str) -> Result<Vec<u8>, StepError> {
    let limit = usize::try_from(SIZE).unwrap_or(usize::MAX);
    if value.starts_with("http://") || value.starts_with("https://") {
        // Base64 makes it larger by a third.
        let bytes = bounded_get(client, value, limit / 3 * 4 + 4096).await?;
        return match file_system_in(&bytes) {
            Some(_) => Ok(bytes),
            None => decode(&bytes),
        };
    }
    let text = value.as_bytes().to_vec();
    tokio::task::spawn_blocking(move || decode(&text))
        .await
        .map_err(|error| StepError::Internal(error.to_string()))?
}

fn decode(text: &[u8]) -> Result<Vec<u8>, StepError> {
    let packed = if text.starts_with(&[0x1f, 0x8b]) {
        text.to_vec()
    } else {
        let bare: Vec<u8> = text
            .iter()
            .copied()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        base64::engine::general_purpose::STANDARD
            .decode(bare)
            .map_err(|error| bad(format!("it is not base64: {error}")))?
    };
    let drive = if packed.starts_with(&[0x1f, 0x8b]) {
        let mut drive = Vec::new();
        flate2::read::MultiGzDecoder::new(packed.as_slice())
            .take(SIZE + 1)
            .read_to_end(&mut drive)
            .map_err(|error| bad(format!("it does not unpack: {error}")))?;
        drive
    } else {
        packed
    };
    if drive.len() as u64 > SIZE {
        return Err(bad("it is larger than 64 MiB"));
    }
    match file_system_in(&drive) {
        Some(_) => Ok(drive),
        None => Err(bad("it is neither an ISO 9660 nor a FAT file system")),
    }
}

/// What kind of file system the bytes hold.
fn file_system_in(bytes: &[u8]) -> Option<&'static str> {
    if bytes.get(0x8001..0x8006) == Some(b"CD001") {
        return Some("iso9660");
    }
    let is_fat =
        bytes.get(510..512) == Some(&[0x55, 0xaa]) && matches!(bytes.first(), Some(0xeb | 0xe9));
    is_fat.then_some("vfat")
}

/// Writes it to the partition labelled `config-2`, or to a new one at the end of the disk. Blocking.
///
/// # Errors
/// No room, no partition table, or the disk failed.
pub(crate) fn write(
    disk: &mut dyn Disk,
    device: &str,
    drive: &[u8],
) -> Result<Partition, StepError> {
    let mut table = PartitionTable::read(disk)?;
    let existing = table.partitions().into_iter().find(|partition| {
        let label = partition.label.as_deref();
        label.is_some_and(|label| label.eq_ignore_ascii_case(LABEL))
    });
    let partition = match existing {
        Some(partition) if partition.length < drive.len() as u64 => {
            return Err(bad(format!(
                "it has {} bytes, but the image's partition {} labelled {LABEL} has {}",
                drive.len(),
                partition.number,
                partition.length
            )));
        }
        Some(partition) => partition,
        None => table.add_at_end(disk, SIZE, LABEL)?,
    };
    let written = disk.write_at(partition.start, drive).and_then(|()| {
        // What lay there before must not be taken for a part of it.
        let rest = partition.length - drive.len() as u64;
        disk.zero(partition.start + drive.len() as u64, rest)?;
        disk.sync()
    });
    written.map_err(|source| StepError::Disk {
        device: device.to_owned(),
        source,
    })?;
    Ok(partition)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn iso() -> Vec<u8> {
        let mut iso = vec![0; 40_000];
        iso[0x8001..0x8006].copy_from_slice(b"CD001");
        iso
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn base64(bytes: &[u8]) -> Vec<u8> {
        base64::engine::general_purpose::STANDARD
            .encode(bytes)
            .into_bytes()
    }

    #[test]
    fn every_form_decodes_and_nonsense_does_not() {
        assert!(decode(&base64(&gzip(&iso()))).unwrap() == iso());
        assert!(decode(&base64(&iso())).unwrap() == iso());
        assert!(decode(&gzip(&iso())).unwrap() == iso());
        let mut wrapped = base64(&gzip(&iso()));
        wrapped.insert(60, b'\n');
        assert!(decode(&wrapped).unwrap() == iso());
        for nonsense in [
            b"!".to_vec(),
            base64(b"hello"),
            base64(&gzip(&vec![0; 65 << 20])),
        ] {
            assert!(matches!(decode(&nonsense), Err(StepError::ConfigDrive(_))));
        }
    }
}
