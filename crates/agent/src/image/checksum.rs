//! The checksum an image has to have: which algorithm, which value, or where the value is kept.

use cupola_api::agent::ImageInfo;
use md5::Md5;
use sha2::{Digest, Sha256, Sha512};

use super::source::{Source, bounded_get};
use super::{ImageError, ImagePolicy};

/// A checksum file of more than this is none.
const MAX_FILE: usize = 4 * 1024 * 1024;

/// What has to come out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checksum {
    pub(super) algorithm: Algorithm,
    /// Lower-case hexadecimal.
    pub(super) expected: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Md5,
    Sha256,
    Sha512,
}

impl Algorithm {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    fn by_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        [Self::Md5, Self::Sha256, Self::Sha512]
            .into_iter()
            .find(|it| it.name() == name)
    }

    fn digits(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }

    fn by_digits(digits: usize) -> Option<Self> {
        [Self::Md5, Self::Sha256, Self::Sha512]
            .into_iter()
            .find(|it| it.digits() == digits)
    }
}

impl Checksum {
    /// Reads what the image's description says, and fetches a checksum file where it names one.
    pub(super) async fn of(
        source: &Source,
        info: &ImageInfo,
        policy: &ImagePolicy,
    ) -> Result<Self, ImageError> {
        let refused = |reason: String| ImageError::Refused(format!("image {}: {reason}", info.id));
        let (algorithm, value) = match (&info.os_hash_algo, &info.os_hash_value, &info.checksum) {
            (Some(algorithm), Some(value), _) => {
                let known = Algorithm::by_name(algorithm).ok_or_else(|| {
                    refused(format!(
                        "os_hash_algo {algorithm} is not supported; use sha256 or sha512"
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
        let value = if value.starts_with("http://") || value.starts_with("https://") {
            let text = bounded_get(source.client(), value, MAX_FILE).await?;
            let text = String::from_utf8_lossy(&text);
            find_in_file(&text, &source.file_name()).ok_or_else(|| {
                refused(format!(
                    "its checksum file has no line for {}",
                    source.file_name()
                ))
            })?
        } else {
            value.clone()
        };
        let checksum = Self::parse(algorithm, &value).map_err(refused)?;
        if checksum.algorithm == Algorithm::Md5 && !policy.md5_allowed {
            return Err(refused(
                "MD5 checksums are not allowed here; use os_hash_algo sha256 or sha512".into(),
            ));
        }
        Ok(checksum)
    }

    fn parse(algorithm: Option<Algorithm>, value: &str) -> Result<Self, String> {
        let expected = value.trim().to_ascii_lowercase();
        if !expected.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err("its checksum is not hexadecimal".to_owned());
        }
        let by_digits = Algorithm::by_digits(expected.len());
        match (algorithm, by_digits) {
            (Some(given), Some(found)) if given == found => Ok(Self {
                algorithm: given,
                expected,
            }),
            (None, Some(found)) => Ok(Self {
                algorithm: found,
                expected,
            }),
            (Some(given), _) => Err(format!(
                "its checksum has {} digits, {} has {}",
                expected.len(),
                given.name(),
                given.digits()
            )),
            (None, None) => Err(format!(
                "its checksum has {} digits; MD5 has 32, SHA-256 64, SHA-512 128",
                expected.len()
            )),
        }
    }
}

/// The checksum in a file of one line, of `sha256sum`'s lines, or of BSD's (`SHA256 (name) = …`).
fn find_in_file(text: &str, name: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let (first, second) = (lines.next()?, lines.next());
    if second.is_none() && !first.contains(char::is_whitespace) {
        return Some(first.to_owned());
    }
    text.lines().find_map(|line| {
        let line = line.trim();
        if let Some((left, sum)) = line.rsplit_once(") = ") {
            let (_, file) = left.split_once('(')?;
            return (base_name(file) == name).then(|| sum.trim().to_owned());
        }
        let (sum, file) = line.split_once(char::is_whitespace)?;
        let file = file.trim().trim_start_matches('*');
        (base_name(file) == name).then(|| sum.to_owned())
    })
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A checksum in the making.
pub(super) enum Hasher {
    Md5(Md5),
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Md5 => Self::Md5(Md5::new()),
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
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
    use proptest::prelude::*;

    const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn the_algorithm_follows_from_the_name_or_the_length() {
        let by_name = Checksum::parse(Some(Algorithm::Sha256), &SHA256.to_uppercase()).unwrap();
        assert_eq!(by_name, Checksum::parse(None, SHA256).unwrap());
        assert_eq!(by_name.algorithm, Algorithm::Sha256);
        assert!(Checksum::parse(Some(Algorithm::Sha512), SHA256).is_err());
        assert!(Checksum::parse(None, "abc").is_err());
        assert!(Checksum::parse(None, &"x".repeat(64)).is_err());
        assert_eq!(Hasher::new(Algorithm::Sha256).finish(), SHA256);
    }

    #[test]
    fn checksum_files_of_every_kind_are_read() {
        let coreutils = format!("00  other.img\n{SHA256} *images/a.img\n");
        let bsd = format!("SHA256 (other.img) = 00\nSHA256 (a.img) = {SHA256}\n");
        for file in [coreutils.as_str(), &bsd, &format!("{SHA256}\n")] {
            assert_eq!(
                find_in_file(file, "a.img").as_deref(),
                Some(SHA256),
                "{file}"
            );
        }
        assert_eq!(find_in_file(&coreutils, "b.img"), None);
    }

    proptest! {
        #[test]
        fn any_checksum_file_is_survived(text in "(?s).{0,200}", name in ".{0,8}") {
            let _ = find_in_file(&text, &name);
        }
    }
}
