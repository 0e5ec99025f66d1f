//! DHCP by broadcast on an interface, with busybox's client, in a network namespace.
//!
//! A veth pair is the provisioning network: the server on one end, the client on the other.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::unix::fs::PermissionsExt;

use cupola_drivers::boot::{ContactKind, DhcpConfig, Subnet, interface_address};
use socket2::{Domain, Protocol, Socket, Type};

use super::lab::lab_with;
use super::network::{inside, run};

const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 231, 0, 1);

#[tokio::test]
async fn a_foreign_client_gets_its_lease_by_broadcast() {
    let name = "namespace::a_foreign_client_gets_its_lease_by_broadcast";
    if inside(name, &["ip", "busybox"]).await {
        in_namespace().await;
    }
}

async fn in_namespace() {
    run("ip link set lo up").await;
    run("ip link add prov0 type veth peer name machine0 address 02:00:00:00:00:01").await;
    run("ip addr add 10.231.0.1/24 dev prov0").await;
    // No duplicate address detection: the addresses can be used at once.
    run("ip link set prov0 addrgenmode none").await;
    run("ip link set machine0 addrgenmode none").await;
    run("ip addr add fe80::1/64 dev prov0 nodad").await;
    run("ip addr add fe80::2/64 dev machine0 nodad").await;
    run("ip link set prov0 up").await;
    run("ip link set machine0 up").await;
    assert_eq!(interface_address("prov0").unwrap(), Some(ADDRESS));

    let subnet = Subnet {
        network: "10.231.0.0/24".parse().unwrap(),
        first: Ipv4Addr::new(10, 231, 0, 100),
        last: Ipv4Addr::new(10, 231, 0, 100),
        router: Some(ADDRESS),
        dns: Vec::new(),
    };
    let dhcp = DhcpConfig::on_interface("prov0", subnet);
    let lab = lab_with(dhcp, SocketAddrV4::new(ADDRESS, 0), ADDRESS).await;
    assert_eq!(
        lab.services.dhcp_address().map(|address| address.port()),
        Some(67)
    );

    let script = lab.files.path().join("show");
    std::fs::write(&script, "#!/bin/sh\n[ \"$1\" = bound ] && env\nexit 0\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let script = script.to_str().unwrap();
    let rom = "-V PXEClient:Arch:00000:UNDI:002001 -x 0x5d:0000 -O bootfile -O tftp -O router";
    // Without and with the broadcast flag: a client without an address can be reached either way.
    for flag in ["", " -B"] {
        let bound = run(&format!(
            "busybox udhcpc -i machine0 -f -q -n -t 5 -T 1{flag} {rom} -s {script}"
        ))
        .await;
        for line in [
            "ip=10.231.0.100",
            "router=10.231.0.1",
            "serverid=10.231.0.1",
            "siaddr=10.231.0.1",
            "boot_file=undionly.kpxe",
            "tftp=10.231.0.1",
        ] {
            assert!(
                bound.lines().any(|other| other == line),
                "{line} is not in {bound}"
            );
        }
    }
    ask_for_router().await;
    lab.services.stop().await;
    assert!(
        lab.contacts
            .kinds()
            .iter()
            .any(|kind| matches!(kind, ContactKind::DhcpAck { .. }))
    );
}

/// As iPXE asks, from the machine's end; the answer ends its wait for IPv6.
async fn ask_for_router() {
    let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6)).unwrap();
    socket.bind_device(Some(b"machine0")).unwrap();
    socket.set_multicast_hops_v6(255).unwrap();
    socket.set_nonblocking(true).unwrap();
    let socket = tokio::net::UdpSocket::from_std(socket.into()).unwrap();
    let index = nix::net::if_::if_nametoindex("machine0").unwrap();
    let all_routers = SocketAddrV6::new("ff02::2".parse().unwrap(), 0, 0, index);
    let solicitation = [133, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 1];
    socket
        .send_to(&solicitation, SocketAddr::from(all_routers))
        .await
        .unwrap();
    let heard = async {
        let mut buffer = [0; 1500];
        loop {
            let (length, peer) = socket.recv_from(&mut buffer).await.unwrap();
            if buffer[0] == 134 {
                return (buffer[..length].to_vec(), peer.ip());
            }
        }
    };
    let heard = tokio::time::timeout(std::time::Duration::from_secs(5), heard).await;
    let (advertisement, from) = heard.unwrap();
    assert_eq!(from, "fe80::1".parse::<std::net::IpAddr>().unwrap());
    // A lifetime of zero: nobody takes us for a router.
    assert_eq!(
        (advertisement.len(), &advertisement[6..8]),
        (16, &[0, 0][..])
    );
}
