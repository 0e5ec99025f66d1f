//! ProxyDHCP (PXE specification 2.1, section 2.2): another server hands out addresses, and we tell
//! enrolled machines what to boot.
//!
//! A PXE or HTTP boot client that broadcasts its DISCOVER takes two offers: an address from the
//! other server, and from us an offer without one that names the boot file. UEFI's PXE client then
//! asks our boot server (port 4011) for the file's name; the others take it from the offer. The
//! other server's answers are never touched, and machines that only want an address hear nothing.

use std::net::{Ipv4Addr, SocketAddr};

use dhcproto::v4::MessageType;
use jiff::Timestamp;

use super::answer;
use super::caller::{Answer, Caller, Callers, Unidentified};
use super::request::DhcpRequest;
use crate::boot::client::{BootStage, ClientArchitecture};
use crate::boot::contact::ContactKind;

/// The port of the PXE boot server (PXE specification 2.1, section 2.2.3).
pub(crate) const BOOT_SERVER_PORT: u16 = 4011;

/// Which of our two sockets a message came in on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxyPort {
    /// Port 67, by broadcast or relay.
    Dhcp,
    /// Port 4011, from a client that has its address.
    BootServer,
}

/// All that an answer depends on.
pub(crate) struct Proxy {
    pub(crate) callers: Callers,
    pub(crate) port: ProxyPort,
}

impl Proxy {
    /// Works out the answer to a message that has just come; `None` where there is none to give.
    pub(crate) async fn answer(
        &self,
        request: &DhcpRequest,
        source: SocketAddr,
        now: Timestamp,
    ) -> Option<Answer> {
        let caller = match self.callers.identify(request, source).await {
            Ok(caller) => caller,
            // Beside another server strangers are the rule; only those that would boot are told of.
            Err(Unidentified(..)) if request.client.stage == BootStage::System => return None,
            Err(Unidentified(party, reason)) => return self.callers.ignore(&party, reason),
        };
        match request.message {
            MessageType::Discover => self.discover(request, caller).await,
            MessageType::Request => self.request(request, caller, now).await,
            MessageType::Inform => self.acknowledge(request, caller, now).await,
            MessageType::Decline => {
                let address = request.requested.unwrap_or(request.ciaddr);
                self.report(&caller, ContactKind::DhcpDecline { address });
                None
            }
            MessageType::Release => {
                let address = request.ciaddr;
                self.report(&caller, ContactKind::DhcpRelease { address });
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

    async fn discover(&self, request: &DhcpRequest, caller: Caller) -> Option<Answer> {
        self.report(&caller, ContactKind::DhcpDiscover);
        // A machine that goes on to its disk gets no offer: its firmware has then nothing to boot.
        let file = self.callers.boot_file(request, &caller).await??;
        let named = !asks_boot_server(request);
        let datagram = answer::proxy(
            &self.callers.endpoints,
            request,
            MessageType::Offer,
            named.then_some(file.as_str()),
        );
        let kind = ContactKind::ProxyDhcpOffer { bootfile: file };
        Some(answer(datagram, caller, kind))
    }

    /// A REQUEST by broadcast is meant for the other server, and tells which address the machine
    /// has taken; one that names us, or came to our own port, is for us.
    async fn request(
        &self,
        request: &DhcpRequest,
        caller: Caller,
        now: Timestamp,
    ) -> Option<Answer> {
        let ours = self.callers.endpoints.address;
        if self.port == ProxyPort::BootServer || request.server == Some(ours) {
            return self.acknowledge(request, caller, now).await;
        }
        let address = request.requested.unwrap_or(request.ciaddr);
        self.learn(&caller, address, now);
        let server = request.server;
        self.report(&caller, ContactKind::DhcpTaken { address, server });
        None
    }

    async fn acknowledge(
        &self,
        request: &DhcpRequest,
        caller: Caller,
        now: Timestamp,
    ) -> Option<Answer> {
        self.learn(&caller, request.ciaddr, now);
        let file = self.callers.boot_file(request, &caller).await??;
        let datagram = answer::proxy(
            &self.callers.endpoints,
            request,
            MessageType::Ack,
            Some(&file),
        );
        let kind = ContactKind::ProxyDhcpAck { bootfile: file };
        Some(answer(datagram, caller, kind))
    }

    /// Remembers the address that the other server gave, so that the machine is known when it
    /// loads its loader.
    fn learn(&self, caller: &Caller, address: Ipv4Addr, now: Timestamp) {
        if !address.is_unspecified() {
            let host = &caller.host;
            self.callers
                .leases
                .observe(host.mac, host.node, address, now);
        }
    }

    fn report(&self, caller: &Caller, kind: ContactKind) {
        self.callers.reporter.report(&caller.party, kind);
    }
}

fn answer(datagram: Vec<u8>, caller: Caller, kind: ContactKind) -> Answer {
    Answer {
        datagram,
        is_nak: false,
        party: caller.party,
        kind,
    }
}

/// UEFI's PXE client takes the boot file from the boot server on port 4011, not from the offer:
/// an offer without PXE options (a "BINL offer") sends it there.
fn asks_boot_server(request: &DhcpRequest) -> bool {
    request.client.stage == BootStage::PxeRom
        && request
            .client
            .architecture
            .and_then(ClientArchitecture::is_uefi)
            .unwrap_or(false)
}
