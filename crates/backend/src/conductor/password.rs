//! The rescue password as a crypt(5) hash: what a ramdisk puts into its password file.

use cupola_api::Secret;
use sha_crypt::{PasswordHasher, ShaCrypt};

use crate::config::HashAlgorithm;

/// The password cannot be hashed.
#[derive(Debug, thiserror::Error)]
pub(super) enum HashError {
    #[error("no random numbers for the password's salt: {0}")]
    Random(#[from] getrandom::Error),
    #[error("the rescue password cannot be hashed: {0}")]
    Hash(sha_crypt::password_hash::Error),
}

/// Hashes it with a salt of its own. Takes milliseconds on purpose.
pub(super) fn hash(password: &Secret, algorithm: HashAlgorithm) -> Result<Secret, HashError> {
    let hasher = match algorithm {
        HashAlgorithm::Sha256 => ShaCrypt::SHA256,
        HashAlgorithm::Sha512 => ShaCrypt::SHA512,
    };
    // Written out it has the 16 characters that crypt(5) takes at most.
    let mut salt = [0; 12];
    getrandom::fill(&mut salt)?;
    let hashed = hasher
        .hash_password_with_salt(password.expose().as_bytes(), &salt)
        .map_err(HashError::Hash)?;
    Ok(Secret::new(hashed.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_operating_system_s_crypt_finds_the_same() {
        for (algorithm, prefix) in [
            (HashAlgorithm::Sha256, "$5$"),
            (HashAlgorithm::Sha512, "$6$"),
        ] {
            let hashed = hash(&Secret::from("open sesame"), algorithm).unwrap();
            assert!(hashed.expose().starts_with(prefix), "{}", hashed.expose());
            let output = Command::new("perl")
                .args(["-e", "print crypt($ARGV[0], $ARGV[1])", "open sesame"])
                .arg(hashed.expose())
                .output();
            // Perl is in every Debian; its crypt is the C library's.
            if let Ok(output) = output {
                assert_eq!(String::from_utf8_lossy(&output.stdout), hashed.expose());
            }
        }
    }
}
