//! TLS of the API: its certificate and key, taken from files or made at the first start, and read
//! again when the files change. A pair that cannot be used leaves the one before in use.

mod own;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

use crate::config::{Config, TlsMode};

/// How old what was read of the files may be.
const FRESH: Duration = Duration::from_secs(1);

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds something else.
    #[error("{key}: {} cannot be used: {reason}", path.display())]
    File {
        /// The key that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Certificate and key do not go together, or are of a kind that is not served.
    #[error("api.tls_certificate and api.tls_key cannot be used together: {0}")]
    Pair(rustls::Error),
    /// No certificate could be made.
    #[error("a certificate could not be made: {0}")]
    Make(String),
    /// The reading was cut off.
    #[error("the certificate could not be read: the service is stopping")]
    Stopped,
}

/// A certificate and a key, by the files that they are in.
#[derive(Clone, Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// When the two files were changed last, and their lengths.
type Stamp = [Option<(SystemTime, u64)>; 2];

/// What was read of them.
#[derive(Clone)]
struct Known {
    config: Arc<ServerConfig>,
    fingerprint: Arc<str>,
    /// Of the last files that were looked at, good or not.
    stamp: Stamp,
    at: Instant,
}

/// How TLS is spoken now.
pub struct Tls {
    files: Files,
    known: Mutex<Known>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// As configured; `None` where TLS is off. Makes a certificate where one is to be made and
    /// there is none.
    ///
    /// # Errors
    /// What is wrong with which file.
    pub(crate) async fn open(
        config: &Config,
        state_directory: &Path,
    ) -> Result<Option<Self>, TlsError> {
        let files = match config.api.tls {
            TlsMode::Off => return Ok(None),
            TlsMode::Files => Files {
                certificate: config.api.tls_certificate.clone().unwrap_or_default(),
                key: config.api.tls_key.clone().unwrap_or_default(),
            },
            TlsMode::SelfSigned => {
                let directory = state_directory.join("tls");
                let (names, addresses) = own::names(config);
                in_background(move || own::files(&directory, names, &addresses)).await?
            }
        };
        let known = in_background({
            let files = files.clone();
            move || read(&files)
        })
        .await?;
        let known = Mutex::new(known);
        Ok(Some(Self { files, known }))
    }

    /// The SHA-256 of the certificate, as people compare it: `AB:CD:…`.
    #[must_use]
    pub fn fingerprint(&self) -> Arc<str> {
        Arc::clone(&self.known.lock().fingerprint)
    }

    /// The file that the certificate is in.
    #[must_use]
    pub fn certificate(&self) -> &Path {
        &self.files.certificate
    }

    /// How TLS is spoken with who connects now: with what the files hold, at most a second ago.
    pub(super) async fn config(&self) -> Arc<ServerConfig> {
        let known = self.known.lock().clone();
        if known.at.elapsed() < FRESH {
            return known.config;
        }
        let (files, before) = (self.files.clone(), known.stamp);
        let again = in_background(move || {
            let stamp = stamp_of(&files);
            Ok((stamp, (stamp != before).then(|| read(&files))))
        });
        let (stamp, again) = again.await.unwrap_or((before, None));
        let known = match again {
            Some(Ok(new)) => {
                tracing::info!(fingerprint = %new.fingerprint, "the API has another certificate");
                new
            }
            Some(Err(error)) => {
                tracing::error!(%error, "the API keeps its certificate; the new one is not good");
                Known {
                    stamp,
                    at: Instant::now(),
                    ..known
                }
            }
            None => Known {
                at: Instant::now(),
                ..known
            },
        };
        *self.known.lock() = known.clone();
        known.config
    }
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TlsError> + Send + 'static,
) -> Result<T, TlsError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(TlsError::Stopped))
}

fn stamp_of(files: &Files) -> Stamp {
    [&files.certificate, &files.key].map(|path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}

fn read(files: &Files) -> Result<Known, TlsError> {
    let stamp = stamp_of(files);
    let wrong = |key: &'static str, path: &Path, reason: String| TlsError::File {
        key,
        path: path.to_owned(),
        reason,
    };
    let path = &files.certificate;
    let no_certificate = |reason: String| wrong("api.tls_certificate", path, reason);
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| no_certificate(error.to_string()))?;
    let first = chain
        .first()
        .ok_or_else(|| no_certificate("it holds no certificate in PEM form".to_owned()))?;
    let fingerprint = fingerprint(first).into();
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| wrong("api.tls_key", &files.key, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Pair)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Pair)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Known {
        config: Arc::new(config),
        fingerprint,
        stamp,
        at: Instant::now(),
    })
}

fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let octets = Sha256::digest(certificate);
    let octets: Vec<String> = octets.iter().map(|octet| format!("{octet:02X}")).collect();
    octets.join(":")
}

/// Names and addresses that a certificate is for.
type Names = (Vec<String>, Vec<IpAddr>);

#[cfg(test)]
mod tests {
    use super::*;

    fn config(mode: TlsMode, directory: &Path) -> Config {
        let mut config = Config::default();
        config.api.tls = mode;
        config.api.tls_certificate = Some(directory.join("c.pem"));
        config.api.tls_key = Some(directory.join("k.pem"));
        config
    }

    /// A pair as the service makes one, in the files that are configured.
    fn make(directory: &Path) {
        let scratch = tempfile::tempdir().unwrap();
        let made = own::files(scratch.path(), vec!["localhost".to_owned()], &[]).unwrap();
        std::fs::copy(&made.certificate, directory.join("c.pem")).unwrap();
        std::fs::copy(&made.key, directory.join("k.pem")).unwrap();
    }

    fn look_again(tls: &Tls) {
        tls.known.lock().at = Instant::now() - FRESH;
    }

    #[tokio::test]
    async fn a_certificate_is_made_once() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(TlsMode::SelfSigned, directory.path());
        let open = || Tls::open(&config, directory.path());
        let first = open().await.unwrap().unwrap().fingerprint();
        let second = open().await.unwrap().unwrap().fingerprint();
        assert_eq!(first, second);
        assert_eq!(first.len(), 32 * 3 - 1);
        use std::os::unix::fs::PermissionsExt;
        let key = std::fs::metadata(directory.path().join("tls/api.key")).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn a_new_pair_is_taken_and_a_broken_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        make(directory.path());
        let config = config(TlsMode::Files, directory.path());
        let tls = Tls::open(&config, directory.path()).await.unwrap().unwrap();
        let first = tls.fingerprint();
        std::fs::write(directory.path().join("c.pem"), "nothing").unwrap();
        look_again(&tls);
        tls.config().await;
        assert_eq!(tls.fingerprint(), first);
        make(directory.path());
        look_again(&tls);
        tls.config().await;
        assert_ne!(tls.fingerprint(), first);
    }

    #[tokio::test]
    async fn what_is_no_pair_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(TlsMode::Files, directory.path());
        let open = || Tls::open(&config, directory.path());
        let error = open().await.unwrap_err().to_string();
        assert!(error.contains("api.tls_certificate"), "{error}");
        make(directory.path());
        let key = std::fs::read(directory.path().join("k.pem")).unwrap();
        make(directory.path());
        std::fs::write(directory.path().join("k.pem"), key).unwrap();
        let error = open().await.unwrap_err().to_string();
        assert!(error.contains("together"), "{error}");
        std::fs::write(directory.path().join("k.pem"), "").unwrap();
        let error = open().await.unwrap_err().to_string();
        assert!(error.contains("api.tls_key"), "{error}");
    }

    #[tokio::test]
    async fn without_tls_there_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(TlsMode::Off, directory.path());
        assert!(
            Tls::open(&config, directory.path())
                .await
                .unwrap()
                .is_none()
        );
    }
}
