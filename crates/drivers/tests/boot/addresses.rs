//! Which address a machine gets: kept over restarts, reserved for it, free on the network, and of
//! its own network behind a relay.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cupola_api::MacAddress;
use cupola_drivers::boot::contact::IgnoreReason;
use cupola_drivers::boot::{
    AddressService, ContactKind, DhcpConfig, DhcpService, Lease, LeaseStore, LeaseStoreError,
    ServedSubnet, Subnet,
};
use dhcproto::v4::{DhcpOption, Message, MessageType};
use parking_lot::Mutex;

use super::dhcp::{ask_at, message, pxe};
use super::lab::{
    LOCAL, Lab, NETBOOTS, RESERVATION, RESERVED, RESERVED_IN_POOL, lab, lab_over, lab_with,
};
use super::network::{Host, bridge, inside, run};

const US: Ipv4Addr = Ipv4Addr::new(10, 231, 0, 1);

async fn ask(lab: &Lab, message: &Message) -> Option<Message> {
    ask_at(lab.services.dhcp_address().unwrap(), message).await
}

/// From DISCOVER to the granted address.
async fn lease(lab: &Lab, mac: MacAddress) -> Option<Ipv4Addr> {
    let offer = ask(lab, &message(mac, MessageType::Discover, pxe(0))).await?;
    let options = vec![
        DhcpOption::RequestedIpAddress(offer.yiaddr()),
        DhcpOption::ServerIdentifier(Ipv4Addr::LOCALHOST),
    ];
    let ack = ask(lab, &message(mac, MessageType::Request, options)).await?;
    assert!(ack.opts().has_msg_type(MessageType::Ack));
    Some(ack.yiaddr())
}

/// Keeps leases as a database does, or refuses to.
#[derive(Default)]
struct Kept {
    leases: Mutex<HashMap<MacAddress, Lease>>,
    writes: Mutex<usize>,
    is_full: Mutex<bool>,
}

#[async_trait]
impl LeaseStore for Kept {
    async fn load(&self) -> Result<Vec<Lease>, LeaseStoreError> {
        Ok(self.leases.lock().values().cloned().collect())
    }

    async fn save(&self, leases: &[Lease]) -> Result<Vec<Lease>, LeaseStoreError> {
        if *self.is_full.lock() {
            return Err(LeaseStoreError("the disk is full".to_owned()));
        }
        *self.writes.lock() += 1;
        for lease in leases {
            self.leases.lock().insert(lease.mac, lease.clone());
        }
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn a_granted_address_is_its_machines_after_a_crash() {
    let store = Arc::new(Kept::default());
    let before = lab_over(store.clone()).await;
    let address = lease(&before, NETBOOTS).await.unwrap();
    // The ROM, iPXE and the ramdisk ask one after the other: one write.
    for _ in 0..2 {
        assert_eq!(lease(&before, NETBOOTS).await, Some(address));
    }
    assert_eq!(*store.writes.lock(), 1);
    // No goodbye: the services are just gone.
    drop(before);
    let after = lab_over(store.clone()).await;
    let wants = vec![DhcpOption::RequestedIpAddress(address)];
    let other = message(LOCAL, MessageType::Discover, wants);
    assert_ne!(ask(&after, &other).await.unwrap().yiaddr(), address);
    assert_eq!(lease(&after, NETBOOTS).await, Some(address));
}

#[tokio::test]
async fn a_lease_that_cannot_be_kept_is_not_granted() {
    let store = Arc::new(Kept::default());
    *store.is_full.lock() = true;
    let lab = lab_over(store.clone()).await;
    assert_eq!(lease(&lab, NETBOOTS).await, None);
    let reason = IgnoreReason::LeaseNotKept;
    let last = lab.contacts.kinds().pop();
    assert_eq!(last, Some(ContactKind::DhcpIgnored { reason }));
    *store.is_full.lock() = false;
    assert!(lease(&lab, NETBOOTS).await.is_some());
}

#[tokio::test]
async fn a_reserved_address_is_given_and_a_declined_one_is_not_given_again() {
    let lab = lab().await;
    assert_eq!(lease(&lab, RESERVED).await, Some(RESERVATION));
    let address = lease(&lab, NETBOOTS).await.unwrap();
    let used = vec![
        DhcpOption::RequestedIpAddress(address),
        DhcpOption::ServerIdentifier(Ipv4Addr::LOCALHOST),
    ];
    let decline = message(NETBOOTS, MessageType::Decline, used);
    assert_eq!(ask(&lab, &decline).await, None);
    let next = lease(&lab, NETBOOTS).await.unwrap();
    assert_ne!(next, address);
    let declined = ContactKind::DhcpDecline { address };
    assert!(lab.contacts.kinds().contains(&declined));
}

#[tokio::test]
async fn a_reserved_address_is_kept_for_a_machine_that_never_asked() {
    let lab = lab().await;
    // Inside the pool, for a machine that is off.
    let wants = vec![DhcpOption::RequestedIpAddress(RESERVED_IN_POOL)];
    let offer = ask(&lab, &message(NETBOOTS, MessageType::Discover, wants)).await;
    let address = offer.unwrap().yiaddr();
    assert_ne!(address, RESERVED_IN_POOL);
    // As one that had it before it was reserved comes back for it.
    let keeps = vec![DhcpOption::RequestedIpAddress(RESERVED_IN_POOL)];
    let answer = ask(&lab, &message(NETBOOTS, MessageType::Request, keeps)).await;
    assert!(answer.unwrap().opts().has_msg_type(MessageType::Nak));
}

/// What several servers share: the first who leases an address has it.
#[derive(Clone, Default)]
struct Shared {
    server: u8,
    leases: Arc<Mutex<HashMap<Ipv4Addr, (u8, Lease)>>>,
}

#[async_trait]
impl LeaseStore for Shared {
    async fn load(&self) -> Result<Vec<Lease>, LeaseStoreError> {
        Ok(Vec::new())
    }

    async fn save(&self, leases: &[Lease]) -> Result<Vec<Lease>, LeaseStoreError> {
        let mut kept = self.leases.lock();
        let mut others = Vec::new();
        for lease in leases {
            let (server, held) = kept
                .entry(lease.address)
                .or_insert_with(|| (self.server, lease.clone()));
            if *server != self.server {
                others.push(held.clone());
            }
        }
        Ok(others)
    }
}

#[tokio::test]
async fn two_servers_over_one_store_never_lease_one_address_twice() {
    let first = Shared::default();
    let second = Shared {
        server: 1,
        ..first.clone()
    };
    let (here, there) = (
        lab_over(Arc::new(first)).await,
        lab_over(Arc::new(second)).await,
    );
    let address = lease(&here, NETBOOTS).await.unwrap();
    let wants = || vec![DhcpOption::RequestedIpAddress(address)];
    let discover = || message(LOCAL, MessageType::Discover, wants());
    // The other server does not know of it when it offers, and finds out before it grants.
    let offer = ask(&there, &discover()).await.unwrap();
    assert_eq!(offer.yiaddr(), address);
    let mut options = wants();
    options.push(DhcpOption::ServerIdentifier(Ipv4Addr::LOCALHOST));
    let request = message(LOCAL, MessageType::Request, options);
    let answer = ask(&there, &request).await.unwrap();
    assert!(answer.opts().has_msg_type(MessageType::Nak));
    let offer = ask(&there, &discover()).await.unwrap();
    assert_ne!(offer.yiaddr(), address);
    assert_eq!(lease(&there, LOCAL).await, Some(offer.yiaddr()));
}

fn subnet(network: &str, first: [u8; 4], last: [u8; 4], router: Option<[u8; 4]>) -> ServedSubnet {
    ServedSubnet {
        subnet: Subnet {
            network: network.parse().unwrap(),
            first: first.into(),
            last: last.into(),
            router: router.map(Ipv4Addr::from),
            dns: Vec::new(),
        },
        lease_time: Duration::from_secs(600),
    }
}

async fn served(subnets: Vec<ServedSubnet>) -> Lab {
    let service = DhcpService::Addresses(AddressService {
        subnets,
        detect_conflicts: true,
    });
    let dhcp = DhcpConfig::standard(Some("prov0".to_owned()), service);
    lab_with(dhcp, SocketAddrV4::new(US, 0), US).await
}

/// What busybox's client got, as `name=value` lines.
async fn udhcpc(lab: &Lab, host: &Host, more: &str) -> String {
    let script = lab.files.path().join("show");
    std::fs::write(&script, "#!/bin/sh\n[ \"$1\" = bound ] && env\nexit 0\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let script = script.to_str().unwrap();
    host.run(&format!(
        "busybox udhcpc -i eth0 -f -q -n -t 5 -T 2{more} -s {script}"
    ))
    .await
}

#[tokio::test]
async fn an_address_in_use_is_found_before_it_is_offered() {
    let name = "addresses::an_address_in_use_is_found_before_it_is_offered";
    if !inside(name, &["ip", "busybox", "nsenter"]).await {
        return;
    }
    bridge("prov0", "10.231.0.1/24").await;
    let (machine, squatter) = (Host::new().await, Host::new().await);
    let holder = MacAddress::new([2, 0, 0, 0, 0, 0x66]);
    machine.plug("eth0", NETBOOTS, "prov0", "machine").await;
    squatter.plug("eth0", holder, "prov0", "squatter").await;
    squatter.run("ip addr add 10.231.0.100/24 dev eth0").await;
    let (first, last) = ([10, 231, 0, 100], [10, 231, 0, 101]);
    let lab = served(vec![subnet("10.231.0.0/24", first, last, None)]).await;
    let bound = udhcpc(&lab, &machine, " -r 10.231.0.100").await;
    assert!(bound.contains("ip=10.231.0.101\n"), "{bound}");
    let conflict = ContactKind::DhcpConflict {
        address: Ipv4Addr::from(first),
        holder: Some(holder),
    };
    assert!(lab.contacts.kinds().contains(&conflict));
}

#[tokio::test]
async fn behind_a_real_relay_each_network_has_its_own_addresses() {
    let name = "addresses::behind_a_real_relay_each_network_has_its_own_addresses";
    if !inside(name, &["ip", "busybox", "nsenter", "dnsmasq"]).await {
        return;
    }
    bridge("prov0", "10.231.0.1/24").await;
    bridge("far0", "192.0.2.1/32").await;
    run("ip route add 10.232.0.0/24 via 10.231.0.3 onlink dev prov0").await;
    let (machine, relay) = (Host::new().await, Host::new().await);
    let near = MacAddress::new([2, 0, 0, 0, 0, 0x31]);
    let far = MacAddress::new([2, 0, 0, 0, 0, 0x32]);
    relay.plug("eth0", near, "prov0", "relay-near").await;
    relay.plug("eth1", far, "far0", "relay-far").await;
    machine.plug("eth0", NETBOOTS, "far0", "machine").await;
    relay.run("ip addr add 10.231.0.3/24 dev eth0").await;
    relay.run("ip addr add 10.232.0.1/24 dev eth1").await;
    let _relaying = relay
        .dnsmasq(
            "DHCP relay from",
            &[
                "--port=0",
                "--conf-file=/dev/null",
                "--dhcp-relay=10.232.0.1,10.231.0.1",
            ],
        )
        .await;
    let far = [[10, 232, 0, 50], [10, 232, 0, 60]];
    let lab = served(vec![
        subnet("10.231.0.0/24", [10, 231, 0, 100], [10, 231, 0, 101], None),
        subnet("10.232.0.0/24", far[0], far[1], Some([10, 232, 0, 1])),
    ])
    .await;
    let rom = " -V PXEClient:Arch:00000:UNDI:002001 -x 0x5d:0000 -O bootfile -O router";
    let bound = udhcpc(&lab, &machine, rom).await;
    let has = |start: &str| bound.lines().any(|line| line.starts_with(start));
    for line in [
        "ip=10.232.0.",
        "router=10.232.0.1",
        "lease=600",
        "boot_file=undionly.kpxe",
    ] {
        assert!(has(line), "{line} is not in {bound}");
    }
}
