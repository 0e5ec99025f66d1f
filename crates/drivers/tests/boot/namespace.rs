//! DHCP by broadcast on an interface, with busybox's client, in a network namespace.
//!
//! The test runs itself again inside a fresh namespace, where a veth pair is the provisioning
//! network: the server on one end, the client on the other.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::fs::PermissionsExt;

use cupola_drivers::boot::{ContactKind, DhcpConfig, Subnet, interface_address};

use super::lab::{client, lab_with};

const INSIDE: &str = "CUPOLA_TEST_INSIDE_NAMESPACE";
const NAME: &str = "namespace::a_foreign_client_gets_its_lease_by_broadcast";
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 231, 0, 1);

#[tokio::test]
async fn a_foreign_client_gets_its_lease_by_broadcast() {
    if std::env::var_os(INSIDE).is_some() {
        return inside().await;
    }
    for program in ["ip", "busybox"] {
        if client(program, &[]).await.is_none() {
            return;
        }
    }
    let probe = client("unshare", &["-rn", "true"]).await;
    if !probe.as_ref().is_some_and(|output| output.status.success()) {
        println!("SKIPPED: network namespaces cannot be made here: {probe:?}");
        return;
    }
    let own = std::env::current_exe().unwrap();
    let variable = format!("{INSIDE}=1");
    let arguments = [
        "-rn",
        "env",
        &variable,
        own.to_str().unwrap(),
        "--exact",
        NAME,
        "--nocapture",
    ];
    let output = client("unshare", &arguments).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{output:?}"
    );
}

async fn run(command: &str) -> String {
    let words: Vec<_> = command.split(' ').collect();
    let output = client(words[0], &words[1..]).await.unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

async fn inside() {
    run("ip link set lo up").await;
    run("ip link add prov0 type veth peer name machine0 address 02:00:00:00:00:01").await;
    run("ip addr add 10.231.0.1/24 dev prov0").await;
    run("ip link set prov0 up").await;
    run("ip link set machine0 up").await;
    assert_eq!(interface_address("prov0").unwrap(), Some(ADDRESS));

    let subnet = Subnet {
        network: "10.231.0.0/24".parse().unwrap(),
        first: Ipv4Addr::new(10, 231, 0, 100),
        last: Ipv4Addr::new(10, 231, 0, 110),
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
    lab.services.stop().await;
    assert!(
        lab.contacts
            .kinds()
            .iter()
            .any(|kind| matches!(kind, ContactKind::DhcpAck { .. }))
    );
}
