//! Which BMC to talk to, and as whom. Knows nothing of sessions.

use std::net::SocketAddr;

use cupola_api::Secret;
use sha2::{Digest, Sha256};

use super::{
    error::{IpmiError, IpmiFault},
    wire::{app::Privilege, crypto::Key, rakp::NAME_LENGTH, suite::CipherSuite},
};

/// A BMC's address and the credentials for it.
#[derive(Debug, Clone)]
pub struct IpmiTarget {
    /// Where the BMC listens, UDP.
    pub address: SocketAddr,
    /// The user's name, at most sixteen bytes; empty for the null user.
    pub username: String,
    /// The user's password, at most twenty bytes.
    pub password: Secret,
    /// The privilege level that a session asks for.
    pub privilege: Privilege,
    /// The cipher suite; `None` negotiates 17, then 3.
    pub cipher_suite: Option<CipherSuite>,
    /// The BMC key Kg, for BMCs with two-key login.
    pub kg: Option<Key>,
}

impl IpmiTarget {
    /// A target with administrator privilege and a negotiated cipher suite.
    #[must_use]
    pub fn new(address: SocketAddr, username: impl Into<String>, password: Secret) -> Self {
        Self {
            address,
            username: username.into(),
            password,
            privilege: Privilege::Administrator,
            cipher_suite: None,
            kg: None,
        }
    }

    /// The password as a key; refuses names and passwords that do not fit into the protocol.
    pub(super) fn password_key(&self) -> Result<Key, IpmiFault> {
        if self.username.len() > NAME_LENGTH {
            return Err(IpmiFault::Unusable("the user name is longer than 16 bytes"));
        }
        Key::new(self.password.expose().as_bytes())
            .ok_or(IpmiFault::Unusable("the password is longer than 20 bytes"))
    }

    /// A salted digest of the credentials: sessions are shared between targets that agree in all of
    /// them, and the table of sessions holds no secret.
    pub(super) fn fingerprint(&self, salt: &[u8; 32]) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(salt);
        for part in [self.username.as_bytes(), self.password.expose().as_bytes()] {
            digest.update(part.len().to_le_bytes());
            digest.update(part);
        }
        digest.update([
            self.privilege.code(),
            self.cipher_suite.map_or(0, CipherSuite::id),
            u8::from(self.kg.is_some()),
        ]);
        if let Some(kg) = &self.kg {
            digest.update(kg.as_bytes());
        }
        digest.finalize().into()
    }
}

/// The address behind a host name or an IP address, IPv4 before IPv6 where both are known.
pub async fn resolve(host: &str, port: u16) -> Result<SocketAddr, IpmiError> {
    let fail = |cause| IpmiError::new(host, IpmiFault::UnknownHost(cause));
    let mut found: Vec<SocketAddr> = tokio::net::lookup_host((host, port))
        .await
        .map_err(|error| fail(Some(error)))?
        .collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    found.first().copied().ok_or_else(|| fail(None))
}
