//! Why no answer came from a server, in words that say what to do next.

use std::error::Error;
use std::io::{self, ErrorKind};

use rustls::{CertificateError, Error as TlsError};

use crate::trust::root_cause;

const NO_TLS: &str = "what listens there speaks no TLS; then its address begins with http://";

/// The cause at the bottom of an error of the HTTP client, and what can be done about it.
pub(super) fn told(error: &reqwest::Error) -> String {
    let cause = match error.is_timeout() && error.is_connect() {
        true => "no connection within 5 s".to_owned(),
        false if error.is_timeout() => "it took too long".to_owned(),
        false => root_cause(error),
    };
    match remedy(error) {
        Some(remedy) => format!("{cause}: {remedy}"),
        None => cause,
    }
}

fn remedy(error: &reqwest::Error) -> Option<&'static str> {
    if error.is_timeout() {
        return Some("check the address, the network and the firewalls between");
    }
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(cause) = next {
        if let Some(tls) = tls(cause) {
            return of_tls(tls);
        }
        if let Some(io) = cause.downcast_ref::<io::Error>()
            && let Some(remedy) = of_io(io)
        {
            return Some(remedy);
        }
        next = cause.source();
    }
    let text = root_cause(error);
    if text.contains("lookup address") || text.contains("dns error") {
        return Some("check how the host is spelt, and this host's DNS");
    }
    if text.contains("corrupt message") {
        return Some(NO_TLS);
    }
    if text.contains("HTTP version") {
        return Some(
            "what listens there does not speak HTTP; with TLS the address begins with https://",
        );
    }
    None
}

/// The error of TLS, which an error of input and output may hold.
fn tls<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a TlsError> {
    let inner = cause
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    let held = inner.and_then(|inner| inner.downcast_ref::<TlsError>());
    held.or_else(|| cause.downcast_ref::<TlsError>())
}

fn of_io(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        ErrorKind::ConnectionRefused => {
            Some("nothing listens on that port; is the service running, and is 6385 its port?")
        }
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            Some("check the address, and the way there (VPN, bastion)")
        }
        ErrorKind::ConnectionReset => {
            Some("with TLS the address begins with https://, else a firewall may be between")
        }
        _ => None,
    }
}

fn of_tls(error: &TlsError) -> Option<&'static str> {
    use CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet,
        NotValidYetContext, UnknownIssuer,
    };
    match error {
        TlsError::InvalidMessage(_) => Some(NO_TLS),
        TlsError::InvalidCertificate(
            Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. },
        ) => Some("the server needs a new certificate, or this host's clock is wrong (date)"),
        TlsError::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
            Some("give the address with the host name that its certificate has")
        }
        TlsError::InvalidCertificate(UnknownIssuer) => Some(
            "this host does not trust who signed its certificate; name that authority's file \
             with --cacert FILE or OS_CACERT",
        ),
        TlsError::InvalidCertificate(_) => {
            Some("name the authority that signed it with --cacert FILE or OS_CACERT")
        }
        _ => None,
    }
}
