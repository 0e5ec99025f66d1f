//! `[[boot.subnets]]`: the networks behind DHCP relays.

use std::net::Ipv4Addr;
use std::time::Duration;

use ipnet::Ipv4Net;
use toml::{Table, Value};

use super::value::Setting;

/// A network behind a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootSubnet {
    /// The network.
    pub network: Ipv4Net,
    /// The first address that is handed out.
    pub first: Ipv4Addr,
    /// The last address that is handed out.
    pub last: Ipv4Addr,
    /// The router that machines are told.
    pub router: Option<Ipv4Addr>,
    /// The name servers that machines are told.
    pub dns: Vec<Ipv4Addr>,
    /// How long an address is promised, where not `boot.lease_time`.
    pub lease_time: Option<Duration>,
}

/// A key that has to be there.
fn required<T: Setting>(table: &Table, key: &str) -> Option<T> {
    T::read(table.get(key)?)
}

/// A key that may be missing; the outer `None` where its value does not fit.
fn optional<T: Setting>(table: &Table, key: &str) -> Option<Option<T>> {
    match table.get(key) {
        Some(value) => T::read(value).map(Some),
        None => Some(None),
    }
}

impl Setting for BootSubnet {
    fn expected() -> String {
        "a table with network (\"10.1.0.0/24\"), first and last (IPv4 addresses), and nothing else \
         but router, dns (a list) and lease_time (seconds)"
            .to_owned()
    }

    fn read(value: &Value) -> Option<Self> {
        const KEYS: [&str; 6] = ["network", "first", "last", "router", "dns", "lease_time"];
        let table = value.as_table()?;
        if !table.keys().all(|key| KEYS.contains(&key.as_str())) {
            return None;
        }
        Some(Self {
            network: required(table, "network")?,
            first: required(table, "first")?,
            last: required(table, "last")?,
            router: optional(table, "router")?,
            dns: optional(table, "dns")?.unwrap_or_default(),
            lease_time: optional(table, "lease_time")?,
        })
    }

    fn show(&self) -> Option<String> {
        let mut parts = vec![
            format!("network = \"{}\"", self.network),
            format!("first = \"{}\"", self.first),
            format!("last = \"{}\"", self.last),
        ];
        parts.extend(self.router.map(|router| format!("router = \"{router}\"")));
        parts.extend(self.dns.show().map(|dns| format!("dns = {dns}")));
        let time = self.lease_time.and_then(|time| time.show());
        parts.extend(time.map(|time| format!("lease_time = {time}")));
        Some(format!("{{ {} }}", parts.join(", ")))
    }
}
