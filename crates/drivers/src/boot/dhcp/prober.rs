//! Is an address in use? Looked for before it is first offered (RFC 2131 sections 2.2 and 4.4.1),
//! and after a machine has declined it.

use std::net::Ipv4Addr;
use std::sync::Arc;

use cupola_api::MacAddress;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::arp::ArpProber;
use super::icmp::IcmpProber;

/// Where an address is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// On the interface's own network.
    Local,
    /// Behind a relay.
    Relayed,
}

/// Who has an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// The interface with this MAC address.
    Mac(MacAddress),
    /// Somebody behind a relay.
    Unnamed,
}

impl Holder {
    /// Its MAC address, where it is known.
    pub(crate) const fn mac(self) -> Option<MacAddress> {
        match self {
            Self::Mac(mac) => Some(mac),
            Self::Unnamed => None,
        }
    }
}

/// Looks for addresses. What cannot be asked counts as free: machines must boot all the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prober {
    arp: Option<Arc<ArpProber>>,
    icmp: Option<Arc<IcmpProber>>,
    /// Who has which address, where there is no network to ask.
    #[cfg(any(test, fuzzing))]
    pub(crate) held: Vec<(Ipv4Addr, MacAddress)>,
}

impl Prober {
    /// Opens its sockets and hears answers until told to stop.
    pub(crate) fn start(interface: &str, tracker: &TaskTracker, stop: &CancellationToken) -> Self {
        let arp = opened("ARP", ArpProber::open(interface));
        let icmp = opened("ICMP", IcmpProber::open());
        if let Some(prober) = arp.clone() {
            let stop = stop.clone();
            tracker.spawn(async move { prober.run(&stop).await });
        }
        if let Some(prober) = icmp.clone() {
            let stop = stop.clone();
            tracker.spawn(async move { prober.run(&stop).await });
        }
        Self {
            arp,
            icmp,
            #[cfg(any(test, fuzzing))]
            held: Vec::new(),
        }
    }

    /// Who has the address.
    pub(crate) async fn holder(&self, address: Ipv4Addr, reach: Reach) -> Option<Holder> {
        #[cfg(any(test, fuzzing))]
        if let Some((_, mac)) = self.held.iter().find(|(held, _)| *held == address) {
            return Some(Holder::Mac(*mac));
        }
        let found = match (reach, &self.arp, &self.icmp) {
            (Reach::Local, Some(arp), _) => {
                arp.holder(address).await.map(|mac| mac.map(Holder::Mac))
            }
            (Reach::Relayed, _, Some(icmp)) => {
                let held = icmp.is_held(address).await;
                held.map(|held| held.then_some(Holder::Unnamed))
            }
            (Reach::Local, None, _) | (Reach::Relayed, _, None) => return None,
        };
        found.unwrap_or_else(|error| {
            tracing::debug!(%error, %address, "it cannot be asked who has the address");
            None
        })
    }
}

fn opened<T>(protocol: &str, outcome: std::io::Result<T>) -> Option<Arc<T>> {
    match outcome {
        Ok(prober) => Some(Arc::new(prober)),
        Err(error) => {
            tracing::warn!(
                %error,
                "addresses are offered without looking by {protocol} whether they are in use; \
                 that needs CAP_NET_RAW"
            );
            None
        }
    }
}
