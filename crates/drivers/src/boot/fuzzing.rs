//! What the boot services' fuzz targets have in common: how an input is taken apart, and the
//! machines that there are. Not part of the services.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use cupola_api::{MacAddress, NodeId};

use super::client::ClientSystem;
use super::directory::{BootDecision, BootDirectory, BootHost, IsoBoot, RamdiskBoot};
use super::files::Loader;
use super::leases::Reservations;

#[cfg(test)]
#[path = "../../../../fuzz/seeds.rs"]
pub(super) mod seeds;

/// An input, taken from the front. What is no longer there counts as zero.
pub(super) struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(super) const fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn octet(&mut self) -> u8 {
        self.octets(1).first().copied().unwrap_or(0)
    }

    pub(super) fn number(&mut self) -> u16 {
        let high = self.octet();
        u16::from_be_bytes([high, self.octet()])
    }

    /// So many octets, or what is left.
    pub(super) fn octets(&mut self, length: usize) -> &'a [u8] {
        let (now, later) = self.rest.split_at(self.rest.len().min(length));
        self.rest = later;
        now
    }
}

/// The MAC address of a machine: those from 1 to [`ENROLLED`] are enrolled.
pub(super) const fn mac(number: u8) -> MacAddress {
    MacAddress::new([0x02, 0, 0, 0, 0, number])
}

/// How many machines are enrolled.
pub(super) const ENROLLED: u8 = 6;

/// The address that is reserved for a machine, where one is: the fifth has one outside of the
/// first network's pool, the sixth one of the second network's pool.
pub(super) const fn reserved(number: u8) -> Option<Ipv4Addr> {
    match number {
        5 => Some(Ipv4Addr::new(10, 0, 0, 200)),
        6 => Some(Ipv4Addr::new(10, 0, 1, 11)),
        _ => None,
    }
}

/// The machine with this MAC address, if it is enrolled.
pub(super) fn host(asked: &MacAddress) -> Option<BootHost> {
    let number = (1..=ENROLLED).find(|number| mac(*number) == *asked)?;
    let node: NodeId = format!("6e1f3a0c-0f7e-4b0e-9d8f-0d5f3f1a9c0{number}")
        .parse()
        .ok()?;
    Some(BootHost {
        node,
        mac: *asked,
        name: format!("node {number}"),
        pxe_enabled: number != 4,
        loader: if number == 3 {
            Loader::Grub
        } else {
            Loader::Ipxe
        },
        address: reserved(number),
    })
}

/// What a machine boots: each third the same.
pub(super) fn decision(host: &BootHost) -> BootDecision {
    let number = host.mac.octets().last().copied().unwrap_or(0);
    match number % 3 {
        0 => BootDecision::Ramdisk(RamdiskBoot {
            kernel: kernel(),
            ramdisk: PathBuf::from("/nonexistent/ramdisk"),
            cmdline: "quiet".to_owned(),
        }),
        1 => BootDecision::Iso(IsoBoot::File(kernel())),
        _ => BootDecision::Local,
    }
}

/// A regular file that is there wherever this runs: the program itself.
pub(super) fn kernel() -> PathBuf {
    std::env::current_exe().unwrap_or_default()
}

/// Knows the machines.
pub(super) struct Machines;

#[async_trait]
impl BootDirectory for Machines {
    async fn host(&self, mac: &MacAddress) -> Option<BootHost> {
        host(mac)
    }

    async fn decision(&self, host: &BootHost, _: &ClientSystem) -> BootDecision {
        decision(host)
    }

    async fn reservations(&self) -> Option<Arc<Reservations>> {
        let all = (1..=ENROLLED).filter_map(|number| Some((reserved(number)?, mac(number))));
        Some(Arc::new(all.collect()))
    }
}
