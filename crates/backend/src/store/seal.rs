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

use super::error::{KeyError, StoreError};

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
    pub(crate) fn open(directory: &Path) -> Result<Self, KeyError> {
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
        getrandom::fill(&mut nonce).map_err(|e| KeyError::Random(e.to_string()))?;
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

fn create_key(directory: &Path, path: &Path) -> Result<(), KeyError> {
    let io = |source| KeyError::Io {
        path: path.to_owned(),
        source,
    };
    let mut key = Zeroizing::new([0_u8; 32]);
    getrandom::fill(&mut *key).map_err(|e| KeyError::Random(e.to_string()))?;
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

fn read_key(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let io = |source| KeyError::Io {
        path: path.to_owned(),
        source,
    };
    let mode = fs::metadata(path).map_err(io)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Readable {
            path: path.to_owned(),
            mode,
        });
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(io)?);
    let mut key = Zeroizing::new([0_u8; 32]);
    hex::decode_to_slice(text.trim_end(), &mut *key).map_err(|_| KeyError::Malformed {
        path: path.to_owned(),
    })?;
    Ok(key)
}

/// Makes the state directory, readable by its owner only. Blocks.
pub(crate) fn prepare_directory(directory: &Path) -> Result<(), KeyError> {
    let io = |source| KeyError::Io {
        path: directory.to_owned(),
        source,
    };
    if directory.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(directory).map_err(io)?;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).map_err(io)
}
