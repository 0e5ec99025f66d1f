//! One DHCP exchange: from a client's message to the answer it gets, if any (RFC 2131 section 4.3).

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use dhcproto::v4::MessageType;
use jiff::Timestamp;

use super::answer::{self, Grant};
use super::caller::{Answer, Caller, Callers, Unidentified};
use super::prober::{Holder, Prober, Reach};
use super::request::DhcpRequest;
use super::{AddressService, ServedSubnet};
use crate::boot::contact::{ContactKind, IgnoreReason};
use crate::boot::leases::writer::{LeaseWriter, NotKept};
use crate::boot::leases::{NoAddress, Reservations, Wish};

/// Addresses that are tried for one offer, when each of them turns out to be in use.
const ATTEMPTS: u32 = 4;

/// All that an answer depends on.
pub(crate) struct Exchange {
    pub(crate) callers: Callers,
    pub(crate) service: AddressService,
    pub(crate) writer: LeaseWriter,
    pub(crate) prober: Prober,
}

/// A message of a machine that we serve.
struct Asked<'a> {
    request: &'a DhcpRequest,
    caller: Caller,
    served: &'a ServedSubnet,
    /// When the message came: what is promised, is promised from then on.
    now: Timestamp,
}

impl Exchange {
    /// Works out the answer to a message that has just come; `None` where there is none to give.
    pub(crate) async fn answer(
        &self,
        request: &DhcpRequest,
        source: SocketAddr,
        now: Timestamp,
    ) -> Option<Answer> {
        let caller = match self.callers.identify(request, source).await {
            Ok(caller) => caller,
            Err(Unidentified(party, reason)) => return self.callers.ignore(&party, reason),
        };
        let Some(served) = self.subnet(request) else {
            let relay = request.giaddr;
            let reason = IgnoreReason::UnknownNetwork { relay };
            return self.callers.ignore(&caller.party, reason);
        };
        let asked = Asked {
            request,
            caller,
            served,
            now,
        };
        match request.message {
            MessageType::Discover => self.discover(asked).await,
            MessageType::Request => self.request(asked).await,
            MessageType::Inform => self.inform(asked).await,
            MessageType::Decline => {
                self.decline(&asked).await;
                None
            }
            MessageType::Release => {
                let (mac, address) = (&request.mac, request.ciaddr);
                self.callers.leases.release(mac, address, now);
                self.report(&asked, ContactKind::DhcpRelease { address });
                None
            }
            // What servers send, and lease queries, are not for us.
            MessageType::Offer
            | MessageType::Ack
            | MessageType::Nak
            | MessageType::ForceRenew
            | MessageType::LeaseQuery
            | MessageType::LeaseUnassigned
            | MessageType::LeaseUnknown
            | MessageType::LeaseActive
            | MessageType::BulkLeaseQuery
            | MessageType::LeaseQueryDone
            | MessageType::ActiveLeaseQuery
            | MessageType::LeaseQueryStatus
            | MessageType::Tls
            | MessageType::Unknown(_) => None,
        }
    }

    /// After the answer is on its way.
    pub(crate) fn answered(&self, answer: Answer) {
        self.callers.reporter.report(&answer.party, answer.kind);
    }

    async fn discover(&self, asked: Asked<'_>) -> Option<Answer> {
        self.report(&asked, ContactKind::DhcpDiscover);
        let address = self.find_free(&asked).await?;
        let bootfile = self.callers.boot_file(asked.request, &asked.caller).await?;
        let datagram = self.grant(&asked, MessageType::Offer, address, bootfile.as_deref());
        let kind = ContactKind::DhcpOffer { address, bootfile };
        Some(Answer {
            datagram,
            is_nak: false,
            party: asked.caller.party,
            kind,
        })
    }

    /// An address that nobody uses: each candidate is looked for on the network before it is
    /// offered for the first time, or again after its lease ran out.
    async fn find_free(&self, asked: &Asked<'_>) -> Option<Ipv4Addr> {
        let leases = &self.callers.leases;
        let mac = asked.request.mac;
        let reservations = self.callers.reservations(&asked.caller).await?;
        for _ in 0..ATTEMPTS {
            let wish = wish(asked, asked.request.requested, &reservations);
            let offered = match leases.offer(&wish, &asked.served.subnet, asked.now) {
                Ok(offered) => offered,
                Err(none) => {
                    let reason = reason(none, asked.served);
                    return self.callers.ignore(&asked.caller.party, reason);
                }
            };
            let address = offered.address;
            if !offered.unchecked {
                return Some(address);
            }
            let holder = self.holder(asked, address).await;
            let Some(holder) = holder else {
                leases.checked(&mac, address);
                return Some(address);
            };
            leases.decline(&mac, address, asked.now);
            let holder = holder.mac();
            self.report(asked, ContactKind::DhcpConflict { address, holder });
            if wish.reserved.is_some() {
                let reason = IgnoreReason::ReservationInUse { address };
                return self.callers.ignore(&asked.caller.party, reason);
            }
        }
        let reason = reason(NoAddress::PoolExhausted, asked.served);
        self.callers.ignore(&asked.caller.party, reason)
    }

    /// Who has the address, but for the machine itself.
    async fn holder(&self, asked: &Asked<'_>, address: Ipv4Addr) -> Option<Holder> {
        let is_local = asked.request.giaddr.is_unspecified();
        let reach = if is_local {
            Reach::Local
        } else {
            Reach::Relayed
        };
        let holder = self.prober.holder(address, reach).await?;
        (holder.mac() != Some(asked.request.mac)).then_some(holder)
    }

    async fn request(&self, asked: Asked<'_>) -> Option<Answer> {
        let request = asked.request;
        let ours = self.callers.endpoints.address;
        if let Some(server) = request.server.filter(|server| *server != ours) {
            let holder = self.holder(&asked, server).await.and_then(Holder::mac);
            self.report(&asked, ContactKind::DhcpOtherServer { server, holder });
            return None;
        }
        let address = request.requested.unwrap_or(request.ciaddr);
        self.report(&asked, ContactKind::DhcpRequest { address });
        let now = asked.now;
        let reservations = match request.server {
            None => self.callers.reservations(&asked.caller).await?,
            // They were looked at for our offer.
            Some(_) => Arc::default(),
        };
        let wish = wish(&asked, Some(address), &reservations);
        // A machine that kept its lease over our restart comes back for an address that is free,
        // and has checked it itself.
        if request.server.is_none() {
            let _ = self.callers.leases.offer(&wish, &asked.served.subnet, now);
        }
        let lease_time = asked.served.lease_time;
        let leases = &self.callers.leases;
        let Some(granted) = leases.commit(&wish, &asked.served.subnet, lease_time, now) else {
            return Some(self.refuse(asked, address));
        };
        if let Some(lease) = granted.keep {
            match self.writer.keep(lease.clone()).await {
                Ok(()) => leases.kept(&lease),
                Err(NotKept::Taken(other)) => {
                    leases.lose(&request.mac, other);
                    return Some(self.refuse(asked, address));
                }
                Err(NotKept::NotWritten) => {
                    let reason = IgnoreReason::LeaseNotKept;
                    return self.callers.ignore(&asked.caller.party, reason);
                }
            }
        }
        let bootfile = self.callers.boot_file(request, &asked.caller).await?;
        let datagram = self.grant(&asked, MessageType::Ack, address, bootfile.as_deref());
        let kind = ContactKind::DhcpAck { address, bootfile };
        Some(Answer {
            datagram,
            is_nak: false,
            party: asked.caller.party,
            kind,
        })
    }

    /// The address is another's: the machine starts again.
    fn refuse(&self, asked: Asked<'_>, address: Ipv4Addr) -> Answer {
        let endpoints = &self.callers.endpoints;
        Answer {
            datagram: answer::refuse(endpoints, asked.request, "not your lease"),
            is_nak: true,
            party: asked.caller.party,
            kind: ContactKind::DhcpNak { address },
        }
    }

    /// The machine found its address in use; who has it, is asked for the timeline's sake.
    async fn decline(&self, asked: &Asked<'_>) {
        let request = asked.request;
        let address = request.requested.unwrap_or(request.ciaddr);
        let leases = &self.callers.leases;
        leases.decline(&request.mac, address, asked.now);
        self.report(asked, ContactKind::DhcpDecline { address });
        if let Some(holder) = self.holder(asked, address).await {
            let holder = holder.mac();
            self.report(asked, ContactKind::DhcpConflict { address, holder });
        }
    }

    /// RFC 2131 section 4.3.5: the client has an address and wants the rest.
    async fn inform(&self, asked: Asked<'_>) -> Option<Answer> {
        let bootfile = self.callers.boot_file(asked.request, &asked.caller).await?;
        let none = Ipv4Addr::UNSPECIFIED;
        let datagram = self.grant(&asked, MessageType::Ack, none, bootfile.as_deref());
        let kind = ContactKind::DhcpAck {
            address: asked.request.ciaddr,
            bootfile,
        };
        Some(Answer {
            datagram,
            is_nak: false,
            party: asked.caller.party,
            kind,
        })
    }

    fn grant(
        &self,
        asked: &Asked<'_>,
        message: MessageType,
        address: Ipv4Addr,
        boot_file: Option<&str>,
    ) -> Vec<u8> {
        let (subnet, lease_time) = (&asked.served.subnet, asked.served.lease_time);
        let grant = Grant {
            message,
            address,
            subnet,
            lease_time,
            boot_file,
        };
        answer::grant(&self.callers.endpoints, asked.request, &grant)
    }

    fn report(&self, asked: &Asked<'_>, kind: ContactKind) {
        self.callers.reporter.report(&asked.caller.party, kind);
    }

    /// The network that the client is on: by the relay's word (RFC 3527), the client's (RFC 3011),
    /// the relay's address, the client's own address when it renews by unicast, and else ours.
    fn subnet(&self, request: &DhcpRequest) -> Option<&ServedSubnet> {
        let of = |address: Ipv4Addr| {
            let mut subnets = self.service.subnets.iter();
            subnets.find(|served| served.subnet.network.contains(&address))
        };
        if let Some(selected) = request.link_selection.or(request.subnet_selection) {
            return of(selected);
        }
        if !request.giaddr.is_unspecified() {
            return of(request.giaddr);
        }
        of(request.ciaddr)
            .or_else(|| of(self.callers.endpoints.address))
            .or_else(|| self.service.subnets.first())
    }
}

fn wish<'r>(
    asked: &Asked<'_>,
    wanted: Option<Ipv4Addr>,
    reservations: &'r Reservations,
) -> Wish<'r> {
    let host = &asked.caller.host;
    Wish {
        mac: asked.request.mac,
        node: host.node,
        reserved: host.address,
        wanted,
        reservations,
    }
}

fn reason(none: NoAddress, served: &ServedSubnet) -> IgnoreReason {
    let subnet = &served.subnet;
    match none {
        NoAddress::PoolExhausted => IgnoreReason::PoolExhausted {
            first: subnet.first,
            last: subnet.last,
        },
        NoAddress::ReservationUnusable(address) => IgnoreReason::ReservationUnusable {
            address,
            network: subnet.network,
        },
        NoAddress::ReservationLeased(address, mac) => {
            IgnoreReason::ReservationLeased { address, mac }
        }
    }
}
