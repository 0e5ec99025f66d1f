//! Simulated firmware against the real boot services, over loopback sockets.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::panic,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test"
)]

use std::collections::{HashMap, HashSet};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cupola_api::{MacAddress, NodeId};
use cupola_drivers::boot::contact::IgnoreReason;
use cupola_drivers::boot::{
    BootContact, BootDecision, BootDirectory, BootHost, BootServices, BootServicesConfig,
    ClientArchitecture, ClientSystem, ContactKind, ContactSink, DhcpConfig, FileSet, HttpConfig,
    Loader, RamdiskBoot, Subnet, TftpConfig,
};
use cupola_rack::firmware::{
    Downloads, FirmwareConfig, FirmwareFault, FirmwareOutcome, FirmwareTiming, Rom, boot,
};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const KERNEL_BYTES: usize = 3_000_000;

/// Machines whose last octet is even boot the ramdisk, the odd ones their disk.
struct Directory {
    hosts: HashMap<MacAddress, BootHost>,
    kernel: std::path::PathBuf,
    ramdisk: std::path::PathBuf,
}

#[async_trait]
impl BootDirectory for Directory {
    async fn host(&self, mac: &MacAddress) -> Option<BootHost> {
        self.hosts.get(mac).cloned()
    }

    async fn decision(&self, host: &BootHost, _: &ClientSystem) -> BootDecision {
        if host.mac.octets()[5] % 2 == 1 {
            return BootDecision::Local;
        }
        BootDecision::Ramdisk(RamdiskBoot {
            kernel: self.kernel.clone(),
            ramdisk: self.ramdisk.clone(),
            cmdline: "ipa-api-url=http://127.0.0.1:6385".to_owned(),
        })
    }
}

#[derive(Default)]
struct Contacts(Mutex<Vec<BootContact>>);

impl ContactSink for Contacts {
    fn contact(&self, contact: BootContact) {
        self.0.lock().push(contact);
    }
}

impl Contacts {
    fn of(&self, mac: MacAddress) -> Vec<ContactKind> {
        let all = self.0.lock();
        all.iter()
            .filter(|c| c.mac == Some(mac))
            .map(|c| c.kind.clone())
            .collect()
    }
}

struct Lab {
    services: BootServices,
    contacts: Arc<Contacts>,
    _files: tempfile::TempDir,
}

fn mac(n: u8) -> MacAddress {
    MacAddress::new([2, 0, 0, 0, 0, n])
}

/// Each test has a network of its own within 127.0.0.0/8, so that they run side by side.
async fn lab(network: u8, machines: u8) -> Lab {
    let files = tempfile::tempdir().unwrap();
    let (kernel, ramdisk) = (files.path().join("vmlinuz"), files.path().join("initrd"));
    std::fs::write(&kernel, vec![1; KERNEL_BYTES]).unwrap();
    std::fs::write(&ramdisk, vec![2; 2 * KERNEL_BYTES]).unwrap();
    let hosts = (0..machines).map(|n| {
        let name = format!("machine-{n}");
        let host = BootHost {
            node: NodeId::random(),
            mac: mac(n),
            name,
            pxe_enabled: true,
            loader: Loader::Ipxe,
            address: None,
        };
        (mac(n), host)
    });
    let directory = Arc::new(Directory {
        hosts: hosts.collect(),
        kernel,
        ramdisk,
    });
    let address = Ipv4Addr::LOCALHOST;
    let any = SocketAddrV4::new(address, 0);
    let subnet = Subnet {
        network: format!("127.{network}.0.0/16").parse().unwrap(),
        first: Ipv4Addr::new(127, network, 0, 10),
        last: Ipv4Addr::new(127, network, 3, 250),
        router: None,
        dns: Vec::new(),
    };
    let mut loaders = FileSet::new();
    for name in ["undionly.kpxe", "snponly.efi", "ipxe.efi"] {
        loaders.insert(name, vec![9; 70_000]);
    }
    let mut config = BootServicesConfig::new(address, HttpConfig::new(any.into()), loaders);
    config.dhcp = Some(DhcpConfig::for_simulated_machines(any, subnet));
    config.tftp = Some(TftpConfig::new(any));
    let contacts = Arc::new(Contacts::default());
    let sink: Arc<dyn ContactSink> = Arc::clone(&contacts) as _;
    let services = BootServices::start(config, directory, sink, CancellationToken::new())
        .await
        .unwrap();
    Lab {
        services,
        contacts,
        _files: files,
    }
}

impl Lab {
    fn firmware(&self, n: u8, architecture: ClientArchitecture) -> FirmwareConfig {
        FirmwareConfig {
            mac: mac(n),
            uuid: Uuid::new_v4(),
            architecture,
            rom: Rom::Pxe,
            dhcp_server: self.services.dhcp_address().unwrap(),
            tftp_port: self
                .services
                .tftp_address()
                .map_or(0, |a: SocketAddr| a.port()),
            downloads: Downloads::Full,
            timing: FirmwareTiming::quick(),
            fault: None,
        }
    }
}

async fn run(config: &FirmwareConfig) -> (FirmwareOutcome, Vec<String>) {
    let lines = Mutex::new(Vec::new());
    let screen = |text: &str| lines.lock().push(text.to_owned());
    let outcome = boot(config, &screen, &CancellationToken::new()).await;
    (outcome, lines.into_inner())
}

#[tokio::test]
async fn every_rung_from_rom_to_ramdisk_is_climbed_and_seen() {
    for (network, architecture, loader) in [
        (101, ClientArchitecture::BiosX86, "undionly.kpxe"),
        (102, ClientArchitecture::UefiX64, "snponly.efi"),
    ] {
        let lab = lab(network, 2).await;
        let (outcome, screen) = run(&lab.firmware(0, architecture)).await;
        let FirmwareOutcome::Ramdisk { cmdline, address } = outcome else {
            panic!("{outcome:?} {screen:#?}")
        };
        assert_eq!(
            cmdline,
            "ipa-api-url=http://127.0.0.1:6385 BOOTIF=02:00:00:00:00:00 initrd=ramdisk"
        );
        assert_eq!(address.octets()[..2], [127, network]);
        lab.services.stop().await;
        let seen = lab.contacts.of(mac(0));
        let offered = |file: &str| ContactKind::DhcpOffer {
            address,
            bootfile: Some(file.to_owned()),
        };
        let position = |wanted: &ContactKind| seen.iter().position(|kind| kind == wanted);
        let script = format!(
            "{}boot/02-00-00-00-00-00/script.ipxe",
            lab.services.http_url()
        );
        assert!(
            position(&offered(loader)) < position(&offered(&script)),
            "{seen:#?}"
        );
        assert!(seen.iter().any(
            |kind| matches!(kind, ContactKind::TftpDone { file, bytes: 70_000, .. } if file == loader)
        ));
        for (path, size) in [("kernel", KERNEL_BYTES), ("ramdisk", 2 * KERNEL_BYTES)] {
            assert!(
                seen.iter().any(|kind| matches!(
                    kind,
                    ContactKind::HttpDone { path: p, status: 200, bytes, complete: true, .. }
                        if p.ends_with(path) && *bytes == size as u64
                )),
                "{path}: {seen:#?}"
            );
        }
    }
}

#[tokio::test]
async fn a_machine_that_should_not_netboot_goes_on_to_its_disk() {
    let lab = lab(103, 2).await;
    let (outcome, _) = run(&lab.firmware(1, ClientArchitecture::BiosX86)).await;
    assert!(
        matches!(&outcome, FirmwareOutcome::Disk { why } if why.contains("E53")),
        "{outcome:?}"
    );
    for architecture in [ClientArchitecture::BiosX86, ClientArchitecture::UefiX64] {
        let mut firmware = lab.firmware(1, architecture);
        firmware.rom = Rom::Ipxe;
        let (outcome, screen) = run(&firmware).await;
        assert!(
            matches!(&outcome, FirmwareOutcome::Disk { why } if why.contains("script")),
            "{outcome:?}"
        );
        assert!(
            screen
                .iter()
                .any(|line| line.contains("machine-1 boots from its disk"))
        );
    }
}

#[tokio::test]
async fn a_machine_that_is_not_enrolled_gets_no_answer_and_is_seen() {
    let lab = lab(104, 2).await;
    let mut firmware = lab.firmware(77, ClientArchitecture::BiosX86);
    firmware.timing.dhcp_waits = vec![Duration::from_millis(300)];
    let (outcome, _) = run(&firmware).await;
    assert!(
        matches!(&outcome, FirmwareOutcome::Disk { why } if why.contains("E51")),
        "{outcome:?}"
    );
    let seen = lab.contacts.of(mac(77));
    assert_eq!(
        seen,
        [ContactKind::DhcpIgnored {
            reason: IgnoreReason::UnknownMac
        }]
    );
}

#[tokio::test]
async fn faults_end_where_they_are() {
    let lab = lab(105, 2).await;
    for (fault, words) in [
        (FirmwareFault::NoLink, "E61"),
        (FirmwareFault::LoaderLost, "E32"),
        (FirmwareFault::LoaderBlocked, "No configuration methods"),
    ] {
        let mut firmware = lab.firmware(0, ClientArchitecture::BiosX86);
        firmware.fault = Some(fault);
        let (outcome, _) = run(&firmware).await;
        assert!(
            matches!(&outcome, FirmwareOutcome::Disk { why } if why.contains(words)),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_machine_that_is_switched_off_stops_at_once() {
    let lab = lab(106, 2).await;
    let mut firmware = lab.firmware(77, ClientArchitecture::BiosX86);
    firmware.timing = FirmwareTiming::real();
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let screen = move |_: &str| stop.cancel();
    let started = Instant::now();
    let outcome = boot(&firmware, &screen, &cancel).await;
    assert!(
        matches!(outcome, FirmwareOutcome::Nothing { .. }),
        "{outcome:?}"
    );
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_machines_boot_at_once() {
    let lab = lab(107, 200).await;
    let started = Instant::now();
    let machines: Vec<_> = (0..200)
        .step_by(2)
        .map(|n| {
            let mut firmware = lab.firmware(n, ClientArchitecture::BiosX86);
            firmware.downloads = Downloads::HeadOnly;
            tokio::spawn(async move { run(&firmware).await })
        })
        .collect();
    let mut addresses = HashSet::new();
    for machine in machines {
        let (outcome, screen) = machine.await.unwrap();
        let FirmwareOutcome::Ramdisk { address, .. } = outcome else {
            panic!("{outcome:?} {screen:#?}")
        };
        addresses.insert(address);
    }
    println!(
        "100 machines: {:?}, dropped {}",
        started.elapsed(),
        lab.services.dropped()
    );
    assert_eq!(addresses.len(), 100);
}
