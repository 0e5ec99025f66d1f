//! How the services tell their sink of a contact: one place that adds time and owner.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use cupola_api::{MacAddress, NodeId};
use jiff::Timestamp;

use super::client::ClientSystem;
use super::complaints::Complaints;
use super::contact::{BootContact, ContactKind};
use super::directory::ContactSink;
use super::leases::LeaseTable;

/// Shared by DHCP, TFTP and HTTP.
#[derive(Clone)]
pub(crate) struct Reporter {
    sink: Arc<dyn ContactSink>,
    leases: Arc<LeaseTable>,
    complaints: Arc<Complaints>,
}

/// Whom a contact is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Party {
    pub(crate) mac: Option<MacAddress>,
    pub(crate) node: Option<NodeId>,
    pub(crate) peer: Option<IpAddr>,
    pub(crate) client: Option<ClientSystem>,
}

impl Reporter {
    pub(crate) fn new(sink: Arc<dyn ContactSink>, leases: Arc<LeaseTable>) -> Self {
        Self {
            sink,
            leases,
            complaints: Arc::default(),
        }
    }

    /// Who holds the lease of this peer address.
    pub(crate) fn by_lease(&self, peer: IpAddr) -> Party {
        let lease = as_ipv4(peer).and_then(|address| self.leases.owner(address));
        Party {
            mac: lease.as_ref().map(|lease| lease.mac),
            node: lease.map(|lease| lease.node),
            peer: Some(peer),
            client: None,
        }
    }

    pub(crate) fn report(&self, party: &Party, kind: ContactKind) {
        if kind.is_complaint()
            && self
                .complaints
                .admit(party.mac, &kind.to_string(), Instant::now())
        {
            let mac = party.mac.map(|mac| mac.to_string());
            tracing::warn!(mac, "{kind}");
        } else {
            tracing::debug!(mac = ?party.mac, peer = ?party.peer, "{kind}");
        }
        let Party {
            mac,
            node,
            peer,
            client,
        } = party.clone();
        self.sink.contact(BootContact {
            at: Timestamp::now(),
            mac,
            node,
            peer,
            client,
            kind,
        });
    }
}

fn as_ipv4(address: IpAddr) -> Option<Ipv4Addr> {
    match address.to_canonical() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}
