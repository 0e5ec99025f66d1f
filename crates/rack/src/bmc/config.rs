//! What a simulated BMC is told about itself.

use std::net::Ipv4Addr;

use cupola_api::{MacAddress, Secret};
use cupola_drivers::ipmi::wire::{
    app::{DeviceId, Privilege},
    crypto::Key,
    suite::CipherSuite,
};

/// One user of a BMC.
#[derive(Debug, Clone)]
pub struct BmcUser {
    /// The name, at most sixteen bytes.
    pub name: String,
    /// The password, at most twenty bytes.
    pub password: Secret,
    /// The highest privilege level that the user may have.
    pub privilege: Privilege,
}

impl BmcUser {
    /// An administrator.
    #[must_use]
    pub fn administrator(name: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            password: Secret::new(password),
            privilege: Privilege::Administrator,
        }
    }
}

/// A BMC's settings.
#[derive(Debug, Clone)]
pub struct BmcConfig {
    /// Its users.
    pub users: Vec<BmcUser>,
    /// The cipher suites that it allows.
    pub suites: Vec<CipherSuite>,
    /// The BMC key for two-key login.
    pub kg: Option<Key>,
    /// Its GUID.
    pub guid: [u8; 16],
    /// What it answers to Get Device ID.
    pub device: DeviceId,
    /// The MAC address that its LAN configuration shows.
    pub mac: MacAddress,
    /// The IP address that its LAN configuration shows.
    pub address: Ipv4Addr,
    /// Sessions that it holds at once.
    pub sessions: usize,
}

impl BmcConfig {
    /// A BMC with this MAC address and one administrator, which allows suites 3 and 17.
    #[must_use]
    pub fn new(mac: MacAddress, user: BmcUser) -> Self {
        let mut guid = [0x42; 16];
        for (to, from) in guid.iter_mut().zip(mac.octets()) {
            *to = from;
        }
        Self {
            users: vec![user],
            suites: vec![CipherSuite::Suite3, CipherSuite::Suite17],
            kg: None,
            guid,
            device: DeviceId {
                device: 0x20,
                revision: 1,
                firmware_major: 1,
                firmware_minor: 0,
                ..DeviceId::default()
            },
            mac,
            address: Ipv4Addr::LOCALHOST,
            sessions: 16,
        }
    }
}
