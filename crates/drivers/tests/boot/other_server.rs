//! Beside a real dnsmasq: proxyDHCP, where it hands out addresses, and nothing of ours in DHCP,
//! where it does all of it by the configuration that we print.

use std::net::{Ipv4Addr, SocketAddrV4};

use cupola_api::MacAddress;
use cupola_drivers::boot::{
    ContactKind, DhcpConfig, DnsmasqConfig, Loader, LoaderNames, ServedSubnet, Subnet,
};
use dhcproto::v4::{DhcpOption, Message, MessageType, OptionCode};

use super::firmware::{Firmware, Program, boot_file};
use super::lab::{Lab, NETBOOTS, STRANGER, lab_with, loader};
use super::network::{Host, bridge, inside, run};

const US: Ipv4Addr = Ipv4Addr::new(10, 231, 0, 1);
const OTHER: Ipv4Addr = Ipv4Addr::new(10, 231, 0, 2);

/// Our network with a host for the other server on it, and a machine.
async fn hosts() -> (Host, Host) {
    bridge("prov0", "10.231.0.1/24").await;
    let (server, machine) = (Host::new().await, Host::new().await);
    let mac = MacAddress::new([2, 0, 0, 0, 0, 0x22]);
    server.plug("eth0", mac, "prov0", "server").await;
    server.run("ip addr add 10.231.0.2/24 dev eth0").await;
    machine.plug("eth0", NETBOOTS, "prov0", "machine").await;
    (server, machine)
}

async fn services(dhcp: Option<DhcpConfig>) -> Lab {
    lab_with(dhcp, SocketAddrV4::new(US, 0), US).await
}

/// Loads the file from our TFTP server, at the address that the machine was given.
async fn loads(lab: &Lab, machine: &Host, address: Ipv4Addr, file: &str) {
    machine
        .run(&format!("ip addr replace {address}/24 dev eth0"))
        .await;
    let target = lab.files.path().join("loaded");
    let server = lab.services.tftp_address().unwrap();
    machine
        .run(&format!(
            "curl -sS --max-time 20 -o {} tftp://{server}/{file}",
            target.display()
        ))
        .await;
    assert!(std::fs::read(&target).unwrap() == loader());
}

fn from(server: Ipv4Addr, messages: &[Message]) -> &Message {
    let named = DhcpOption::ServerIdentifier(server);
    let found = messages
        .iter()
        .find(|message| message.opts().get(OptionCode::ServerIdentifier) == Some(&named));
    found.unwrap_or_else(|| panic!("nothing of {server} in {messages:?}"))
}

#[tokio::test]
async fn as_proxy_we_name_the_boot_file_and_dnsmasq_the_address() {
    let name = "other_server::as_proxy_we_name_the_boot_file_and_dnsmasq_the_address";
    if !inside(name, &["ip", "busybox", "nsenter", "dnsmasq", "curl"]).await {
        return;
    }
    let (server, machine) = hosts().await;
    let range = "--dhcp-range=10.231.0.100,10.231.0.150,255.255.255.0,1h";
    let arguments = [
        "--port=0",
        "--conf-file=/dev/null",
        "--interface=eth0",
        range,
    ];
    let _serving = server.dnsmasq("DHCP, IP range", &arguments).await;
    let survey = || cupola_drivers::boot::dhcp::survey::servers_on("prov0");
    let seen = tokio::task::spawn_blocking(survey).await.unwrap().unwrap();
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [OTHER]);
    let lab = services(Some(DhcpConfig::proxy_on_interface("prov0", US))).await;
    let base = lab.services.http_url().to_string();
    let script = format!("{base}boot/02-00-00-00-00-01/script.ipxe");
    let firmware = Firmware::on(&machine, NETBOOTS);
    for (program, file) in [
        (Program::Bios, "undionly.kpxe"),
        (Program::Uefi, "snponly.efi"),
        (Program::UefiHttp, &format!("{base}loaders/ipxe.efi")),
        (Program::Ipxe, &script),
    ] {
        machine.run("ip addr flush dev eth0").await;
        let discover = firmware.message(program, MessageType::Discover, Vec::new());
        firmware.broadcast(&discover).await;
        let offers = firmware.answers(&discover, 2).await;
        let (address, proxy) = (from(OTHER, &offers), from(US, &offers));
        assert_eq!(proxy.yiaddr(), Ipv4Addr::UNSPECIFIED);
        let ack = firmware.take(program, address).await;
        assert_eq!(ack.yiaddr(), address.yiaddr());
        assert_eq!(boot_file(&ack), None);
        if program == Program::Uefi {
            assert_eq!(boot_file(proxy), None);
            let given = ack.yiaddr();
            machine
                .run(&format!("ip addr add {given}/24 dev eth0"))
                .await;
            let mut asks = firmware.message(program, MessageType::Request, Vec::new());
            asks.set_ciaddr(given);
            let boot_server = (proxy.siaddr(), 4011).into();
            firmware.send(&asks, boot_server).await;
            let acks = firmware.answers(&asks, 1).await;
            assert_eq!(boot_file(from(US, &acks)).as_deref(), Some(file));
        } else {
            assert_eq!(boot_file(proxy).as_deref(), Some(file));
        }
        if [Program::Bios, Program::Uefi].contains(&program) {
            loads(&lab, &machine, ack.yiaddr(), file).await;
        }
    }
    // Somebody else's machine is none of our business.
    let other = Host::new().await;
    other.plug("eth0", STRANGER, "prov0", "stranger").await;
    let got = other
        .run("busybox udhcpc -i eth0 -f -q -n -t 5 -T 1 -s /bin/true")
        .await;
    lab.services.stop().await;
    let contacts = lab.contacts.0.lock();
    assert!(
        contacts.iter().all(|contact| contact.mac == Some(NETBOOTS)),
        "{got}"
    );
    let loaded = contacts
        .iter()
        .filter(|contact| matches!(contact.kind, ContactKind::TftpDone { .. }));
    assert_eq!(loaded.count(), 2);
    let taken = contacts.iter().filter(|contact| {
        matches!(
            contact.kind,
            ContactKind::DhcpTaken {
                server: Some(OTHER),
                ..
            }
        )
    });
    assert_eq!(taken.count(), 4);
}

#[tokio::test]
async fn a_dnsmasq_with_our_configuration_leads_machines_to_us() {
    let name = "other_server::a_dnsmasq_with_our_configuration_leads_machines_to_us";
    if !inside(name, &["ip", "nsenter", "dnsmasq", "curl"]).await {
        return;
    }
    let (server, machine) = hosts().await;
    let lab = services(None).await;
    let base = lab.services.http_url().to_string();
    let subnet = Subnet {
        network: "10.231.0.0/24".parse().unwrap(),
        first: Ipv4Addr::new(10, 231, 0, 100),
        last: Ipv4Addr::new(10, 231, 0, 150),
        router: Some(US),
        dns: Vec::new(),
    };
    let lease_time = std::time::Duration::from_secs(900);
    let config = DnsmasqConfig {
        interface: Some("eth0"),
        address: US,
        http: lab.services.http_url(),
        loader: Loader::Ipxe,
        loaders: &LoaderNames::default(),
        subnets: &[ServedSubnet { subnet, lease_time }],
    };
    let file = lab.files.path().join("dnsmasq.conf");
    std::fs::write(&file, config.render()).unwrap();
    let argument = format!("--conf-file={}", file.display());
    run(&format!("dnsmasq --test {argument}")).await;
    let _serving = server.dnsmasq("DHCP, IP range", &[&argument]).await;
    let script = format!("{base}boot/${{netX/mac:hexhyp}}/script.ipxe");
    let firmware = Firmware::on(&machine, NETBOOTS);
    for (program, file) in [
        (Program::Bios, "undionly.kpxe"),
        (Program::Uefi, "snponly.efi"),
        (Program::UefiHttp, &format!("{base}loaders/ipxe.efi")),
        (Program::Ipxe, &script),
    ] {
        machine.run("ip addr flush dev eth0").await;
        let discover = firmware.message(program, MessageType::Discover, Vec::new());
        firmware.broadcast(&discover).await;
        let offers = firmware.answers(&discover, 1).await;
        let ack = firmware.take(program, from(OTHER, &offers)).await;
        assert_eq!(boot_file(&ack).as_deref(), Some(file), "{program:?}");
        let options = ack.opts();
        match program {
            Program::Bios | Program::Uefi => {
                assert_eq!(ack.siaddr(), US);
                loads(&lab, &machine, ack.yiaddr(), file).await;
            }
            Program::UefiHttp => {
                let class = DhcpOption::ClassIdentifier(b"HTTPClient".to_vec());
                assert_eq!(options.get(OptionCode::ClassIdentifier), Some(&class));
            }
            Program::Ipxe => {
                let DhcpOption::Unknown(own) = options.get(OptionCode::from(175)).unwrap() else {
                    panic!("{options:?}")
                };
                assert!(own.data().starts_with(&[0xb0, 1, 1]), "{own:?}");
                let address = ack.yiaddr();
                machine
                    .run(&format!("ip addr add {address}/24 dev eth0"))
                    .await;
                let url = file.replace("${netX/mac:hexhyp}", "02-00-00-00-00-01");
                let text = machine.run(&format!("curl -sS --max-time 20 {url}")).await;
                assert!(text.starts_with("#!ipxe"), "{text}");
            }
        }
    }
}
