//! Whose certificates a client of HTTPS takes.

use std::path::PathBuf;

/// Whose certificates are taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Those of the authorities that this host trusts.
    #[default]
    System,
    /// Those of the authorities in this PEM file, and of no others.
    File(PathBuf),
    /// Anybody's: who is in the middle reads everything.
    Anybody,
}

/// The file of authorities cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the CA file {} cannot be used: {reason}; it must hold certificates in PEM form", path.display())]
pub struct TrustError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl Trust {
    /// A builder of clients that takes those, and has a TLS provider. Reads the file.
    ///
    /// # Errors
    /// The file cannot be read, or holds no certificate.
    pub fn builder(&self) -> Result<reqwest::ClientBuilder, TrustError> {
        // Installing fails only when a provider is there already, which is just as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder();
        match self {
            Self::System => Ok(builder),
            Self::File(path) => {
                let wrong = |reason: String| TrustError {
                    path: path.clone(),
                    reason,
                };
                let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
                let certificates = reqwest::Certificate::from_pem_bundle(&pem)
                    .map_err(|error| wrong(error.to_string()))?;
                if certificates.is_empty() {
                    return Err(wrong("it holds no certificate".to_owned()));
                }
                Ok(builder.tls_certs_only(certificates))
            }
            Self::Anybody => Ok(builder.tls_danger_accept_invalid_certs(true)),
        }
    }
}

/// What went wrong at the bottom of an error of the HTTP client, whose upper layers say little.
#[must_use]
pub fn root_cause(error: &reqwest::Error) -> String {
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        reason = cause.to_string();
        source = cause.source();
    }
    reason
}
