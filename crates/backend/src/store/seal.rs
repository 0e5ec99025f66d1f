//! Secrets at rest: what may hold a password is stored sealed with XChaCha20-Poly1305 under a key
//! that lies beside the database, not in it.
//!
//! A sealed value is the text `sealed:1:` and base64 of nonce and ciphertext; its node and column
//! are bound to it, so that it cannot be moved to another row. Not for the wire: that is masking.

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::error::{StateError, StoreError};

const PREFIX: &str = "sealed:1:";
const NONCE: usize = 24;
const KEY_FILE: &str = "secret.key";

/// Seals and opens.
#[derive(Clone)]
pub(crate) struct Sealer {
    cipher: XChaCha20Poly1305,
    path: PathBuf,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("path", &self.path).finish()
    }
}

impl Sealer {
    /// Reads `secret.key` in this directory, or makes it. Blocks.
    pub(crate) fn open(directory: &Path) -> Result<Self, StateError> {
        let path = directory.join(KEY_FILE);
        if !path.exists() {
            create_key(directory, &path)?;
        }
        let key = read_key(&path)?;
        Ok(Self {
            cipher: XChaCha20Poly1305::new((&*key).into()),
            path,
        })
    }

    /// Whether `secret.key` in this directory can be used, where there is one. Blocks.
    pub(super) fn check(directory: &Path) -> Result<(), StateError> {
        let path = directory.join(KEY_FILE);
        if path.exists() {
            read_key(&path)?;
        }
        Ok(())
    }

    /// The file with the key.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Seals `plain` for this owner (a node) and column. An empty object stays as it is.
    pub(crate) fn seal(
        &self,
        plain: &str,
        owner: &str,
        column: &str,
    ) -> Result<String, StoreError> {
        if plain == "{}" {
            return Ok(plain.to_owned());
        }
        let mut nonce = [0_u8; NONCE];
        getrandom::fill(&mut nonce).map_err(|e| StateError::Random(e.to_string()))?;
        let aad = format!("{owner}/{column}");
        let payload = Payload {
            msg: plain.as_bytes(),
            aad: aad.as_bytes(),
        };
        let sealed = self
            .cipher
            .encrypt(XNonce::from_slice(&nonce), payload)
            .map_err(|_| StoreError::corrupt(column, "too large to be sealed"))?;
        let mut bytes = nonce.to_vec();
        bytes.extend(sealed);
        Ok(format!("{PREFIX}{}", STANDARD_NO_PAD.encode(bytes)))
    }

    /// Opens what [`Self::seal`] made.
    pub(crate) fn open_sealed(
        &self,
        sealed: &str,
        owner: &str,
        column: &str,
    ) -> Result<Zeroizing<String>, StoreError> {
        if sealed == "{}" {
            return Ok(Zeroizing::new(sealed.to_owned()));
        }
        let bad = |reason: &str| StoreError::corrupt(format!("{column} of {owner}"), reason);
        let bytes = sealed
            .strip_prefix(PREFIX)
            .and_then(|text| STANDARD_NO_PAD.decode(text).ok())
            .ok_or_else(|| bad("not a sealed value"))?;
        let (nonce, msg) = bytes
            .split_at_checked(NONCE)
            .ok_or_else(|| bad("a sealed value cut short"))?;
        let aad = format!("{owner}/{column}");
        let payload = Payload {
            msg,
            aad: aad.as_bytes(),
        };
        let plain = self
            .cipher
            .decrypt(XNonce::from_slice(nonce), payload)
            .map_err(|_| bad("sealed with another key, or changed since"))?;
        String::from_utf8(plain)
            .map(Zeroizing::new)
            .map_err(|_| bad("not text"))
    }
}

fn create_key(directory: &Path, path: &Path) -> Result<(), StateError> {
    let io = |source| StateError::Io {
        path: path.to_owned(),
        source,
    };
    let mut key = Zeroizing::new([0_u8; 32]);
    getrandom::fill(&mut *key).map_err(|e| StateError::Random(e.to_string()))?;
    // A temporary file has mode 0600 from its first moment, and is renamed when it is complete.
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(io)?;
    writeln!(file, "{}", &*Zeroizing::new(hex::encode(*key))).map_err(io)?;
    file.as_file().sync_all().map_err(io)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        // Another process was faster: its key counts.
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(io(error.error)),
    }
}

fn read_key(path: &Path) -> Result<Zeroizing<[u8; 32]>, StateError> {
    let io = |source| StateError::Io {
        path: path.to_owned(),
        source,
    };
    let mode = fs::metadata(path).map_err(io)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(StateError::Readable {
            path: path.to_owned(),
            mode,
        });
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(io)?);
    let mut key = Zeroizing::new([0_u8; 32]);
    hex::decode_to_slice(text.trim_end(), &mut *key).map_err(|_| StateError::Malformed {
        path: path.to_owned(),
    })?;
    Ok(key)
}

/// Makes the state directory, readable by its owner only. Blocks.
pub(crate) fn prepare_directory(directory: &Path) -> Result<(), StateError> {
    let io = |source| StateError::Io {
        path: directory.to_owned(),
        source,
    };
    if directory.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(directory).map_err(io)?;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).map_err(io)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use proptest::prelude::*;

    fn sealer() -> (tempfile::TempDir, Sealer) {
        let directory = tempfile::tempdir().expect("a directory");
        let sealer = Sealer::open(directory.path()).expect("a key");
        (directory, sealer)
    }

    #[test]
    fn the_key_is_made_once_and_for_its_owner_only() {
        let (directory, sealer) = sealer();
        let mode = fs::metadata(sealer.path()).expect("it").mode();
        assert_eq!(mode & 0o7777, 0o600);
        let sealed = sealer.seal("x", "n", "c").expect("sealed");
        let again = Sealer::open(directory.path()).expect("the same key");
        assert_eq!(
            again.open_sealed(&sealed, "n", "c").expect("it").as_str(),
            "x"
        );
        assert!(!format!("{sealer:?}").contains("cipher"));
    }

    #[test]
    fn a_sealed_value_fits_its_node_and_column_only() {
        let (_directory, sealer) = sealer();
        let sealed = sealer.seal("x", "node-a", "driver_info").expect("sealed");
        assert!(sealed.starts_with("sealed:1:"));
        for (owner, column) in [("node-b", "driver_info"), ("node-a", "instance_info")] {
            assert!(sealer.open_sealed(&sealed, owner, column).is_err());
        }
    }

    static SHARED: LazyLock<(tempfile::TempDir, Sealer)> = LazyLock::new(sealer);

    proptest! {
        #[test]
        fn opens_what_it_sealed_and_nothing_that_was_changed(
            plain in ".{0,200}", at: prop::sample::Index, bit in 0..6_u8,
        ) {
            let (_, sealer) = &*SHARED;
            let sealed = sealer.seal(&plain, "n", "c").expect("sealed");
            let opened = sealer.open_sealed(&sealed, "n", "c").expect("opened");
            prop_assert_eq!(opened.as_str(), plain.as_str());
            let mut bytes = sealed.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let changed = String::from_utf8_lossy(&bytes).into_owned();
            // The last digit of base64 may hold unused bits: then it is refused as not canonical.
            prop_assert!(sealer.open_sealed(&changed, "n", "c").is_err());
        }

        #[test]
        fn no_text_panics(text in "(sealed:1:)?[A-Za-z0-9+/=]{0,80}") {
            let (_, sealer) = &*SHARED;
            let _ = sealer.open_sealed(&text, "n", "c");
        }
    }
}
