//! TLS of the API: its certificate and key, taken from files or made at the first start, and read
//! again when the files change. A pair that cannot be used leaves the one before in use.

mod own;
mod validity;

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

use crate::config::{Config, TlsMode};
use crate::operator_file::{self, Audience, Contents, Looker, Stamp};
use validity::Validity;

/// How old what was read of the files may be.
const FRESH: Duration = Duration::from_secs(1);

/// How often the log tells that a certificate ends soon, or has ended.
const TELL_AGAIN: Duration = Duration::from_secs(24 * 3600);

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
    /// It is no better than the one that is in use.
    #[error(
        "api.tls_certificate: {} {what}, and the one in use is valid {in_use}; put a valid one there",
        path.display()
    )]
    Worse {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
        /// Until when the other one is.
        in_use: Validity,
    },
}

/// A certificate and a key, by the files that they are in.
#[derive(Clone, Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// The two files as they were.
type Stamps = [Option<Stamp>; 2];

/// What was read of them.
#[derive(Clone)]
struct Known {
    config: Arc<ServerConfig>,
    fingerprint: Arc<str>,
    validity: Validity,
    /// Of the last files that were looked at, good or not.
    stamp: Stamps,
    at: Instant,
    /// When the log told last what is wrong with it.
    told: Option<Instant>,
}

/// How TLS is spoken now.
pub struct Tls {
    files: Files,
    known: Mutex<Known>,
    looker: Looker,
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
            TlsMode::Files => Files::configured(config),
            TlsMode::SelfSigned => {
                let directory = state_directory.join("tls");
                let (names, addresses) = own::names(config);
                let made = in_background(move || own::files(&directory, names, &addresses));
                made.await?
            }
        };
        let looker = Looker::default();
        let looked = looker.look({
            let files = files.clone();
            move || read(&files)
        });
        let known = looked
            .await
            .unwrap_or_else(|error| Err(late(&files, error)))?;
        let tls = Self {
            files,
            known: Mutex::new(known),
            looker,
        };
        tls.tell();
        Ok(Some(tls))
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

    /// Reads the files again, whether or not they have changed; the fingerprint of what they hold.
    ///
    /// # Errors
    /// What is wrong with which file. The pair before is kept then.
    pub(crate) async fn reload(&self) -> Result<Arc<str>, TlsError> {
        let files = self.files.clone();
        let looked = self.looker.look(move || read(&files)).await;
        let new = looked.unwrap_or_else(|error| Err(late(&self.files, error)))?;
        let mut known = self.known.lock();
        self.is_no_worse(&new, &known)?;
        let fingerprint = Arc::clone(&new.fingerprint);
        *known = new;
        drop(known);
        self.tell();
        Ok(fingerprint)
    }

    /// How TLS is spoken with who connects now: with what the files hold, at most a second ago.
    pub(super) async fn config(&self) -> Arc<ServerConfig> {
        let known = self.known.lock().clone();
        if known.at.elapsed() < FRESH {
            return known.config;
        }
        let (files, before) = (self.files.clone(), known.stamp);
        let look = self.looker.try_look(move || {
            let stamp = stamp_of(&files);
            (stamp, (stamp != before).then(|| read(&files)))
        });
        // Somebody else looks just now.
        let Some(looked) = look.await else {
            return known.config;
        };
        let (stamp, again) =
            looked.unwrap_or_else(|error| (before, Some(Err(late(&self.files, error)))));
        let again = again.map(|read| {
            let new = read?;
            self.is_no_worse(&new, &known)?;
            Ok::<_, TlsError>(new)
        });
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
        self.tell();
        known.config
    }

    /// One that is not valid now does not take the place of one that is.
    fn is_no_worse(&self, new: &Known, in_use: &Known) -> Result<(), TlsError> {
        let now = Timestamp::now();
        match new.validity.trouble(now) {
            Some(what) if in_use.validity.trouble(now).is_none() => Err(TlsError::Worse {
                path: self.files.certificate.clone(),
                what,
                in_use: in_use.validity,
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// Logs once a day what is wrong with the certificate, or will be soon.
    fn tell(&self) {
        let mut known = self.known.lock();
        let Some(what) = known.validity.notice(Timestamp::now()) else {
            return;
        };
        if known.told.is_none_or(|told| told.elapsed() >= TELL_AGAIN) {
            known.told = Some(Instant::now());
            let path = self.files.certificate.display();
            tracing::warn!("the API's certificate {path} {what}; put a new one there");
        }
    }
}

/// What had better be mended about the files that are configured, each with what to do: how long the
/// certificate is valid, whom it is for, who may read the key.
///
/// # Errors
/// They cannot be used.
pub(crate) fn advice(config: &Config) -> Result<Vec<(&'static str, String, String)>, TlsError> {
    let files = match config.api.tls {
        TlsMode::Files => Files::configured(config),
        TlsMode::Off | TlsMode::SelfSigned => return Ok(Vec::new()),
    };
    let read = {
        let files = files.clone();
        operator_file::wait(move || read_pair(&files))
    };
    let pair = read.unwrap_or_else(|error| Err(late(&files, error)))?;
    let mut found = Vec::new();
    let certificate = files.certificate.display();
    if let Some(what) = pair.validity.notice(Timestamp::now()) {
        let remedy = "put a new one there; it counts within a second, without a restart";
        found.push((
            CERTIFICATE,
            format!("{certificate} {what}"),
            remedy.to_owned(),
        ));
    }
    if let Some(host) = own::reached_by(config)
        && let Some(first) = pair.chain.first()
        && !validity::is_for(first, &host)
    {
        let what = format!("{certificate} is not for {host}, by which clients and machines come");
        let remedy = "get one that has it as a subjectAltName, or set api.public_endpoint to the \
                      host that it is for";
        found.push((CERTIFICATE, what, remedy.to_owned()));
    }
    if let Some(exposure) = operator_file::read(&files.key)
        .ok()
        .and_then(|key| key.exposure(&files.key, Audience::Secret))
    {
        found.push((KEY, exposure.what, exposure.remedy));
    }
    Ok(found)
}

const CERTIFICATE: &str = "api.tls_certificate";
const KEY: &str = "api.tls_key";

impl Files {
    fn configured(config: &Config) -> Self {
        Self {
            certificate: config.api.tls_certificate.clone().unwrap_or_default(),
            key: config.api.tls_key.clone().unwrap_or_default(),
        }
    }
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TlsError> + Send + 'static,
) -> Result<T, TlsError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(TlsError::Make(error.to_string())))
}

/// The files were not read in time.
fn late(files: &Files, error: io::Error) -> TlsError {
    file(CERTIFICATE, &files.certificate, error)
}

fn file(key: &'static str, path: &Path, reason: impl ToString) -> TlsError {
    TlsError::File {
        key,
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

fn stamp_of(files: &Files) -> Stamps {
    [&files.certificate, &files.key].map(|path| operator_file::stamp(path).ok())
}

/// A certificate with those between it and its authority, and its key.
struct Pair {
    chain: Vec<CertificateDer<'static>>,
    config: ServerConfig,
    validity: Validity,
}

fn read_pair(files: &Files) -> Result<Pair, TlsError> {
    let read = |key, path: &Path| -> Result<Contents, TlsError> {
        operator_file::read(path).map_err(|error| file(key, path, error))
    };
    let path = &files.certificate;
    let contents = read(CERTIFICATE, path)?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&contents.bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| file(CERTIFICATE, path, error))?;
    let first = chain
        .first()
        .ok_or_else(|| file(CERTIFICATE, path, "it holds no certificate in PEM form"))?;
    let validity = Validity::of(first).map_err(|error| file(CERTIFICATE, path, error))?;
    let contents = zeroize::Zeroizing::new(read(KEY, &files.key)?.bytes);
    let key =
        PrivateKeyDer::from_pem_slice(&contents).map_err(|error| file(KEY, &files.key, error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Pair)?
        .with_no_client_auth()
        .with_single_cert(chain.clone(), key)
        .map_err(TlsError::Pair)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Pair {
        chain,
        config,
        validity,
    })
}

fn read(files: &Files) -> Result<Known, TlsError> {
    let stamp = stamp_of(files);
    let pair = read_pair(files)?;
    let first = pair.chain.first();
    Ok(Known {
        fingerprint: first.map(fingerprint).unwrap_or_default().into(),
        config: Arc::new(pair.config),
        validity: pair.validity,
        stamp,
        at: Instant::now(),
        told: None,
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
    async fn a_key_that_others_could_read_is_not_written_into() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let tls = directory.path().join("tls");
        std::fs::create_dir(&tls).unwrap();
        std::fs::write(tls.join("api.key"), "").unwrap();
        let everybody = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(tls.join("api.key"), everybody).unwrap();
        let mut open = std::fs::File::open(tls.join("api.key")).unwrap();
        let config = config(TlsMode::SelfSigned, directory.path());
        Tls::open(&config, directory.path()).await.unwrap();
        let key = std::fs::metadata(tls.join("api.key")).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
        // Who had opened what was there before reads nothing of it.
        let mut seen = String::new();
        io::Read::read_to_string(&mut open, &mut seen).unwrap();
        assert_eq!(seen, "");
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

    /// The same, valid from and to so many days from now, and for that name.
    fn make_valid(directory: &Path, days: [i64; 2], name: &str) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        let now = std::time::SystemTime::now();
        let day = |days: i64| {
            let away = Duration::from_secs(days.unsigned_abs() * 24 * 3600);
            if days < 0 { now - away } else { now + away }
        };
        params.not_before = day(days[0]).into();
        params.not_after = day(days[1]).into();
        let pem = params.self_signed(&key).unwrap().pem();
        // As editors of another system save it.
        std::fs::write(directory.join("c.pem"), format!("\u{feff}{pem}")).unwrap();
        std::fs::write(directory.join("k.pem"), key.serialize_pem()).unwrap();
    }

    #[tokio::test]
    async fn what_is_not_valid_replaces_nothing_that_is() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(TlsMode::Files, directory.path());
        // Better than nothing: it is served, and told of.
        make_valid(directory.path(), [-30, -2], "localhost");
        let tls = Tls::open(&config, directory.path()).await.unwrap().unwrap();
        assert!(tls.known.lock().told.is_some());
        make_valid(directory.path(), [-30, 30], "localhost");
        let first = tls.reload().await.unwrap();
        assert!(tls.known.lock().told.is_none());
        for days in [[-30, -2], [2, 30]] {
            make_valid(directory.path(), days, "localhost");
            let error = tls.reload().await.unwrap_err().to_string();
            assert!(error.contains("put a valid one there"), "{error}");
            look_again(&tls);
            tls.config().await;
            assert_eq!(tls.fingerprint(), first);
        }
        make_valid(directory.path(), [-1, 3], "localhost");
        look_again(&tls);
        tls.config().await;
        assert_ne!(tls.fingerprint(), first);
        assert!(tls.known.lock().told.is_some(), "it ends soon");
        operator_file::tests::pipe(&directory.path().join("k.pem"));
        let error = tls.reload().await.unwrap_err().to_string();
        assert!(error.contains("a named pipe"), "{error}");
    }

    #[test]
    fn what_had_better_be_mended_is_told() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let mut config = config(TlsMode::Files, directory.path());
        assert!(advice(&config).is_err());
        config.api.public_endpoint = Some("https://api.example.org:6385/".parse().unwrap());
        let key = directory.path().join("k.pem");
        let told = |config: &Config, days, name, mode| {
            make_valid(directory.path(), days, name);
            std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
            let found = advice(config).unwrap().into_iter();
            found
                .map(|(_, what, _)| what)
                .collect::<Vec<_>>()
                .join("\n")
        };
        let good = "api.example.org";
        assert_eq!(told(&config, [-1, 60], good, 0o640), "");
        assert!(told(&config, [-1, 60], good, 0o644).contains("everybody on this host may read"));
        let other = told(&config, [-1, 60], "other.example.org", 0o600);
        assert!(other.contains("is not for api.example.org"), "{other}");
        assert!(told(&config, [-9, -1], good, 0o600).contains("expired on "));
        assert!(told(&config, [1, 9], good, 0o600).contains("is not valid before "));
        assert!(told(&config, [-9, 9], good, 0o600).contains("expires on "));
        config.api.public_endpoint = Some("https://192.0.2.7/".parse().unwrap());
        assert!(told(&config, [-1, 60], "192.0.2.8", 0o600).contains("is not for 192.0.2.7"));
        assert_eq!(told(&config, [-1, 60], "192.0.2.7", 0o600), "");
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
