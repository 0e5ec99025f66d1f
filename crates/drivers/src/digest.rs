//! Digests of files of this host, in any of the algorithms that images are checked by. What has to
//! come out, and how users say it, is [`cupola_api::agent::Checksum`]'s.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cupola_api::agent::ChecksumAlgorithm;
use md5::Md5;
use sha2::{Digest, Sha256, Sha512};

/// The digest of a whole file, as lower-case hexadecimal digits.
///
/// # Errors
/// The file cannot be read.
pub(crate) async fn of_file(path: PathBuf, algorithm: ChecksumAlgorithm) -> io::Result<String> {
    tokio::task::spawn_blocking(move || match algorithm {
        ChecksumAlgorithm::Md5 => of_file_with(Md5::new(), &path),
        ChecksumAlgorithm::Sha256 => of_file_with(Sha256::new(), &path),
        ChecksumAlgorithm::Sha512 => of_file_with(Sha512::new(), &path),
    })
    .await
    .map_err(io::Error::other)?
}

fn of_file_with<D: Digest>(mut hasher: D, path: &Path) -> io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut buffer = vec![0_u8; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        match buffer.get(..read) {
            Some([]) | None => break,
            Some(bytes) => hasher.update(bytes),
        }
    }
    Ok(hex::encode(hasher.finalize().as_slice()))
}
