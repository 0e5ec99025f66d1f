//! One DHCP exchange: from a client's message to the answer it gets, if any (RFC 2131 section 4.3).

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use dhcproto::v4::MessageType;
use jiff::Timestamp;
use tokio::time::timeout;

use super::answer::{self, Endpoints, Grant};
use super::request::DhcpRequest;
use crate::boot::DIRECTORY_DEADLINE;
use crate::boot::client::BootStage;
use crate::boot::contact::{ContactKind, IgnoreReason};
use crate::boot::directory::{BootDirectory, BootHost};
use crate::boot::leases::{Lease, LeaseStore, LeaseTable, Subnet};
use crate::boot::reporter::{Party, Reporter};

/// All that an answer depends on.
pub(crate) struct Exchange {
    pub(crate) endpoints: Endpoints,
    pub(crate) subnets: Vec<Subnet>,
    pub(crate) lease_time: Duration,
    pub(crate) leases: Arc<LeaseTable>,
    pub(crate) store: Arc<dyn LeaseStore>,
    pub(crate) directory: Arc<dyn BootDirectory>,
    pub(crate) reporter: Reporter,
}

/// A datagram to send, and what is true once it is sent.
pub(crate) struct Answer {
    pub(crate) datagram: Vec<u8>,
    pub(crate) is_nak: bool,
    party: Party,
    kind: ContactKind,
    lease: Option<Lease>,
}

/// A message of a machine that we serve.
struct Asked<'a> {
    request: &'a DhcpRequest,
    host: BootHost,
    subnet: &'a Subnet,
    party: Party,
}

impl Exchange {
    /// Works out the answer; `None` where there is none to give.
    pub(crate) async fn answer(&self, request: &DhcpRequest, source: SocketAddr) -> Option<Answer> {
        let mut party = Party {
            mac: Some(request.mac),
            node: None,
            peer: Some(source.ip()),
            client: Some(request.client.clone()),
        };
        let host = match timeout(DIRECTORY_DEADLINE, self.directory.host(&request.mac)).await {
            Ok(Some(host)) => host,
            Ok(None) => return self.ignore(&party, IgnoreReason::UnknownMac),
            Err(_) => return self.ignore(&party, IgnoreReason::DirectoryTooSlow),
        };
        party.node = Some(host.node);
        let Some(subnet) = self.subnet(request) else {
            return self.ignore(
                &party,
                IgnoreReason::UnknownNetwork {
                    relay: request.giaddr,
                },
            );
        };
        if request.client.stage != BootStage::System {
            self.leases
                .remember_client(request.mac, request.client.clone());
        }
        let asked = Asked {
            request,
            host,
            subnet,
            party,
        };
        match request.message {
            MessageType::Discover => self.discover(asked).await,
            MessageType::Request => self.request(asked).await,
            MessageType::Inform => self.inform(asked).await,
            MessageType::Decline => {
                let address = request.requested.unwrap_or(request.ciaddr);
                self.leases.decline(&request.mac, address, Timestamp::now());
                self.reporter
                    .report(&asked.party, ContactKind::DhcpDecline { address });
                None
            }
            MessageType::Release => {
                let address = request.ciaddr;
                self.leases.release(&request.mac, address, Timestamp::now());
                self.reporter
                    .report(&asked.party, ContactKind::DhcpRelease { address });
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
        self.reporter.report(&answer.party, answer.kind);
        if let Some(lease) = answer.lease {
            self.store.save(&lease).await;
        }
    }

    async fn discover(&self, asked: Asked<'_>) -> Option<Answer> {
        self.reporter
            .report(&asked.party, ContactKind::DhcpDiscover);
        let Some(address) = self.allocate(&asked, asked.request.requested) else {
            return self.ignore(&asked.party, IgnoreReason::PoolExhausted);
        };
        let bootfile = self.boot_file(&asked).await?;
        let datagram = self.grant(&asked, MessageType::Offer, address, bootfile.as_deref());
        let kind = ContactKind::DhcpOffer { address, bootfile };
        Some(Answer {
            datagram,
            is_nak: false,
            party: asked.party,
            kind,
            lease: None,
        })
    }

    async fn request(&self, asked: Asked<'_>) -> Option<Answer> {
        let request = asked.request;
        if let Some(server) = request
            .server
            .filter(|server| *server != self.endpoints.address)
        {
            self.reporter
                .report(&asked.party, ContactKind::DhcpOtherServer { server });
            return None;
        }
        let address = request.requested.unwrap_or(request.ciaddr);
        self.reporter
            .report(&asked.party, ContactKind::DhcpRequest { address });
        // A machine that kept its lease over our restart comes back for an address that is free.
        if request.server.is_none() {
            self.allocate(&asked, Some(address));
        }
        let now = Timestamp::now();
        let Some(lease) = self
            .leases
            .commit(&request.mac, address, self.lease_time, now)
        else {
            return Some(Answer {
                datagram: answer::refuse(&self.endpoints, request, "not your lease"),
                is_nak: true,
                party: asked.party,
                kind: ContactKind::DhcpNak { address },
                lease: None,
            });
        };
        let bootfile = self.boot_file(&asked).await?;
        let datagram = self.grant(&asked, MessageType::Ack, address, bootfile.as_deref());
        let kind = ContactKind::DhcpAck { address, bootfile };
        Some(Answer {
            datagram,
            is_nak: false,
            party: asked.party,
            kind,
            lease: Some(lease),
        })
    }

    /// RFC 2131 section 4.3.5: the client has an address and wants the rest.
    async fn inform(&self, asked: Asked<'_>) -> Option<Answer> {
        let bootfile = self.boot_file(&asked).await?;
        let none = Ipv4Addr::UNSPECIFIED;
        let datagram = self.grant(&asked, MessageType::Ack, none, bootfile.as_deref());
        let kind = ContactKind::DhcpAck {
            address: asked.request.ciaddr,
            bootfile,
        };
        Some(Answer {
            datagram,
            is_nak: false,
            party: asked.party,
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
        answer::grant(&self.endpoints, asked.request, &grant)
    }

    fn allocate(&self, asked: &Asked<'_>, wanted: Option<Ipv4Addr>) -> Option<Ipv4Addr> {
        let Asked {
            request,
            host,
            subnet,
            ..
        } = asked;
        self.leases
            .offer(request.mac, host.node, subnet, wanted, Timestamp::now())
            .ok()
    }

    /// The boot file by the directory's decision; the outer `None` where that came too late, and
    /// then the client asks again.
    async fn boot_file(&self, asked: &Asked<'_>) -> Option<Option<String>> {
        let client = &asked.request.client;
        if client.stage == BootStage::System || !asked.host.pxe_enabled {
            return Some(None);
        }
        let decision = self.directory.decision(&asked.host, client);
        let Ok(decision) = timeout(DIRECTORY_DEADLINE, decision).await else {
            return self.ignore(&asked.party, IgnoreReason::DirectoryTooSlow);
        };
        Some(answer::boot_file(
            &self.endpoints,
            &asked.host,
            client,
            &decision,
        ))
    }

    fn ignore<T>(&self, party: &Party, reason: IgnoreReason) -> Option<T> {
        self.reporter
            .report(party, ContactKind::DhcpIgnored { reason });
        None
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

#[cfg(test)]
impl Answer {
    /// An answer whose content does not matter.
    pub(super) fn for_test(is_nak: bool) -> Self {
        let (datagram, party) = (Vec::new(), Party::default());
        Self {
            datagram,
            is_nak,
            party,
            kind: ContactKind::DhcpDiscover,
            lease: None,
        }
    }
}
