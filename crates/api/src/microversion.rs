//! API microversions 1.1 … 1.115 and their negotiation headers (wire reference §1.2).

use std::fmt;

/// A microversion `1.N` within the supported range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Microversion(u16);

/// Request and response header naming the version (the older spelling).
pub const HEADER: &str = "x-openstack-ironic-api-version";
/// Request header naming the version for one of several services.
pub const STANDARD_HEADER: &str = "openstack-api-version";
/// Response header with the lowest supported version.
pub const MIN_HEADER: &str = "x-openstack-ironic-api-minimum-version";
/// Response header with the highest supported version.
pub const MAX_HEADER: &str = "x-openstack-ironic-api-maximum-version";

/// Why a version header is refused; the answer is 406 with this text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// Not of the form `major.minor`.
    #[error("Invalid value for X-OpenStack-Ironic-API-Version header")]
    Malformed,
    /// Another major version.
    #[error(
        "Mutually exclusive versions requested. Version {0} requested but not supported by this \
         service. The supported version range is: [1.1, 1.115]."
    )]
    Major(String),
    /// Outside the supported range.
    #[error(
        "Version {0} was requested but the minor version is not supported by this service. \
         The supported version range is: [1.1, 1.115]."
    )]
    Range(String),
}

impl Microversion {
    /// The lowest version, assumed when a request names none.
    pub const MIN: Self = Self(1);
    /// The highest version, which `latest` means.
    pub const MAX: Self = Self(115);

    /// Version `1.minor`, cut to the supported range; for tables written in code.
    #[must_use]
    pub const fn new(minor: u16) -> Self {
        if minor < Self::MIN.0 {
            Self::MIN
        } else if minor > Self::MAX.0 {
            Self::MAX
        } else {
            Self(minor)
        }
    }

    /// The number after `1.`.
    #[must_use]
    pub const fn minor(self) -> u16 {
        self.0
    }

    /// Reads the value of the older header: `1.N` or `latest`.
    ///
    /// # Errors
    /// When it is no version or not a supported one.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("latest") {
            return Ok(Self::MAX);
        }
        let (major, minor) = text.split_once('.').ok_or(VersionError::Malformed)?;
        let major: u32 = major.parse().map_err(|_| VersionError::Malformed)?;
        let minor: u32 = minor.parse().map_err(|_| VersionError::Malformed)?;
        if major != 1 {
            return Err(VersionError::Major(text.to_owned()));
        }
        match u16::try_from(minor) {
            Ok(minor) if (Self::MIN.0..=Self::MAX.0).contains(&minor) => Ok(Self(minor)),
            _ => Err(VersionError::Range(text.to_owned())),
        }
    }

    /// Chooses the version of a request from its two headers; the standard one wins.
    ///
    /// # Errors
    /// When the header that counts is refused.
    pub fn negotiate(standard: Option<&str>, older: Option<&str>) -> Result<Self, VersionError> {
        if let Some(version) = standard.and_then(service_version) {
            return Self::parse(version);
        }
        older.map_or(Ok(Self::MIN), Self::parse)
    }
}

/// The part for `baremetal` of a header that may list several services.
fn service_version(header: &str) -> Option<&str> {
    header.split(',').find_map(|entry| {
        let (service, version) = entry.trim().split_once(char::is_whitespace)?;
        service
            .eq_ignore_ascii_case("baremetal")
            .then(|| version.trim())
    })
}

impl fmt::Display for Microversion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negotiates_as_the_reference_says() {
        let v = Microversion::new;
        let cases = [
            (None, None, Ok(v(1))),
            (None, Some("latest"), Ok(v(115))),
            (None, Some("1.50"), Ok(v(50))),
            (Some("baremetal 1.30"), Some("1.50"), Ok(v(30))),
            (Some("compute 2.1, baremetal latest"), None, Ok(v(115))),
            (Some("ironic 1.30"), Some("1.50"), Ok(v(50))),
            (None, Some("1.0"), Err(VersionError::Range("1.0".into()))),
            (
                None,
                Some("1.999"),
                Err(VersionError::Range("1.999".into())),
            ),
            (None, Some("2.1"), Err(VersionError::Major("2.1".into()))),
            (None, Some("one"), Err(VersionError::Malformed)),
            (None, Some("1"), Err(VersionError::Malformed)),
        ];
        for (standard, older, want) in cases {
            assert_eq!(
                Microversion::negotiate(standard, older),
                want,
                "{standard:?} {older:?}"
            );
        }
    }
}
