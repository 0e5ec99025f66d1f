//! Finding many BMCs at once: which addresses are asked, and what was found at each.
//!
//! A range is a list, with commas or blanks between its parts, of addresses (`10.0.0.7`, with the UDP
//! port of IPMI where it is not 623: `10.0.0.7:6230`), of spans (`10.0.0.10-10.0.0.40`,
//! `10.0.0.10-40`) and of networks (`10.0.0.0/26`).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Serialize, de};

use crate::id::NodeId;
use crate::secret::Secret;

/// The most addresses of a range.
pub const MOST: usize = 4096;
/// The most addresses of one request.
pub const MOST_AT_ONCE: usize = 256;

/// The credentials that makers deliver their BMCs with; they are tried only when that is asked for.
/// Each is also a failed login at every other maker's BMC, and some lock a user out after a few.
pub const DEFAULT_CREDENTIALS: &[DefaultCredentials] = &[
    DefaultCredentials::new("Supermicro", "ADMIN", "ADMIN"),
    DefaultCredentials::new("Dell iDRAC", "root", "calvin"),
    DefaultCredentials::new("Lenovo and IBM", "USERID", "PASSW0RD"),
    DefaultCredentials::new("OpenBMC", "root", "0penBmc"),
    DefaultCredentials::new("AMI MegaRAC", "admin", "admin"),
];

/// The credentials that a maker delivers its BMCs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefaultCredentials {
    /// Whose they are.
    pub maker: &'static str,
    /// The user.
    pub username: &'static str,
    /// The password, which everybody knows.
    pub password: &'static str,
}

impl DefaultCredentials {
    const fn new(maker: &'static str, username: &'static str, password: &'static str) -> Self {
        Self {
            maker,
            username,
            password,
        }
    }
}

/// An address that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// The address.
    pub address: IpAddr,
    /// The UDP port of IPMI, where it is said.
    pub port: Option<u16>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => SocketAddr::new(self.address, port).fmt(f),
            None => self.address.fmt(f),
        }
    }
}

impl FromStr for Target {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        if let Ok(address) = text.parse() {
            return checked(address, None, text);
        }
        match text.parse::<SocketAddr>() {
            Ok(both) if both.port() > 0 => checked(both.ip(), Some(both.port()), text),
            Ok(_) | Err(_) => Err(RangeError::NoAddress(text.to_owned())),
        }
    }
}

impl Serialize for Target {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// Why a text is no range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// Nothing is there.
    #[error("no address: write 10.0.0.10-10.0.0.40, 10.0.0.0/26 or single addresses")]
    Empty,
    /// A part is no address.
    #[error("{0} is no IP address")]
    NoAddress(String),
    /// No BMC can have it.
    #[error("no machine has the address {0}: it is none, a multicast or a broadcast one")]
    NoMachine(String),
    /// A network's prefix is no number, or too long.
    #[error("{0} is no network, such as 10.0.0.0/26")]
    NoNetwork(String),
    /// The ends are the wrong way round, or of two kinds.
    #[error("{0} does not go from a lower to a higher address of one kind")]
    NoSpan(String),
    /// There are too many.
    #[error("more than {MOST} addresses: take smaller ranges one after the other")]
    TooMany,
}

fn checked(address: IpAddr, port: Option<u16>, text: &str) -> Result<Target, RangeError> {
    let is_none = address.is_unspecified() || address.is_multicast();
    if is_none || address == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return Err(RangeError::NoMachine(text.to_owned()));
    }
    Ok(Target { address, port })
}

/// Reads a range: each address once, in the order in which they are written.
///
/// # Errors
/// Which part is wrong, and why.
pub fn range(text: &str) -> Result<Vec<Target>, RangeError> {
    let mut targets: Vec<Target> = Vec::new();
    let parts = text
        .split([',', ' ', '\t', '\n'])
        .filter(|part| !part.is_empty());
    for part in parts {
        let more = match (part.split_once('/'), part.split_once('-')) {
            (Some((address, prefix)), _) => network(part, address, prefix)?,
            (None, Some((first, last))) => span(part, first, last)?,
            (None, None) => vec![part.parse()?],
        };
        if targets.len() + more.len() > MOST {
            return Err(RangeError::TooMany);
        }
        targets.extend(more);
    }
    if targets.is_empty() {
        return Err(RangeError::Empty);
    }
    let mut seen = std::collections::HashSet::new();
    targets.retain(|target| seen.insert(*target));
    Ok(targets)
}

fn network(part: &str, address: &str, prefix: &str) -> Result<Vec<Target>, RangeError> {
    let wrong = || RangeError::NoNetwork(part.to_owned());
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let prefix: u32 = prefix.parse().map_err(|_| wrong())?;
    let (bits, number) = number(address);
    let host = bits.checked_sub(prefix).ok_or_else(wrong)?;
    // 2^12 is MOST.
    if host > 12 {
        return Err(RangeError::TooMany);
    }
    let first = (number >> host) << host;
    let last = first + ((1 << host) - 1);
    // The first is the network's own address and, in IPv4, the last its broadcast (RFC 3021: not
    // where there are but two).
    let (first, last) = match (address, host) {
        (_, 0 | 1) => (first, last),
        (IpAddr::V4(_), _) => (first + 1, last - 1),
        (IpAddr::V6(_), _) => (first + 1, last),
    };
    each(part, address, first, last)
}

fn span(part: &str, first: &str, last: &str) -> Result<Vec<Target>, RangeError> {
    let wrong = |text: &str| RangeError::NoAddress(text.to_owned());
    let from: IpAddr = first.parse().map_err(|_| wrong(first))?;
    // `10.0.0.10-40`: only the last octet goes up.
    let to: IpAddr = match (from, last.parse::<u8>()) {
        (IpAddr::V4(from), Ok(octet)) => {
            let [a, b, c, _] = from.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, octet))
        }
        (IpAddr::V4(_) | IpAddr::V6(_), _) => last.parse().map_err(|_| wrong(last))?,
    };
    if from.is_ipv4() != to.is_ipv4() || to < from {
        return Err(RangeError::NoSpan(part.to_owned()));
    }
    each(part, from, number(from).1, number(to).1)
}

fn each(part: &str, like: IpAddr, first: u128, last: u128) -> Result<Vec<Target>, RangeError> {
    if last - first >= MOST as u128 {
        return Err(RangeError::TooMany);
    }
    let address = |number: u128| match like {
        IpAddr::V4(_) => u32::try_from(number).map_or(like, |n| Ipv4Addr::from(n).into()),
        IpAddr::V6(_) => Ipv6Addr::from(number).into(),
    };
    (first..=last)
        .map(|number| checked(address(number), None, part))
        .collect()
}

/// How many bits an address has, and its number.
fn number(address: IpAddr) -> (u32, u128) {
    match address {
        IpAddr::V4(address) => (32, u32::from(address).into()),
        IpAddr::V6(address) => (128, address.into()),
    }
}

/// What is to be asked at which addresses. The password is masked in its `Debug`.
#[derive(Clone, Debug, Deserialize)]
pub struct DiscoveryRequest {
    /// The addresses, at most [`MOST_AT_ONCE`].
    pub addresses: Vec<Target>,
    /// The user to log in as; without one, nobody is logged in.
    #[serde(default)]
    pub username: Option<String>,
    /// That user's password.
    #[serde(default)]
    pub password: Option<Secret>,
    /// Whether [`DEFAULT_CREDENTIALS`] are tried where the given ones are refused.
    #[serde(default)]
    pub default_credentials: bool,
    /// The TCP port of Redfish, where it is not 443. Where an address names a port and this is not
    /// given, only IPMI is asked.
    #[serde(default)]
    pub redfish_port: Option<u16>,
}

impl DiscoveryRequest {
    /// The body of the request.
    #[must_use]
    pub fn body(&self) -> serde_json::Value {
        serde_json::json!({
            "addresses": self.addresses,
            "username": self.username,
            "password": self.password.as_ref().map(Secret::expose),
            "default_credentials": self.default_credentials,
            "redfish_port": self.redfish_port,
        })
    }
}

/// How a login went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Login {
    /// There were no credentials to try.
    #[default]
    NotTried,
    /// The BMC took the given credentials.
    Accepted,
    /// The BMC took its maker's default credentials.
    Default,
    /// The BMC took none of them.
    Refused,
    /// It could not be tried to an end.
    Failed,
}

/// What was found at an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discovered {
    /// The address.
    pub address: Target,
    /// What it speaks: `ipmi`, `redfish`.
    pub protocols: Vec<String>,
    /// The maker.
    #[serde(default)]
    pub manufacturer: Option<String>,
    /// The model.
    #[serde(default)]
    pub model: Option<String>,
    /// The machine's serial number.
    #[serde(default)]
    pub serial_number: Option<String>,
    /// How the login went.
    #[serde(default)]
    pub login: Login,
    /// Whose default credentials were taken, by [`DefaultCredentials::maker`].
    #[serde(default)]
    pub default_credentials: Option<String>,
    /// Why the login went wrong, when it did.
    #[serde(default)]
    pub problem: Option<String>,
    /// The node whose BMC has this address already.
    #[serde(default)]
    pub node: Option<NodeId>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscoveryReport {
    /// The BMCs, in the order of the request.
    pub found: Vec<Discovered>,
    /// How many addresses did not answer.
    pub silent: usize,
    /// Addresses that were not asked to an end in time.
    #[serde(default)]
    pub unfinished: Vec<Target>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(text: &str) -> Vec<String> {
        let targets = range(text).expect(text);
        targets.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn ranges_are_read_as_people_write_them() {
        assert_eq!(texts("10.0.0.7"), ["10.0.0.7"]);
        let span = ["10.0.0.254", "10.0.0.255", "10.0.1.0"];
        assert_eq!(texts("10.0.0.254-10.0.1.0"), span);
        assert_eq!(texts("10.0.0.8-9"), ["10.0.0.8", "10.0.0.9"]);
        assert_eq!(texts("10.0.0.5/30"), ["10.0.0.5", "10.0.0.6"]);
        assert_eq!(texts("10.0.0.5/31"), ["10.0.0.4", "10.0.0.5"]);
        assert_eq!(texts("fd00::1-fd00::2"), ["fd00::1", "fd00::2"]);
        let listed = ["127.0.0.1:6230", "[fd00::7]:624", "10.0.0.1"];
        assert_eq!(
            texts("127.0.0.1:6230, [fd00::7]:624 10.0.0.1,10.0.0.1"),
            listed
        );
        assert_eq!(texts("10.0.0.0/24").len(), 254);
    }

    #[test]
    fn what_is_no_range_is_told() {
        for (bad, why) in [
            ("", "no address"),
            ("10.0.0.256", "10.0.0.256 is no IP address"),
            ("bmc7", "bmc7 is no"),
            ("10.0.0.9-10.0.0.8", "lower to a higher"),
            ("10.0.0.9-fd00::1", "lower to a higher"),
            ("10.0.0.0/33", "no network"),
            ("10.0.0.0/x", "no network"),
            ("10.0.0.0/8", "more than 4096"),
            ("10.0.0.0-10.9.0.0", "more than 4096"),
            ("fd00::/64", "more than 4096"),
            ("0.0.0.0", "no machine"),
            ("10.0.0.1:0", "is no IP address"),
            ("255.255.255.250-255.255.255.255", "no machine"),
        ] {
            let said = range(bad).expect_err(bad).to_string();
            assert!(said.contains(why), "{bad}: {said}");
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        let body = serde_json::json!({ "addresses": ["10.0.0.7"], "password": "hunter2" });
        let request: DiscoveryRequest = serde_json::from_value(body).expect("a request");
        assert!(!format!("{request:?}").contains("hunter2"));
        assert_eq!(request.body()["password"], "hunter2");
    }

    proptest! {
        #[test]
        fn any_text_is_a_bounded_range_or_an_error(text in "[0-9a-f:./, \\-\\[\\]]{0,48}") {
            if let Ok(targets) = range(&text) {
                prop_assert!((1..=MOST).contains(&targets.len()));
                for target in targets {
                    prop_assert_eq!(target.to_string().parse(), Ok(target));
                }
            }
        }
    }
}
