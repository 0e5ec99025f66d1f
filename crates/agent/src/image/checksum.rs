//! The checksum an image has to have, out of its description or of the checksum file that this names;
//! and the hashing itself. How values and files are read is the protocol's
//! ([`cupola_api::agent::checksum`]).

use cupola_api::agent::{Checksum, ChecksumAlgorithm, ImageInfo};
use md5::Md5;
use sha2::{Digest, Sha256, Sha512};

use super::source::{Source, bounded_get};
use super::{ImageError, ImagePolicy};

/// A checksum file of more than this is none.
const MAX_FILE: usize = 4 * 1024 * 1024;

/// Reads what the image's description says, and fetches a checksum file where it names one.
pub(super) async fn expected(
    source: &Source,
    info: &ImageInfo,
    policy: &ImagePolicy,
) -> Result<Checksum, ImageError> {
    let refused = |reason: String| ImageError::Refused(format!("image {}: {reason}", info.id));
    let (algorithm, value) = match (&info.os_hash_algo, &info.os_hash_value, &info.checksum) {
        (Some(name), Some(value), _) => {
            let known = ChecksumAlgorithm::by_name(name).ok_or_else(|| {
                refused(format!(
                    "os_hash_algo {name} is not supported; use sha256 or sha512"
                ))
            })?;
            (Some(known), value)
        }
        (_, _, Some(value)) => (None, value),
        (_, _, None) => {
            return Err(refused(
                "Image checksum is not available; set os_hash_algo and os_hash_value".into(),
            ));
        }
    };
    let checksum = if value.starts_with("http://") || value.starts_with("https://") {
        let text = bounded_get(source.client(), value, MAX_FILE).await?;
        let text = String::from_utf8_lossy(&text);
        let name = source.file_name();
        Checksum::find(&text, &name, algorithm).ok_or_else(|| {
            let kind = algorithm.map_or_else(String::new, |it| format!("{} ", it.name()));
            refused(format!(
                "its checksum file has no {kind}checksum for {name}; see whether the file is the \
                 right one, or give the checksum itself"
            ))
        })?
    } else {
        Checksum::parse(algorithm, value).map_err(|error| refused(error.to_string()))?
    };
    if checksum.algorithm() == ChecksumAlgorithm::Md5 && !policy.md5_allowed {
        return Err(refused(
            "MD5 checksums are not allowed here; use os_hash_algo sha256 or sha512".into(),
        ));
    }
    Ok(checksum)
}

/// A checksum in the making.
pub(super) enum Hasher {
    Md5(Md5),
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    pub(super) fn new(algorithm: ChecksumAlgorithm) -> Self {
        match algorithm {
            ChecksumAlgorithm::Md5 => Self::Md5(Md5::new()),
            ChecksumAlgorithm::Sha256 => Self::Sha256(Sha256::new()),
            ChecksumAlgorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    pub(super) fn update(&mut self, data: &[u8]) {
        match self {
            Self::Md5(hasher) => hasher.update(data),
            Self::Sha256(hasher) => hasher.update(data),
            Self::Sha512(hasher) => hasher.update(data),
        }
    }

    pub(super) fn finish(self) -> String {
        match self {
            Self::Md5(hasher) => hex::encode(hasher.finalize()),
            Self::Sha256(hasher) => hex::encode(hasher.finalize()),
            Self::Sha512(hasher) => hex::encode(hasher.finalize()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_the_checksums_of_nothing() {
        for algorithm in [
            ChecksumAlgorithm::Md5,
            ChecksumAlgorithm::Sha256,
            ChecksumAlgorithm::Sha512,
        ] {
            let digits = Hasher::new(algorithm).finish();
            assert_eq!(digits.len(), algorithm.digits());
        }
        let empty = Hasher::new(ChecksumAlgorithm::Md5).finish();
        assert_eq!(empty, "d41d8cd98f00b204e9800998ecf8427e");
    }
}
