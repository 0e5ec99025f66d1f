//! Logs as one gzipped tar archive (POSIX.1-1988 ustar), as `log.collect_system_logs` answers it.

use std::io::{self, Write};

use base64::Engine as _;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::platform::Platform;

const BLOCK: usize = 512;

/// The machine's logs as Base64 text of the archive.
///
/// # Errors
/// None in practice: it writes to memory.
pub(crate) async fn collect(platform: &dyn Platform) -> io::Result<String> {
    let files = platform.logs().await;
    let archive = tokio::task::spawn_blocking(move || pack(&files))
        .await
        .map_err(io::Error::other)??;
    Ok(base64::engine::general_purpose::STANDARD.encode(archive))
}

/// Packs files by name. Blocking, but short.
///
/// # Errors
/// None in practice: it writes to memory.
pub(crate) fn pack(files: &[(String, Vec<u8>)]) -> io::Result<Vec<u8>> {
    let mut archive = GzEncoder::new(Vec::new(), Compression::fast());
    for (name, contents) in files {
        archive.write_all(&header(name, contents.len()))?;
        archive.write_all(contents)?;
        let padding = contents.len().next_multiple_of(BLOCK) - contents.len();
        archive.write_all([0; BLOCK].get(..padding).unwrap_or_default())?;
    }
    archive.write_all(&[0; BLOCK * 2])?;
    archive.finish()
}

fn header(name: &str, length: usize) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &str| {
        crate::partition::bytes::put(&mut header, at, text.as_bytes());
    };
    let name: String = name.chars().filter(char::is_ascii).take(99).collect();
    put(0, &name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{length:011o}\0"));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    crate::partition::bytes::put(&mut header, 148, format!("{sum:06o}\0 ").as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn tar_reads_the_archive() {
        let files = [
            ("agent.log".to_owned(), b"hello\n".to_vec()),
            ("dmesg".to_owned(), vec![]),
        ];
        let archive = pack(&files).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("logs.tar.gz");
        std::fs::write(&path, archive).unwrap();
        let output = Command::new("tar")
            .args(["-xzOf"])
            .arg(&path)
            .arg("agent.log")
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success());
        assert_eq!(output.stdout, b"hello\n");
    }
}
