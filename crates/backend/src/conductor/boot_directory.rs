//! What the boot services ask of the conductor, and tell it: whose a MAC address is, what its node
//! shall boot, and every contact, which goes on the node's timeline.
//!
//! It stands beside the conductor, not behind it: the boot services start first, because drivers
//! need to know their address.

use std::net::Ipv4Addr;
use std::sync::Arc;

use async_trait::async_trait;
use cupola_api::MacAddress;
use cupola_api::event::{BootService, EventKind};
use cupola_api::port::Port;
use cupola_drivers::boot::{
    BootContact, BootDecision, BootDirectory, BootHost, ClientSystem, ContactKind, ContactSink,
    Reservations,
};
use cupola_drivers::ipxe;
use parking_lot::Mutex;

use super::diagnosis::rung_of;
use crate::events::EventBus;
use crate::store::{Store, StoreError};

/// The key of a port's `extra` that reserves an IPv4 address for it.
const RESERVED_ADDRESS: &str = "ip_address";

/// The address reserved for a port; what is no address reserves nothing, and says so in the log.
fn reserved_address(port: &Port) -> Option<Ipv4Addr> {
    let value = port.extra.get(RESERVED_ADDRESS)?;
    let address = value.as_str().and_then(|text| text.parse().ok());
    if address.is_none() {
        tracing::warn!(
            port = %port.uuid, %value,
            "extra.{RESERVED_ADDRESS} is no IPv4 address, such as \"192.0.2.7\"; it is ignored"
        );
    }
    address
}

/// Answers the boot services from the store.
#[derive(Clone, Debug)]
pub struct StoreBootDirectory {
    store: Store,
    /// What is reserved, and as of which change of ports.
    reserved: Arc<Mutex<Option<Reserved>>>,
}

type Reserved = (u64, Arc<Reservations>);

impl StoreBootDirectory {
    /// A directory over this store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        let reserved = Arc::default();
        Self { store, reserved }
    }

    async fn read_reservations(&self) -> Result<Arc<Reservations>, StoreError> {
        let ports = self.store.ports_with_extra(RESERVED_ADDRESS).await?;
        let reserved = ports
            .iter()
            .filter_map(|port| Some((reserved_address(port)?, port.address)));
        Ok(Arc::new(reserved.collect()))
    }
}

#[async_trait]
impl BootDirectory for StoreBootDirectory {
    async fn host(&self, mac: &MacAddress) -> Option<BootHost> {
        let port = self.store.port_by_address(*mac).await.ok()??;
        let node = self.store.node_by_id(port.node_uuid).await.ok()?;
        Some(BootHost {
            node: node.uuid,
            mac: *mac,
            name: node.display_name(),
            pxe_enabled: port.pxe_enabled,
            loader: ipxe::loader(&node),
            address: reserved_address(&port),
        })
    }

    async fn decision(&self, host: &BootHost, _: &ClientSystem) -> BootDecision {
        match self.store.node_by_id(host.node).await {
            Ok(node) => ipxe::decision(&node),
            Err(_) => BootDecision::Local,
        }
    }

    /// Read anew after every change of ports; where another process may change them, each time.
    async fn reservations(&self) -> Option<Arc<Reservations>> {
        let Some(changes) = self.store.port_changes() else {
            return self.read_reservations().await.ok();
        };
        if let Some((known, reservations)) = &*self.reserved.lock()
            && *known == changes
        {
            return Some(Arc::clone(reservations));
        }
        let reservations = self.read_reservations().await.ok()?;
        *self.reserved.lock() = Some((changes, Arc::clone(&reservations)));
        Some(reservations)
    }
}

/// Puts contacts on timelines.
#[derive(Clone, Debug)]
pub struct TimelineSink {
    events: EventBus,
}

impl TimelineSink {
    /// A sink into these events.
    #[must_use]
    pub const fn new(events: EventBus) -> Self {
        Self { events }
    }
}

impl ContactSink for TimelineSink {
    fn contact(&self, contact: BootContact) {
        let (service, ok) = classify(&contact.kind);
        let message = told(&contact);
        let kind = EventKind::BootContact {
            service,
            mac: contact.mac,
            message,
            ok,
            rung: rung_of(&contact),
        };
        self.events.publish(contact.node, kind);
    }
}

/// What a person reads of a contact. Firmware, iPXE and ramdisk ask in the same words; who asks is
/// said with them.
fn told(contact: &BootContact) -> String {
    let text = contact.kind.to_string();
    let (ContactKind::DhcpDiscover, Some(client)) = (&contact.kind, &contact.client) else {
        return text;
    };
    match client.architecture {
        Some(architecture) => format!("{text} by {}, {architecture}", client.stage),
        None => format!("{text} by {}", client.stage),
    }
}

fn classify(kind: &ContactKind) -> (BootService, bool) {
    match kind {
        ContactKind::DhcpDiscover
        | ContactKind::DhcpOffer { .. }
        | ContactKind::DhcpRequest { .. }
        | ContactKind::DhcpAck { .. }
        | ContactKind::DhcpRelease { .. }
        | ContactKind::ProxyDhcpOffer { .. }
        | ContactKind::ProxyDhcpAck { .. }
        | ContactKind::DhcpTaken { .. } => (BootService::Dhcp, true),
        ContactKind::DhcpNak { .. }
        | ContactKind::DhcpOtherServer { .. }
        | ContactKind::DhcpConflict { .. }
        | ContactKind::DhcpDecline { .. }
        | ContactKind::DhcpIgnored { .. } => (BootService::Dhcp, false),
        ContactKind::TftpStarted { .. } | ContactKind::TftpDone { .. } => (BootService::Tftp, true),
        kind @ ContactKind::TftpFailed { .. } => (BootService::Tftp, kind.is_size_query()),
        ContactKind::ScriptServed { .. } | ContactKind::HttpStarted { .. } => {
            (BootService::Http, true)
        }
        ContactKind::HttpDone {
            status, complete, ..
        } => (BootService::Http, *complete && *status < 400),
    }
}
