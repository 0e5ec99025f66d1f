//! Which passwords were found right, so that not every request pays for bcrypt. Kept are keyed
//! hashes, one for each user, which nobody can turn back without the key of this process.

use std::collections::HashMap;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// A keyed hash of a password and of what it was checked against.
type Verdict = [u8; 32];

/// The last right password of each user.
pub(super) struct Verdicts {
    key: [u8; 32],
    right: Mutex<HashMap<Arc<str>, Verdict>>,
}

impl std::fmt::Debug for Verdicts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verdicts").finish_non_exhaustive()
    }
}

impl Verdicts {
    /// None yet, under a key of its own.
    ///
    /// # Errors
    /// The system gives no random octets.
    pub(super) fn new() -> Result<Self, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        Ok(Self {
            key,
            right: Mutex::default(),
        })
    }

    /// Whether this password was found right against this hash before.
    pub(super) fn knows(&self, user: &str, password: &str, hash: &str) -> bool {
        let verdict = self.verdict(password, hash);
        let known = self.right.lock().get(user).copied();
        known.is_some_and(|known| known.ct_eq(&verdict).into())
    }

    /// Notes a right password.
    pub(super) fn note(&self, user: Arc<str>, password: &str, hash: &str) {
        let verdict = self.verdict(password, hash);
        self.right.lock().insert(user, verdict);
    }

    /// Lets go of users that are gone.
    pub(super) fn keep(&self, is_there: impl Fn(&str) -> bool) {
        self.right.lock().retain(|user, _| is_there(user));
    }

    fn verdict(&self, password: &str, hash: &str) -> Verdict {
        // A key of any length is taken.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else {
            return [0; 32];
        };
        mac.update(hash.as_bytes());
        mac.update(&[0]);
        mac.update(password.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_right_for_that_hash_is_known() {
        let verdicts = Verdicts::new().unwrap();
        assert!(!verdicts.knows("me", "secret", "hash"));
        verdicts.note("me".into(), "secret", "hash");
        assert!(verdicts.knows("me", "secret", "hash"));
        assert!(!verdicts.knows("me", "other", "hash"));
        assert!(!verdicts.knows("me", "secret", "new hash"));
        assert!(!verdicts.knows("you", "secret", "hash"));
        verdicts.keep(|user| user != "me");
        assert!(!verdicts.knows("me", "secret", "hash"));
    }
}
