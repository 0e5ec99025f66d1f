//! One DHCP exchange: from a client's message to the answer it gets, if any (RFC 2131 section 4.3).

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use dhcproto::v4::MessageType;
use jiff::Timestamp;

use super::answer::{self, Grant};
use super::caller::{Answer, Caller, Callers, Unidentified};
use super::request::DhcpRequest;
use crate::boot::contact::{ContactKind, IgnoreReason};
use crate::boot::leases::{LeaseStore, Subnet};

/// All that an answer depends on.
pub(crate) struct Exchange {
    pub(crate) callers: Callers,
    pub(crate) subnets: Vec<Subnet>,
    pub(crate) lease_time: Duration,
    pub(crate) store: Arc<dyn LeaseStore>,
}

/// A message of a machine that we serve.
struct Asked<'a> {
    request: &'a DhcpRequest,
    caller: Caller,
    subnet: &'a Subnet,
}

impl Exchange {
    /// Works out the answer; `None` where there is none to give.
    pub(crate) async fn answer(&self, request: &DhcpRequest, source: SocketAddr) -> Option<Answer> {
        let caller = match self.callers.identify(request, source).await {
            Ok(caller) => caller,
            Err(Unidentified(party, reason)) => return self.callers.ignore(&party, reason),
        };
        let Some(subnet) = self.subnet(request) else {
            return self.callers.ignore(
                &caller.party,
                IgnoreReason::UnknownNetwork {
                    relay: request.giaddr,
                },
            );
        };
        let asked = Asked {
            request,
            caller,
            subnet,
        };
        match request.message {
            MessageType::Discover => self.discover(asked).await,
            MessageType::Request => self.request(asked).await,
            MessageType::Inform => self.inform(asked).await,
            MessageType::Decline => {
                let address = request.requested.unwrap_or(request.ciaddr);
                self.callers
                    .leases
                    .decline(&request.mac, address, Timestamp::now());
                self.callers
                    .reporter
                    .report(&asked.caller.party, ContactKind::DhcpDecline { address });
                None
            }
            MessageType::Release => {
                let address = request.ciaddr;
                self.callers
                    .leases
                    .release(&request.mac, address, Timestamp::now());
                self.callers
                    .reporter
                    .report(&asked.caller.party, ContactKind::DhcpRelease { address });
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

    /// After the answer is on its way: the contact, and the lease for the next start.
    pub(crate) async fn answered(&self, answer: Answer) {
        self.callers.reporter.report(&answer.party, answer.kind);
        if let Some(lease) = answer.lease {
            self.store.save(&lease).await;
        }
    }

    async fn discover(&self, asked: Asked<'_>) -> Option<Answer> {
        self.callers
            .reporter
            .report(&asked.caller.party, ContactKind::DhcpDiscover);
        let Some(address) = self.allocate(&asked, asked.request.requested) else {
            return self
                .callers
                .ignore(&asked.caller.party, IgnoreReason::PoolExhausted);
        };
        let bootfile = self.callers.boot_file(asked.request, &asked.caller).await?;
        let datagram = self.grant(&asked, MessageType::Offer, address, bootfile.as_deref());
        let kind = ContactKind::DhcpOffer { address, bootfile };
        Some(Answer {
            datagram,
            is_nak: false,
            party: asked.caller.party,
            kind,
            lease: None,
        })
    }

    async fn request(&self, asked: Asked<'_>) -> Option<Answer> {
        let request = asked.request;
        if let Some(server) = request
            .server
            .filter(|server| *server != self.callers.endpoints.address)
        {
            self.callers
                .reporter
                .report(&asked.caller.party, ContactKind::DhcpOtherServer { server });
            return None;
        }
        let address = request.requested.unwrap_or(request.ciaddr);
        self.callers
            .reporter
            .report(&asked.caller.party, ContactKind::DhcpRequest { address });
        // A machine that kept its lease over our restart comes back for an address that is free.
        if request.server.is_none() {
            self.allocate(&asked, Some(address));
        }
        let now = Timestamp::now();
        let Some(lease) = self
            .callers
            .leases
            .commit(&request.mac, address, self.lease_time, now)
        else {
            return Some(Answer {
                datagram: answer::refuse(&self.callers.endpoints, request, "not your lease"),
                is_nak: true,
                party: asked.caller.party,
                kind: ContactKind::DhcpNak { address },
                lease: None,
            });
        };
        let bootfile = self.callers.boot_file(asked.request, &asked.caller).await?;
        let datagram = self.grant(&asked, MessageType::Ack, address, bootfile.as_deref());
        let kind = ContactKind::DhcpAck { address, bootfile };
        Some(Answer {
            datagram,
            is_nak: false,
            party: asked.caller.party,
            kind,
            lease: Some(lease),
        })
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
            lease: None,
        })
    }

    fn grant(
        &self,
        asked: &Asked<'_>,
        message: MessageType,
        address: Ipv4Addr,
        boot_file: Option<&str>,
    ) -> Vec<u8> {
        let (subnet, lease_time) = (asked.subnet, self.lease_time);
        let grant = Grant {
            message,
            address,
            subnet,
            lease_time,
            boot_file,
        };
        answer::grant(&self.callers.endpoints, asked.request, &grant)
    }

    fn allocate(&self, asked: &Asked<'_>, wanted: Option<Ipv4Addr>) -> Option<Ipv4Addr> {
        let Asked {
            request,
            caller,
            subnet,
        } = asked;
        self.callers
            .leases
            .offer(
                request.mac,
                caller.host.node,
                subnet,
                wanted,
                Timestamp::now(),
            )
            .ok()
    }

    /// The relay's network, or ours for what came in directly.
    fn subnet(&self, request: &DhcpRequest) -> Option<&Subnet> {
        if request.giaddr.is_unspecified() {
            return self.subnets.first();
        }
        self.subnets
            .iter()
            .find(|subnet| subnet.network.contains(&request.giaddr))
    }
}
