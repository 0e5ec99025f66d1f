//! The cryptography of RMCP+ (chapters 13.28 to 13.32): HMACs with SHA-1 and SHA-256, the session's
//! keys, and AES-CBC-128 with IPMI's own padding.

use aes::Aes128;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::{DecodeError, suite::CipherSuite};

/// Bytes of the AES block and of the initialisation vector.
const BLOCK: usize = 16;
/// Longest password and Kg: both are 20-byte keys on the wire (chapter 13.31, 20.4).
pub const KEY_LENGTH: usize = 20;

/// A password or Kg as the key of an HMAC: zero-padded to twenty bytes, wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; KEY_LENGTH]);

impl Key {
    /// Pads `bytes` with zeros; `None` where they are longer than twenty.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut key = [0; KEY_LENGTH];
        key.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Self(key))
    }

    /// The twenty bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; KEY_LENGTH] {
        &self.0
    }
}

impl From<[u8; 16]> for Key {
    fn from(bytes: [u8; 16]) -> Self {
        let mut key = [0; KEY_LENGTH];
        for (to, from) in key.iter_mut().zip(bytes) {
            *to = from;
        }
        Self(key)
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(******)")
    }
}

/// The whole HMAC of `parts`, joined, with the suite's hash: 20 bytes for suite 3, 32 for 17.
///
/// `key` is at most 64 bytes (the block of both hashes), which every key of RMCP+ is; zero-padding
/// it to the block is HMAC's own definition.
#[must_use]
pub fn hmac(suite: CipherSuite, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut block = [0; 64];
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    let code = match suite {
        CipherSuite::Suite3 => {
            let mut mac = Hmac::<Sha1>::new(&block.into());
            parts.iter().for_each(|part| mac.update(part));
            mac.finalize().into_bytes().to_vec()
        }
        CipherSuite::Suite17 => {
            let mut mac = Hmac::<Sha256>::new(&block.into());
            parts.iter().for_each(|part| mac.update(part));
            mac.finalize().into_bytes().to_vec()
        }
    };
    block.zeroize();
    code
}

/// Bytes of the integrity code after a packet and in RAKP message 4 (tables 13-17, 13-18).
#[must_use]
pub const fn integrity_length(suite: CipherSuite) -> usize {
    match suite {
        CipherSuite::Suite3 => 12,
        CipherSuite::Suite17 => 16,
    }
}

/// Bytes of the key exchange authentication code in RAKP messages 2 and 3.
#[must_use]
pub const fn exchange_length(suite: CipherSuite) -> usize {
    match suite {
        CipherSuite::Suite3 => 20,
        CipherSuite::Suite17 => 32,
    }
}

/// Compares two codes in a time that depends on their length only.
#[must_use]
pub fn same(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

/// The keys of an active session.
#[derive(Clone)]
pub struct SessionKeys {
    suite: CipherSuite,
    integrity: Vec<u8>,
    confidentiality: [u8; BLOCK],
}

impl std::fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionKeys({}, ******)", self.suite)
    }
}

impl Drop for SessionKeys {
    fn drop(&mut self) {
        self.integrity.zeroize();
        self.confidentiality.zeroize();
    }
}

impl SessionKeys {
    /// K1 and K2 from the session integrity key (chapter 13.32).
    #[must_use]
    pub fn derive(suite: CipherSuite, session_integrity_key: &[u8]) -> Self {
        let integrity = hmac(suite, session_integrity_key, &[&[0x01; KEY_LENGTH]]);
        let mut second = hmac(suite, session_integrity_key, &[&[0x02; KEY_LENGTH]]);
        let mut confidentiality = [0; BLOCK];
        for (to, from) in confidentiality.iter_mut().zip(&second) {
            *to = *from;
        }
        second.zeroize();
        Self {
            suite,
            integrity,
            confidentiality,
        }
    }

    /// The suite that they belong to.
    #[must_use]
    pub fn suite(&self) -> CipherSuite {
        self.suite
    }

    /// The truncated integrity code of these bytes.
    #[must_use]
    pub fn integrity_code(&self, bytes: &[u8]) -> Vec<u8> {
        let mut code = hmac(self.suite, &self.integrity, &[bytes]);
        code.truncate(integrity_length(self.suite));
        code
    }

    /// The payload as it is sent: the initialisation vector, then the ciphertext (table 13-20).
    #[must_use]
    pub fn encrypt(&self, payload: &[u8], vector: [u8; BLOCK]) -> Vec<u8> {
        let mut plain = payload.to_vec();
        // The pad counts 1, 2, 3, … and its length follows it, which together fill the last block.
        let pad = (BLOCK - (payload.len() + 1) % BLOCK) % BLOCK;
        plain.extend((1..=u8::MAX).take(pad));
        plain.push(u8::try_from(pad).unwrap_or(0));
        let mut cipher =
            cbc::Encryptor::<Aes128>::new(&self.confidentiality.into(), &vector.into());
        let (blocks, _) = plain.as_chunks_mut::<BLOCK>();
        for block in blocks {
            cipher.encrypt_block(block.into());
        }
        let mut out = vector.to_vec();
        out.append(&mut plain);
        out
    }

    /// The payload out of what [`Self::encrypt`] made.
    pub fn decrypt(&self, sealed: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let (vector, ciphertext) = sealed
            .split_first_chunk::<BLOCK>()
            .ok_or(DecodeError::Truncated("initialisation vector"))?;
        let mut plain = ciphertext.to_vec();
        let (blocks, rest) = plain.as_chunks_mut::<BLOCK>();
        if !rest.is_empty() || blocks.is_empty() {
            return Err(DecodeError::Truncated("encrypted payload"));
        }
        let mut cipher =
            cbc::Decryptor::<Aes128>::new(&self.confidentiality.into(), &(*vector).into());
        for block in blocks {
            cipher.decrypt_block(block.into());
        }
        let pad = plain.pop().unwrap_or(0);
        let length = plain
            .len()
            .checked_sub(pad.into())
            .ok_or(DecodeError::Mismatch("confidentiality pad"))?;
        let padding = plain.split_off(length);
        if !padding
            .iter()
            .copied()
            .eq((1..=u8::MAX).take(padding.len()))
        {
            return Err(DecodeError::Mismatch("confidentiality pad"));
        }
        Ok(plain)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hmac_agrees_with_rfc_2202_and_rfc_4231() {
        // RFC 2202 test case 2 and RFC 4231 test case 2 use the same key and data.
        let data: &[u8] = b"what do ya want for nothing?";
        assert_eq!(
            hex::encode(hmac(CipherSuite::Suite3, b"Jefe", &[data])),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
        );
        assert_eq!(
            hex::encode(hmac(CipherSuite::Suite17, b"Jefe", &[data])),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn keys_do_not_show_in_debug() {
        let key = Key::new(b"hunter2").unwrap();
        assert!(!format!("{key:?}").contains("hunter2"));
        assert!(Key::new(&[0; 21]).is_none());
    }

    proptest! {
        #[test]
        fn what_is_encrypted_is_decrypted(
            payload in proptest::collection::vec(any::<u8>(), 0..100),
            vector: [u8; 16],
            secret: [u8; 20],
        ) {
            for suite in CipherSuite::PREFERENCE {
                let keys = SessionKeys::derive(suite, &secret);
                let sealed = keys.encrypt(&payload, vector);
                prop_assert_eq!(sealed.len() % 16, 0);
                prop_assert_eq!(keys.decrypt(&sealed), Ok(payload.clone()));
            }
        }

        #[test]
        fn any_bytes_decrypt_or_fail_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = SessionKeys::derive(CipherSuite::Suite3, &[7; 20]).decrypt(&bytes);
        }
    }
}
