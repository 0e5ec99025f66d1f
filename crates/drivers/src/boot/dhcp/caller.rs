//! Who asks, and what it should boot: what the address service and proxyDHCP have in common.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::time::timeout;

use super::answer::{self, Endpoints};
use super::request::DhcpRequest;
use crate::boot::DIRECTORY_DEADLINE;
use crate::boot::client::BootStage;
use crate::boot::contact::{ContactKind, IgnoreReason};
use crate::boot::directory::{BootDirectory, BootHost};
use crate::boot::leases::{LeaseTable, Reservations};
use crate::boot::reporter::{Party, Reporter};

/// What every answer depends on.
#[derive(Clone)]
pub(crate) struct Callers {
    pub(crate) endpoints: Endpoints,
    pub(crate) leases: Arc<LeaseTable>,
    pub(crate) directory: Arc<dyn BootDirectory>,
    pub(crate) reporter: Reporter,
}

/// A machine of an enrolled port.
pub(crate) struct Caller {
    pub(crate) host: BootHost,
    pub(crate) party: Party,
}

/// Nobody we know, and why.
pub(crate) struct Unidentified(pub(crate) Party, pub(crate) IgnoreReason);

/// A datagram to send, and what is true once it is sent.
pub(crate) struct Answer {
    pub(crate) datagram: Vec<u8>,
    pub(crate) is_nak: bool,
    pub(crate) party: Party,
    pub(crate) kind: ContactKind,
}

impl Callers {
    /// Who this is; the error says why nothing is answered.
    pub(crate) async fn identify(
        &self,
        request: &DhcpRequest,
        source: SocketAddr,
    ) -> Result<Caller, Unidentified> {
        let mut party = Party {
            mac: Some(request.mac),
            node: None,
            peer: Some(source.ip()),
            client: Some(request.client.clone()),
        };
        let host = match timeout(DIRECTORY_DEADLINE, self.directory.host(&request.mac)).await {
            Ok(Some(host)) => host,
            Ok(None) => return Err(Unidentified(party, IgnoreReason::UnknownMac)),
            Err(_) => return Err(Unidentified(party, IgnoreReason::DirectoryTooSlow)),
        };
        party.node = Some(host.node);
        if request.client.stage != BootStage::System {
            self.leases
                .remember_client(request.mac, request.client.clone());
        }
        Ok(Caller { host, party })
    }

    /// The boot file by the directory's decision; the outer `None` where that came too late, and
    /// then the client asks again.
    pub(crate) async fn boot_file(
        &self,
        request: &DhcpRequest,
        caller: &Caller,
    ) -> Option<Option<String>> {
        let client = &request.client;
        if client.stage == BootStage::System || !caller.host.pxe_enabled {
            return Some(None);
        }
        let decision = self.directory.decision(&caller.host, client);
        let Ok(decision) = timeout(DIRECTORY_DEADLINE, decision).await else {
            return self.ignore(&caller.party, IgnoreReason::DirectoryTooSlow);
        };
        Some(answer::boot_file(
            &self.endpoints,
            &caller.host,
            client,
            &decision,
        ))
    }

    /// What is reserved for anybody; `None` where the directory did not say in time.
    pub(crate) async fn reservations(&self, caller: &Caller) -> Option<Arc<Reservations>> {
        match timeout(DIRECTORY_DEADLINE, self.directory.reservations()).await {
            Ok(Some(reservations)) => Some(reservations),
            Ok(None) | Err(_) => self.ignore(&caller.party, IgnoreReason::DirectoryTooSlow),
        }
    }

    /// Reports why there is no answer.
    pub(crate) fn ignore<T>(&self, party: &Party, reason: IgnoreReason) -> Option<T> {
        self.reporter
            .report(party, ContactKind::DhcpIgnored { reason });
        None
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
        }
    }
}
