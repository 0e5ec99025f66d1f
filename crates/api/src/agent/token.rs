//! The agent token: the secret that a lookup hands to an agent and that every later heartbeat and
//! command carries. Not for operators' tokens, which belong to the authentication of the API.

use std::fmt;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What the wire shows instead of a token that was already given out.
pub const MASKED: &str = "******";

/// The shortest token an agent adopts, in characters.
pub const MIN_LENGTH: usize = 32;

/// An agent token. Never printed; wiped from memory when dropped.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgentToken(#[serde(with = "text")] Zeroizing<String>);

impl AgentToken {
    /// Takes the text as it is; see [`AgentToken::is_usable`] for whether it is a token at all.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret itself, for the wire only.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether this is the mask: the token exists, but was given to somebody before.
    pub fn is_masked(&self) -> bool {
        self.0.as_str() == MASKED
    }

    /// Whether an agent may adopt it: long enough, and not the mask.
    pub fn is_usable(&self) -> bool {
        self.0.len() >= MIN_LENGTH
    }

    /// Compares in a time that does not depend on where the texts differ.
    pub fn matches(&self, candidate: &str) -> bool {
        self.0.as_bytes().ct_eq(candidate.as_bytes()).into()
    }
}

impl fmt::Debug for AgentToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(MASKED)
    }
}

mod text {
    //! Serialises the wiped string as a plain one.

    use serde::{Deserialize, Deserializer, Serializer};
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(
        token: &Zeroizing<String>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(token)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Zeroizing<String>, D::Error> {
        String::deserialize(deserializer).map(Zeroizing::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_secret_and_comparison_is_exact() {
        let token = AgentToken::new("abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE");
        assert_eq!(format!("{token:?}"), "******");
        assert!(token.matches("abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE"));
        assert!(!token.matches("abcdefghijklmnopqrstuvwxyz0123456789-_ABCDF"));
        assert!(!token.matches(""));
        assert!(token.is_usable());
        assert!(!AgentToken::new(MASKED).is_usable());
    }
}
