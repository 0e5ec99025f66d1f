//! From when to when a certificate is valid (RFC 5280, section 4.1.2.5), and for whom. Not whether its
//! authority is trusted: that is the clients' to say.

use std::fmt;

use jiff::{Timestamp, ToSpan as _};
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

/// How long before its end a certificate is warned of, in days.
const SOON: i64 = 14;

/// From when to when a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    not_before: Timestamp,
    not_after: Timestamp,
}

impl Validity {
    /// Of this certificate.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Result<Self, String> {
        let (_, read) = X509Certificate::from_der(certificate)
            .map_err(|error| format!("it holds no X.509 certificate: {error}"))?;
        let moment = |seconds| {
            Timestamp::from_second(seconds)
                .map_err(|error| format!("the time that it is valid cannot be read: {error}"))
        };
        Ok(Self {
            not_before: moment(read.validity().not_before.timestamp())?,
            not_after: moment(read.validity().not_after.timestamp())?,
        })
    }

    /// Why it is not valid then.
    pub(super) fn trouble(&self, now: Timestamp) -> Option<String> {
        if now < self.not_before {
            Some(format!("is not valid before {}", self.not_before))
        } else if now > self.not_after {
            Some(format!("expired on {}", self.not_after))
        } else {
            None
        }
    }

    /// The same, or that it ends soon.
    pub(super) fn notice(&self, now: Timestamp) -> Option<String> {
        self.trouble(now).or_else(|| {
            let soon = now.checked_add((SOON * 24).hours()).ok()?;
            (soon > self.not_after).then(|| {
                let days = (self.not_after.as_second() - now.as_second()) / (24 * 3600);
                format!("expires on {} (in {days} days)", self.not_after)
            })
        })
    }
}

impl fmt::Display for Validity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "from {} to {}", self.not_before, self.not_after)
    }
}

/// Whether a certificate is for this host, a name or an address; true where that cannot be told.
pub(super) fn is_for(certificate: &CertificateDer<'_>, host: &str) -> bool {
    let Ok(name) = ServerName::try_from(host) else {
        return true;
    };
    ParsedCertificate::try_from(certificate)
        .is_ok_and(|certificate| verify_server_name(&certificate, &name).is_ok())
}
