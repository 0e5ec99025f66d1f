//! The certificate that the service makes for itself: signed by its own key, kept below the state
//! directory, so that who has compared its fingerprint once need not again.

use std::fs::Permissions;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DnType, KeyPair, SanType};

use super::{Files, Names, TlsError};
use crate::config::Config;

/// The clocks of machines may be behind ours.
const BACKDATED: Duration = Duration::from_secs(24 * 3600);
const LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// The names and addresses by which clients may know this service.
pub(super) fn names(config: &Config) -> Names {
    let mut names = vec!["localhost".to_owned()];
    let mut addresses = vec![
        IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::from(Ipv6Addr::LOCALHOST),
    ];
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    names.extend(Some(host.trim().to_owned()).filter(|host| !host.is_empty()));
    let listens = config.api.listen.ip();
    addresses.extend(Some(listens).filter(|ip| !ip.is_unspecified()));
    addresses.extend(config.boot.address.map(IpAddr::from));
    match config.api.public_endpoint.as_ref().and_then(url::Url::host) {
        Some(url::Host::Domain(name)) => names.push(name.to_owned()),
        Some(url::Host::Ipv4(address)) => addresses.push(address.into()),
        Some(url::Host::Ipv6(address)) => addresses.push(address.into()),
        None => {}
    }
    names.sort_unstable();
    names.dedup();
    addresses.sort_unstable();
    addresses.dedup();
    (names, addresses)
}

/// The host by which clients and machines come, as configured; none where that is not told.
pub(super) fn reached_by(config: &Config) -> Option<String> {
    let host = config.api.public_endpoint.as_ref().and_then(url::Url::host);
    let address = || {
        let listens = config.api.listen.ip();
        let address = match config.boot.address {
            Some(ours) if listens.is_unspecified() => IpAddr::from(ours),
            Some(_) | None => listens,
        };
        (!address.is_unspecified() && !address.is_loopback()).then(|| address.to_string())
    };
    match host {
        Some(url::Host::Domain(name)) => Some(name.to_owned()),
        Some(url::Host::Ipv4(address)) => Some(address.to_string()),
        Some(url::Host::Ipv6(address)) => Some(address.to_string()),
        None => address(),
    }
}

/// The files below this directory; makes what is not there.
pub(super) fn files(
    directory: &Path,
    names: Vec<String>,
    addresses: &[IpAddr],
) -> Result<Files, TlsError> {
    let files = Files {
        certificate: directory.join("api.pem"),
        key: directory.join("api.key"),
    };
    if files.certificate.exists() && files.key.exists() {
        return Ok(files);
    }
    let (certificate, key) =
        make(names, addresses).map_err(|error| TlsError::Make(error.to_string()))?;
    let written = std::fs::create_dir_all(directory)
        .and_then(|()| write(&files.key, &key, 0o600))
        .and_then(|()| write(&files.certificate, &certificate, 0o644));
    written.map_err(|error| TlsError::Make(format!("{}: {error}", directory.display())))?;
    Ok(files)
}

/// A certificate and its key, both as PEM.
fn make(names: Vec<String>, addresses: &[IpAddr]) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    // A name that no certificate can hold is left out: clients then come by an address.
    let mut params =
        CertificateParams::new(names).or_else(|_| CertificateParams::new(Vec::new()))?;
    params.distinguished_name.push(DnType::CommonName, "Cupola");
    let addresses = addresses.iter().copied().map(SanType::IpAddress);
    params.subject_alt_names.extend(addresses);
    let now = SystemTime::now();
    params.not_before = (now - BACKDATED).into();
    params.not_after = (now + LIFETIME).into();
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// Writes a file that was never there with other permissions, nor in part.
fn write(path: &Path, text: &str, mode: u32) -> std::io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".api-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
