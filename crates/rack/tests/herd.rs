//! A room of 200 machines that is switched on at once: nothing is asked twice because an answer
//! did not come, from the first DHCP packet to the last octet of the ramdisk.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test"
)]

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cupola_api::{MacAddress, NodeId};
use cupola_drivers::boot::contact::TftpFailure;
use cupola_drivers::boot::{
    BootContact, BootDecision, BootDirectory, BootHost, BootServices, BootServicesConfig,
    ClientArchitecture, ClientSystem, ContactKind, ContactSink, DhcpConfig, FileSet, HttpConfig,
    Loader, RamdiskBoot, Subnet, TftpConfig,
};
use cupola_rack::firmware::{
    Downloads, FirmwareConfig, FirmwareOutcome, FirmwareTiming, Rom, boot,
};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const MACHINES: u8 = 200;

/// Octets of the loader, which is about what iPXE has.
const LOADER: usize = 200_000;

/// Octets of kernel and of ramdisk: small, for 200 of each go over this host's loopback.
const FILE: usize = 1_000_000;

/// All machines boot the ramdisk.
struct Directory {
    file: PathBuf,
}

#[async_trait]
impl BootDirectory for Directory {
    async fn host(&self, mac: &MacAddress) -> Option<BootHost> {
        let number = mac.octets()[5];
        Some(BootHost {
            node: NodeId::from(Uuid::from_u128(u128::from(number))),
            mac: *mac,
            name: format!("machine-{number}"),
            pxe_enabled: true,
            loader: Loader::Ipxe,
            address: None,
        })
    }

    async fn decision(&self, _: &BootHost, _: &ClientSystem) -> BootDecision {
        BootDecision::Ramdisk(RamdiskBoot {
            kernel: self.file.clone(),
            ramdisk: self.file.clone(),
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

async fn start(directory: Arc<Directory>, contacts: Arc<Contacts>) -> BootServices {
    let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
    let subnet = Subnet {
        network: "127.110.0.0/16".parse().unwrap(),
        first: Ipv4Addr::new(127, 110, 0, 10),
        last: Ipv4Addr::new(127, 110, 3, 250),
        router: None,
        dns: Vec::new(),
    };
    let mut loaders = FileSet::new();
    for name in ["undionly.kpxe", "snponly.efi", "ipxe.efi"] {
        loaders.insert(name, vec![9; LOADER]);
    }
    let http = HttpConfig::new(any.into());
    let mut config = BootServicesConfig::new(Ipv4Addr::LOCALHOST, http, loaders);
    config.dhcp = Some(DhcpConfig::for_simulated_machines(any, subnet));
    config.tftp = Some(TftpConfig::new(any));
    BootServices::start(config, directory, contacts, CancellationToken::new())
        .await
        .unwrap()
}

fn firmware(services: &BootServices, number: u8) -> FirmwareConfig {
    FirmwareConfig {
        mac: MacAddress::new([2, 0, 0, 0, 1, number]),
        uuid: Uuid::new_v4(),
        architecture: ClientArchitecture::UefiX64,
        rom: Rom::Pxe,
        dhcp_server: services.dhcp_address().unwrap(),
        tftp_port: services.tftp_address().unwrap().port(),
        downloads: Downloads::Full,
        // As patient as the PXE specification says, so that a busy host fails nobody; whether
        // anybody had to be patient is seen in the contacts.
        timing: FirmwareTiming::real(),
        fault: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sim_two_hundred_machines_boot_at_once_without_a_timeout() {
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("ramdisk");
    std::fs::write(&file, vec![1; FILE]).unwrap();
    let contacts = Arc::new(Contacts::default());
    let services = start(Arc::new(Directory { file }), Arc::clone(&contacts)).await;
    let started = Instant::now();
    let machines: Vec<_> = (0..MACHINES)
        .map(|number| {
            let firmware = firmware(&services, number);
            tokio::spawn(async move {
                let lines = Mutex::new(Vec::new());
                let screen = |text: &str| lines.lock().push(text.to_owned());
                let outcome = boot(&firmware, &screen, &CancellationToken::new()).await;
                (outcome, lines.into_inner(), started.elapsed())
            })
        })
        .collect();
    let mut longest = Duration::ZERO;
    for machine in machines {
        let (outcome, screen, took) = machine.await.unwrap();
        assert!(
            matches!(outcome, FirmwareOutcome::Ramdisk { .. }),
            "{outcome:?} {screen:#?}"
        );
        assert!(
            !screen.iter().any(|line| line.contains("next attempt")),
            "{screen:#?}"
        );
        longest = longest.max(took);
    }
    services.stop().await;
    println!("{MACHINES} machines: the last one had its ramdisk after {longest:?}");
    assert_eq!(services.dropped(), 0);
    let contacts = contacts.0.lock();
    let count = |which: fn(&ContactKind) -> bool| {
        contacts
            .iter()
            .filter(|contact| which(&contact.kind))
            .count()
    };
    let machines = usize::from(MACHINES);
    // ROM and iPXE, each once: nobody had to ask again.
    assert_eq!(
        count(|kind| matches!(kind, ContactKind::DhcpDiscover)),
        machines * 2
    );
    assert_eq!(
        count(|kind| matches!(kind, ContactKind::TftpDone { .. })),
        machines
    );
    // What fails is the ROM's question for the size, broken off by itself.
    assert_eq!(
        count(|kind| matches!(
            kind,
            ContactKind::TftpFailed { reason, .. }
                if !matches!(reason, TftpFailure::ClientError { .. })
        )),
        0
    );
    assert_eq!(
        count(|kind| matches!(
            kind,
            ContactKind::HttpDone {
                complete: false,
                ..
            }
        )),
        0
    );
}
