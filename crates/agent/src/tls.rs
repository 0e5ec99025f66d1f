//! The certificate of the command API: made anew at each start, signed by itself, told to the
//! conductor in the heartbeat (`agent_verify_ca`), which then trusts it and nothing else.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P384_SHA384, SanType};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

/// The clock of a machine fresh from its box may be behind the conductor's or before it.
const BACKDATED: Duration = Duration::from_secs(3600);
const LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// The certificate and what a server needs of it.
pub(crate) struct ServerIdentity {
    pub(crate) config: Arc<ServerConfig>,
    /// For the heartbeat.
    pub(crate) certificate_pem: String,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("making the agent's certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("using the agent's certificate: {0}")]
    Server(#[from] rustls::Error),
}

/// Makes a certificate for one address. `tls_min_version` is what the lookup said: `1.3` or less.
pub(crate) fn self_signed(
    address: IpAddr,
    tls_min_version: Option<&str>,
) -> Result<ServerIdentity, TlsError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?;
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, address.to_string());
    params.subject_alt_names = vec![SanType::IpAddress(address)];
    let now = SystemTime::now();
    params.not_before = (now - BACKDATED).into();
    params.not_after = (now + LIFETIME).into();
    let certificate = params.self_signed(&key)?;

    let versions: &[&rustls::SupportedProtocolVersion] = match tls_min_version {
        Some("1.3") => &[&rustls::version::TLS13],
        Some(_) | None => &[&rustls::version::TLS12, &rustls::version::TLS13],
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(ServerIdentity {
        config: Arc::new(config),
        certificate_pem: certificate.pem(),
    })
}
