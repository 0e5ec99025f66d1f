//! Addresses that ports have reserved: what the pool must not give to other machines, whether or
//! not the port's own machine has ever asked. Whether a machine gets its own is the table's to say.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use cupola_api::MacAddress;

/// Reserved addresses, each with the MAC address of its port. Where two ports have reserved one
/// address, it is the first one's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reservations(HashMap<Ipv4Addr, MacAddress>);

impl Reservations {
    /// Whether the address is reserved for another machine than this one.
    #[must_use]
    pub fn keep_from(&self, mac: &MacAddress, address: Ipv4Addr) -> bool {
        self.0.get(&address).is_some_and(|owner| owner != mac)
    }
}

impl FromIterator<(Ipv4Addr, MacAddress)> for Reservations {
    fn from_iter<I: IntoIterator<Item = (Ipv4Addr, MacAddress)>>(all: I) -> Self {
        let mut reserved = HashMap::new();
        for (address, mac) in all {
            reserved.entry(address).or_insert(mac);
        }
        Self(reserved)
    }
}
