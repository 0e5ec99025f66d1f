//! Checksums of images: which algorithm, which value, and how a checksum file is read. Conductor and
//! agent read them alike; computing them, and fetching the file, is theirs.

/// How an image is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChecksumAlgorithm {
    /// RFC 1321. Good against accidents only; a service may refuse it.
    Md5,
    /// FIPS 180-4, 256 bits.
    Sha256,
    /// FIPS 180-4, 512 bits.
    Sha512,
}

impl ChecksumAlgorithm {
    const ALL: [Self; 3] = [Self::Md5, Self::Sha256, Self::Sha512];

    /// As in `os_hash_algo`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// The algorithm of that name, in any case, with or without a hyphen.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase().replace('-', "");
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// Hexadecimal digits of a checksum.
    #[must_use]
    pub const fn digits(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }

    fn by_digits(digits: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.digits() == digits)
    }
}

/// Why a value is no checksum. The text goes after the name of the image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChecksumError {
    /// Something else than hexadecimal digits.
    #[error("its checksum is not hexadecimal")]
    NotHexadecimal,
    /// As long as no checksum is.
    #[error("its checksum has {0} digits; MD5 has 32, SHA-256 64, SHA-512 128")]
    Length(usize),
    /// As long as one of another algorithm.
    #[error("its checksum has {digits} digits, {} has {}", algorithm.name(), algorithm.digits())]
    OtherAlgorithm {
        /// Its length.
        digits: usize,
        /// What was named.
        algorithm: ChecksumAlgorithm,
    },
}

/// What has to come out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    algorithm: ChecksumAlgorithm,
    expected: String,
}

impl Checksum {
    /// Reads a value; without an algorithm its length tells.
    ///
    /// # Errors
    /// It is no checksum of that algorithm.
    pub fn parse(algorithm: Option<ChecksumAlgorithm>, value: &str) -> Result<Self, ChecksumError> {
        let expected = value.trim().to_ascii_lowercase();
        if !expected.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ChecksumError::NotHexadecimal);
        }
        let digits = expected.len();
        match (algorithm, ChecksumAlgorithm::by_digits(digits)) {
            (Some(given), Some(found)) if given == found => Ok(Self {
                algorithm: given,
                expected,
            }),
            (None, Some(algorithm)) => Ok(Self {
                algorithm,
                expected,
            }),
            (Some(algorithm), _) => Err(ChecksumError::OtherAlgorithm { digits, algorithm }),
            (None, None) => Err(ChecksumError::Length(digits)),
        }
    }

    /// The checksum of the file `name` in a checksum file: a bare checksum, lines as `sha256sum` writes
    /// them (`HASH  name`, `HASH *name`), or as BSD does (`SHA256 (name) = HASH`). Paths before a
    /// name do not count, lines that begin with `#` are skipped. Of several, the one of the
    /// algorithm asked for is taken, else the strongest.
    #[must_use]
    pub fn find(text: &str, name: &str, algorithm: Option<ChecksumAlgorithm>) -> Option<Self> {
        let lines = || {
            text.lines()
                .map(str::trim)
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
        };
        let mut first_two = lines();
        if let (Some(only), None) = (first_two.next(), first_two.next())
            && !only.contains(char::is_whitespace)
        {
            return Self::parse(algorithm, only).ok();
        }
        lines()
            .filter_map(|line| Self::of_line(line, name))
            .filter(|found| algorithm.is_none_or(|wanted| found.algorithm == wanted))
            .max_by_key(|found| found.algorithm)
    }

    fn of_line(line: &str, name: &str) -> Option<Self> {
        if let Some((left, value)) = line.rsplit_once(") = ") {
            let (kind, file) = left.split_once('(')?;
            let algorithm = ChecksumAlgorithm::by_name(kind.trim())?;
            return (base_name(file) == name)
                .then(|| Self::parse(Some(algorithm), value).ok())
                .flatten();
        }
        let (value, file) = line.split_once(char::is_whitespace)?;
        let file = file.trim().trim_start_matches('*');
        (base_name(file) == name)
            .then(|| Self::parse(None, value).ok())
            .flatten()
    }

    /// How it is computed.
    #[must_use]
    pub const fn algorithm(&self) -> ChecksumAlgorithm {
        self.algorithm
    }

    /// Lower-case hexadecimal.
    #[must_use]
    pub fn expected(&self) -> &str {
        &self.expected
    }
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";

    #[test]
    fn the_algorithm_follows_from_the_name_or_the_length() {
        let sha256 = ChecksumAlgorithm::by_name("SHA-256");
        let by_name = Checksum::parse(sha256, &SHA256.to_uppercase()).unwrap();
        assert_eq!(by_name, Checksum::parse(None, SHA256).unwrap());
        assert_eq!(by_name.algorithm(), ChecksumAlgorithm::Sha256);
        let other = Checksum::parse(Some(ChecksumAlgorithm::Sha512), SHA256);
        assert!(matches!(other, Err(ChecksumError::OtherAlgorithm { .. })));
        assert_eq!(Checksum::parse(None, "abc"), Err(ChecksumError::Length(3)));
        assert_eq!(
            Checksum::parse(None, &"x".repeat(64)),
            Err(ChecksumError::NotHexadecimal)
        );
    }

    #[test]
    fn checksum_files_of_every_kind_are_read() {
        let coreutils = format!("{MD5}  other.img\n{SHA256} *images/a.img\n");
        let bsd = format!("# a comment\nSHA256 (other.img) = 00\nSHA256 (a.img) = {SHA256}\n");
        let bare = format!("# of a.img\n{SHA256}\n");
        for file in [coreutils.as_str(), &bsd, &bare] {
            let found = Checksum::find(file, "a.img", None).unwrap();
            assert_eq!(found.expected(), SHA256, "{file}");
        }
        assert_eq!(Checksum::find(&coreutils, "b.img", None), None);
    }

    #[test]
    fn of_several_the_wanted_or_the_strongest_is_taken() {
        let file = format!("MD5 (./a.img) = {MD5}\nSHA256 (./a.img) = {SHA256}\n");
        let find = |algorithm| Checksum::find(&file, "a.img", algorithm);
        assert_eq!(find(None).unwrap().expected(), SHA256);
        let md5 = find(Some(ChecksumAlgorithm::Md5)).unwrap();
        assert_eq!(md5.expected(), MD5);
        assert_eq!(find(Some(ChecksumAlgorithm::Sha512)), None);
    }

    proptest! {
        #[test]
        fn any_checksum_file_is_survived(text in "(?s).{0,200}", name in ".{0,8}") {
            let _ = Checksum::find(&text, &name, None);
        }
    }
}
