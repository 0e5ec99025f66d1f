//! What the boot services ask of the conductor, and tell it: whose a MAC address is, what its node
//! shall boot, and every contact, which goes on the node's timeline.
//!
//! It stands beside the conductor, not behind it: the boot services start first, because drivers
//! need to know their address.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use cupola_api::MacAddress;
use cupola_api::event::{BootService, EventKind};
use cupola_api::id::NodeId;
use cupola_drivers::boot::{
    BootContact, BootDecision, BootDirectory, BootHost, ClientSystem, ContactKind, ContactSink,
};
use cupola_drivers::ipxe;
use jiff::Timestamp;
use parking_lot::Mutex;

use crate::events::EventBus;
use crate::store::Store;

/// The highest rung of the boot ladder that each node has reached since it was last powered.
#[derive(Clone, Debug, Default)]
pub struct Rungs {
    reached: Arc<Mutex<HashMap<NodeId, Rung>>>,
}

#[derive(Clone, Debug)]
struct Rung {
    service: BootService,
    what: String,
    at: Timestamp,
}

impl Rungs {
    /// Notes a contact. A new DHCP discovery is a new boot.
    pub(super) fn reached(&self, node: NodeId, service: BootService, what: &str) {
        let rung = Rung {
            service,
            what: what.to_owned(),
            at: Timestamp::now(),
        };
        self.reached.lock().insert(node, rung);
    }

    pub(super) fn forget(&self, node: NodeId) {
        self.reached.lock().remove(&node);
    }

    /// Which rung was the last, and what to look at.
    pub(super) fn explain(&self, node: NodeId) -> String {
        let Some(rung) = self.reached.lock().get(&node).cloned() else {
            return "The machine contacted no boot service: see whether it is powered on, whether \
                    its boot device is the network, whether a port has the MAC address of the \
                    interface it boots from, and whether that interface is on the provisioning \
                    network."
                .to_owned();
        };
        let next = match rung.service {
            BootService::Dhcp => {
                "It got no further than DHCP: see whether another DHCP server answers on the \
                 provisioning network, and whether TFTP (UDP port 69) is open to this host."
            }
            BootService::Tftp => {
                "It loaded a boot loader, which did not come back: see the machine's console, and \
                 whether the loader fits its firmware (BIOS or UEFI, Secure Boot)."
            }
            BootService::Http => {
                "It loaded the ramdisk, whose agent never asked for its node: see the machine's \
                 console for a kernel or network failure, and whether it reaches the API's address."
            }
            BootService::Lookup => {
                "Its agent found its node and sent no heartbeat: see the agent's log on the \
                 machine's console, and whether the API is reachable from it."
            }
            BootService::Heartbeat => {
                "Its agent sent heartbeats and then fell silent: see the machine's console and its \
                 network, then start the action again."
            }
        };
        format!("Last seen: {} ({}). {next}", rung.what, rung.at)
    }
}

/// Answers the boot services from the store.
#[derive(Clone, Debug)]
pub struct StoreBootDirectory {
    store: Store,
}

impl StoreBootDirectory {
    /// A directory over this store.
    #[must_use]
    pub const fn new(store: Store) -> Self {
        Self { store }
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
        })
    }

    async fn decision(&self, host: &BootHost, _: &ClientSystem) -> BootDecision {
        match self.store.node_by_id(host.node).await {
            Ok(node) => ipxe::decision(&node),
            Err(_) => BootDecision::Local,
        }
    }
}

/// Puts contacts on timelines.
#[derive(Clone, Debug)]
pub struct TimelineSink {
    events: EventBus,
    rungs: Rungs,
}

impl TimelineSink {
    /// A sink into these events.
    #[must_use]
    pub const fn new(events: EventBus, rungs: Rungs) -> Self {
        Self { events, rungs }
    }
}

impl ContactSink for TimelineSink {
    fn contact(&self, contact: BootContact) {
        let (service, ok) = classify(&contact.kind);
        let message = contact.kind.to_string();
        if let Some(node) = contact.node {
            self.rungs.reached(node, service, &message);
        }
        let kind = EventKind::BootContact {
            service,
            mac: contact.mac,
            message,
            ok,
        };
        self.events.publish(contact.node, kind);
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
        | ContactKind::DhcpDecline { .. }
        | ContactKind::DhcpIgnored { .. } => (BootService::Dhcp, false),
        ContactKind::TftpStarted { .. } | ContactKind::TftpDone { .. } => (BootService::Tftp, true),
        ContactKind::TftpFailed { .. } => (BootService::Tftp, false),
        ContactKind::ScriptServed { .. } | ContactKind::HttpStarted { .. } => {
            (BootService::Http, true)
        }
        ContactKind::HttpDone {
            status, complete, ..
        } => (BootService::Http, *complete && *status < 400),
    }
}
