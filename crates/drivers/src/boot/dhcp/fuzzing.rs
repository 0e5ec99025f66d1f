//! What a fuzzer drives: messages of machines, relays and strangers at the DHCP server and at
//! proxyDHCP, from the datagram to the answer, with a clock and a lease store of its own. Sockets
//! are left out. Not part of the server.

#![allow(unreachable_pub, reason = "public to the fuzz targets only")]

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use cupola_api::MacAddress;
use dhcproto::v4::{Message, MessageType};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::answer::Endpoints;
use super::caller::Callers;
use super::exchange::Exchange;
use super::prober::Prober;
use super::proxy::{Proxy, ProxyPort};
use super::request::DhcpRequest;
use super::{AddressService, ServedSubnet};
use crate::boot::directory::NoSink;
use crate::boot::files::LoaderNames;
use crate::boot::fuzzing::{Input, Machines, host, mac};
use crate::boot::leases::writer::LeaseWriter;
use crate::boot::leases::{Lease, LeaseStore, LeaseStoreError, LeaseTable, Subnet};
use crate::boot::reporter::Reporter;
use promises::Promises;

mod oracle;
mod promises;

/// Our address; it lies in the first network's pool, as its router's does.
const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 13);
const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 12);
/// Where messages come through a relay from: nowhere, the second network, one that is not served.
const RELAYS: [Ipv4Addr; 4] = [
    Ipv4Addr::UNSPECIFIED,
    Ipv4Addr::new(10, 0, 1, 1),
    Ipv4Addr::new(172, 16, 0, 1),
    Ipv4Addr::UNSPECIFIED,
];
/// A machine that nobody has enrolled, and that has addresses.
const STRANGER: MacAddress = mac(0x77);
/// Octets of the header and the magic cookie.
const HEADER: usize = 240;

/// What was answered, to see how far an input comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// OFFERs of addresses.
    pub offers: u32,
    /// ACKs.
    pub acks: u32,
    /// NAKs.
    pub naks: u32,
    /// Answers of proxyDHCP.
    pub proxy: u32,
}

/// The first network has three addresses to give to four machines, the second one three.
fn subnets() -> Vec<ServedSubnet> {
    let served = |third: u8, last, router, seconds| ServedSubnet {
        subnet: Subnet {
            network: ipnet::Ipv4Net::new_assert(Ipv4Addr::new(10, 0, third, 0), 24),
            first: Ipv4Addr::new(10, 0, third, 10),
            last: Ipv4Addr::new(10, 0, third, last),
            router: Some(router),
            dns: vec![OURS],
        },
        lease_time: Duration::from_secs(seconds),
    };
    vec![
        served(0, 14, ROUTER, 600),
        served(1, 12, Ipv4Addr::new(10, 0, 1, 1), 120),
    ]
}

/// Keeps leases as a database does: one for each machine and each address.
#[derive(Debug, Default)]
struct Store {
    leases: Mutex<Vec<Lease>>,
    fails: AtomicBool,
}

#[async_trait]
impl LeaseStore for Store {
    async fn load(&self) -> Result<Vec<Lease>, LeaseStoreError> {
        Ok(self.leases.lock().clone())
    }

    async fn save(&self, leases: &[Lease]) -> Result<Vec<Lease>, LeaseStoreError> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(LeaseStoreError("the disk is full".to_owned()));
        }
        let mut kept = self.leases.lock();
        for lease in leases {
            kept.retain(|old| old.mac != lease.mac && old.address != lease.address);
            kept.push(lease.clone());
        }
        Ok(Vec::new())
    }
}

/// The server and proxyDHCP, which hear the same messages, and what they have promised.
struct Network {
    exchange: Exchange,
    proxies: [Proxy; 2],
    store: Arc<Store>,
    now: Timestamp,
    promises: Promises,
    /// What each machine was offered last.
    offered: HashMap<MacAddress, Ipv4Addr>,
    answered: Answered,
}

fn callers(leases: Vec<Lease>) -> Option<Callers> {
    let leases = Arc::new(LeaseTable::new(vec![OURS], leases));
    Some(Callers {
        endpoints: Endpoints {
            address: OURS,
            http: Url::parse("http://10.0.0.13:8088/").ok()?,
            loaders: LoaderNames::default(),
        },
        reporter: Reporter::new(Arc::new(NoSink), Arc::clone(&leases)),
        leases,
        directory: Arc::new(Machines),
    })
}

impl Network {
    /// The bits of `setup` are leases of former configurations in the store, addresses that
    /// strangers use, and a store that fails.
    fn new(setup: u8, tracker: &TaskTracker, stop: &CancellationToken) -> Option<Self> {
        let now = Timestamp::from_second(1_700_000_000).ok()?;
        let store = Arc::new(Store::default());
        let former = [
            (1, 1, ROUTER),
            (2, 2, Ipv4Addr::new(10, 0, 0, 99)),
            (4, 3, Ipv4Addr::new(10, 0, 1, 12)),
        ];
        for (bit, machine, address) in former {
            if setup & bit != 0 {
                store.leases.lock().push(Lease {
                    mac: mac(machine),
                    address,
                    node: host(&mac(machine))?.node,
                    expires: now.checked_add(Duration::from_secs(900)).ok()?,
                });
            }
        }
        store.fails.store(setup & 8 != 0, Ordering::Relaxed);
        let mut held = Vec::new();
        for (bit, last) in [(16, [10, 0, 0, 10]), (32, [10, 0, 1, 11])] {
            if setup & bit != 0 {
                held.push((Ipv4Addr::from(last), STRANGER));
            }
        }
        let mut prober = Prober::default();
        prober.held = held;
        let proxy = |port| {
            Some(Proxy {
                callers: callers(Vec::new())?,
                port,
            })
        };
        let kept = store.leases.lock().clone();
        Some(Self {
            exchange: Exchange {
                callers: callers(kept.clone())?,
                service: AddressService {
                    subnets: subnets(),
                    detect_conflicts: true,
                },
                writer: LeaseWriter::start(
                    Arc::clone(&store) as Arc<dyn LeaseStore>,
                    tracker,
                    stop.clone(),
                ),
                prober,
            },
            proxies: [proxy(ProxyPort::Dhcp)?, proxy(ProxyPort::BootServer)?],
            promises: Promises::of(&kept),
            store,
            now,
            offered: HashMap::new(),
            answered: Answered::default(),
        })
    }

    /// The server starts anew with what its store has.
    fn restart(&mut self) {
        let kept = self.store.leases.lock().clone();
        self.promises.outlive(&kept, self.now);
        if let Some(callers) = callers(kept) {
            self.exchange.callers = callers;
        }
    }

    /// A datagram at all three sockets.
    async fn hear(&mut self, datagram: &[u8]) {
        let request = DhcpRequest::decode(datagram);
        if !oracle::is_whole(datagram) {
            assert_eq!(request, None, "a truncated message was taken");
        }
        let Some(request) = request else {
            return;
        };
        let source = SocketAddr::from((Ipv4Addr::new(10, 0, 0, 99), 68));
        for proxy in &self.proxies {
            if let Some(answer) = proxy.answer(&request, source, self.now).await {
                oracle::proxy(&request, &answer.datagram);
                proxy.answered(answer);
                self.answered.proxy += 1;
            }
        }
        let answer = self.exchange.answer(&request, source, self.now).await;
        let leases = Arc::clone(&self.exchange.callers.leases);
        self.promises
            .heard(&request, leases.lease(&request.mac), self.now);
        let Some(answer) = answer else {
            return;
        };
        let message = oracle::server(&request, &answer.datagram);
        self.note(&request, &message);
        self.exchange.answered(answer);
    }

    fn note(&mut self, request: &DhcpRequest, message: &Message) {
        let (mac, address) = (request.mac, message.yiaddr());
        match oracle::kind(message) {
            Some(MessageType::Offer) => {
                let held = &self.exchange.prober.held;
                assert!(
                    !held.iter().any(|(held, _)| *held == address)
                        || self.promises.is_granted(mac, address, self.now),
                    "{address} is offered though somebody has it"
                );
                self.promises.offered(mac, address, self.now);
                self.offered.insert(mac, address);
                self.answered.offers += 1;
            }
            Some(MessageType::Ack) if !address.is_unspecified() => {
                let until = self.promises.granted(mac, address, message, self.now);
                let kept = self.store.leases.lock();
                assert!(
                    kept.iter().any(|lease| lease.mac == mac
                        && lease.address == address
                        && lease.expires >= until),
                    "the lease of {address} is promised and not kept"
                );
                self.answered.acks += 1;
            }
            Some(MessageType::Nak) => self.answered.naks += 1,
            Some(_) | None => self.answered.acks += 1,
        }
    }

    /// A message with a sound header. The octet of its place says through which relay it comes,
    /// which address the machine says it has, whether it asks for the address that it was offered,
    /// and whether it names us.
    fn composed(&self, what: u8, input: &mut Input<'_>) -> Vec<u8> {
        let (machine, message, place) = (input.octet(), input.octet(), input.octet());
        let length = input.octet();
        let mac = mac(machine & 0x0f);
        let offered = self.offered.get(&mac).copied();
        let ciaddr = match (place >> 2) & 3 {
            0 => Ipv4Addr::UNSPECIFIED,
            1 => offered.unwrap_or(Ipv4Addr::UNSPECIFIED),
            2 => Ipv4Addr::new(10, 0, 0, 10 + (machine >> 4)),
            _ => Ipv4Addr::new(10, 0, 1, 10 + (machine >> 4)),
        };
        let giaddr = RELAYS.get(usize::from(place & 3)).copied();
        let mut datagram = vec![1, 1, 6, 0, 0, 0, 0, what, 0, 0, what & 0x80, 0];
        datagram.extend(ciaddr.octets());
        datagram.extend([0; 8]);
        datagram.extend(giaddr.unwrap_or(Ipv4Addr::UNSPECIFIED).octets());
        datagram.extend(mac.octets());
        datagram.resize(HEADER - 4, 0);
        datagram.extend([99, 130, 83, 99, 53, 1, message]);
        if place & 0x40 != 0 {
            datagram.extend([50, 4]);
            datagram.extend(offered.unwrap_or(ROUTER).octets());
        }
        if place & 0x80 != 0 {
            datagram.extend([54, 4]);
            datagram.extend(OURS.octets());
        }
        datagram.extend(input.octets(length.into()));
        if place & 0x20 == 0 {
            datagram.push(255);
        }
        datagram
    }
}

/// Plays the input: an octet for the setup, then events. The low three bits of an event's octet
/// say which: a datagram as it is (its length in two octets before it); time that passes; a store
/// that fails, or works again; a restart; a message with a sound header.
///
/// Nothing panics; what is cut off is not answered; every answer can be read and is as long as
/// its client takes; addresses are those of the pool or of the reservation, kept before they are
/// promised, and promised to one machine at a time.
pub async fn exchanges(input: &[u8]) -> Answered {
    let mut input = Input::new(input);
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    let Some(mut network) = Network::new(input.octet(), &tracker, &stop) else {
        return Answered::default();
    };
    while !input.is_empty() {
        let what = input.octet();
        match what & 7 {
            0 => {
                let length = input.number();
                network.hear(input.octets(length.into())).await;
            }
            1 => {
                let seconds = Duration::from_secs(input.number().into());
                network.now = network.now.checked_add(seconds).unwrap_or(network.now);
            }
            2 => {
                network.store.fails.fetch_xor(true, Ordering::Relaxed);
            }
            3 => network.restart(),
            _ => {
                let datagram = network.composed(what, &mut input);
                network.hear(&datagram).await;
            }
        }
    }
    stop.cancel();
    tracker.close();
    tracker.wait().await;
    network.answered
}

#[cfg(test)]
mod tests;
