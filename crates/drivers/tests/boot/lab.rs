//! The services on loopback, with a directory of two machines and contacts kept in memory.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use async_trait::async_trait;
use cupola_api::{MacAddress, NodeId};
use cupola_drivers::boot::{
    BootContact, BootDecision, BootDirectory, BootHost, BootServices, BootServicesConfig,
    ClientSystem, ContactKind, ContactSink, DhcpConfig, DhcpService, FileSet, HttpConfig,
    LeaseStore, Loader, MemoryLeaseStore, RamdiskBoot, Reservations, Subnet, TftpConfig,
};
use parking_lot::Mutex;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

/// Boots the ramdisk.
pub(crate) const NETBOOTS: MacAddress = MacAddress::new([2, 0, 0, 0, 0, 1]);
/// Boots its disk.
pub(crate) const LOCAL: MacAddress = MacAddress::new([2, 0, 0, 0, 0, 2]);
/// Enrolled, with an address reserved for it.
pub(crate) const RESERVED: MacAddress = MacAddress::new([2, 0, 0, 0, 0, 4]);
/// Outside the pool of [`subnet`].
pub(crate) const RESERVATION: Ipv4Addr = Ipv4Addr::new(127, 9, 0, 99);
/// Of the pool of [`subnet`], reserved for a machine that is off.
pub(crate) const RESERVED_IN_POOL: Ipv4Addr = Ipv4Addr::new(127, 9, 0, 15);
/// Not enrolled.
pub(crate) const STRANGER: MacAddress = MacAddress::new([2, 0, 0, 0, 0, 3]);

pub(crate) const LOADER_BYTES: usize = 100_000;

pub(crate) struct Directory {
    pub(crate) kernel: PathBuf,
}

#[async_trait]
impl BootDirectory for Directory {
    async fn host(&self, mac: &MacAddress) -> Option<BootHost> {
        [NETBOOTS, LOCAL, RESERVED].contains(mac).then(|| BootHost {
            node: NodeId::from(uuid::Uuid::from_u128(u128::from(mac.octets()[5]))),
            mac: *mac,
            name: "machine".to_owned(),
            pxe_enabled: true,
            loader: Loader::Ipxe,
            address: (*mac == RESERVED).then_some(RESERVATION),
        })
    }

    async fn decision(&self, host: &BootHost, _: &ClientSystem) -> BootDecision {
        if host.mac == LOCAL {
            return BootDecision::Local;
        }
        BootDecision::Ramdisk(RamdiskBoot {
            kernel: self.kernel.clone(),
            ramdisk: self.kernel.clone(),
            cmdline: "ipa-api-url=http://127.0.0.1:6385".to_owned(),
        })
    }

    async fn reservations(&self) -> Option<Arc<Reservations>> {
        let off = MacAddress::new([2, 0, 0, 0, 0, 5]);
        let all = [(RESERVATION, RESERVED), (RESERVED_IN_POOL, off)];
        Some(Arc::new(all.into_iter().collect()))
    }
}

/// A store that hangs.
pub(crate) struct NeverAnswers;

#[async_trait]
impl BootDirectory for NeverAnswers {
    async fn host(&self, _: &MacAddress) -> Option<BootHost> {
        std::future::pending().await
    }

    async fn decision(&self, _: &BootHost, _: &ClientSystem) -> BootDecision {
        std::future::pending().await
    }
}

#[derive(Default)]
pub(crate) struct Contacts(pub(crate) Mutex<Vec<BootContact>>);

impl ContactSink for Contacts {
    fn contact(&self, contact: BootContact) {
        self.0.lock().push(contact);
    }
}

impl Contacts {
    pub(crate) fn kinds(&self) -> Vec<ContactKind> {
        self.0
            .lock()
            .iter()
            .map(|contact| contact.kind.clone())
            .collect()
    }
}

pub(crate) struct Lab {
    pub(crate) services: BootServices,
    pub(crate) contacts: Arc<Contacts>,
    pub(crate) files: tempfile::TempDir,
}

pub(crate) fn loader() -> Vec<u8> {
    (0..LOADER_BYTES).map(|n| (n % 251) as u8).collect()
}

pub(crate) fn loaders() -> FileSet {
    let mut set = FileSet::new();
    for name in ["undionly.kpxe", "snponly.efi", "ipxe.efi"] {
        set.insert(name, loader());
    }
    set
}

pub(crate) fn subnet() -> Subnet {
    Subnet {
        network: "127.9.0.0/24".parse().unwrap(),
        first: Ipv4Addr::new(127, 9, 0, 10),
        last: Ipv4Addr::new(127, 9, 0, 20),
        router: Some(Ipv4Addr::new(127, 9, 0, 1)),
        dns: vec![Ipv4Addr::new(127, 9, 0, 2)],
    }
}

pub(crate) const ANY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);

pub(crate) fn loopback() -> DhcpConfig {
    DhcpConfig::for_simulated_machines(ANY, subnet())
}

pub(crate) fn proxy() -> DhcpConfig {
    let service = DhcpService::Proxy { boot_server: ANY };
    DhcpConfig {
        service,
        ..loopback()
    }
}

pub(crate) async fn lab() -> Lab {
    lab_with(loopback(), ANY, Ipv4Addr::LOCALHOST).await
}

pub(crate) async fn lab_with(
    dhcp: impl Into<Option<DhcpConfig>>,
    bind: SocketAddrV4,
    address: Ipv4Addr,
) -> Lab {
    let files = tempfile::tempdir().unwrap();
    let kernel = files.path().join("kernel");
    std::fs::write(&kernel, loader()).unwrap();
    let directory = Arc::new(Directory { kernel });
    let store = Arc::new(MemoryLeaseStore);
    start(dhcp, bind, address, directory, files, store).await
}

/// On loopback, over a store that may have leases already.
pub(crate) async fn lab_over(store: Arc<dyn LeaseStore>) -> Lab {
    let files = tempfile::tempdir().unwrap();
    let kernel = files.path().join("kernel");
    let directory = Arc::new(Directory { kernel });
    start(
        loopback(),
        ANY,
        Ipv4Addr::LOCALHOST,
        directory,
        files,
        store,
    )
    .await
}

pub(crate) async fn lab_of(dhcp: DhcpConfig, directory: impl BootDirectory) -> Lab {
    let files = tempfile::tempdir().unwrap();
    let (directory, store) = (Arc::new(directory), Arc::new(MemoryLeaseStore));
    start(dhcp, ANY, Ipv4Addr::LOCALHOST, directory, files, store).await
}

async fn start(
    dhcp: impl Into<Option<DhcpConfig>>,
    bind: SocketAddrV4,
    address: Ipv4Addr,
    directory: Arc<dyn BootDirectory>,
    files: tempfile::TempDir,
    lease_store: Arc<dyn LeaseStore>,
) -> Lab {
    let mut http = HttpConfig::new(bind.into());
    http.image_directory = Some(files.path().to_owned());
    let mut config = BootServicesConfig::new(address, http, loaders());
    config.dhcp = dhcp.into();
    config.lease_store = lease_store;
    config.tftp = Some(TftpConfig::new(bind));
    let contacts = Arc::new(Contacts::default());
    let sink: Arc<dyn ContactSink> = Arc::clone(&contacts) as _;
    let stop = CancellationToken::new();
    let services = BootServices::start(config, directory, sink, stop)
        .await
        .unwrap();
    Lab {
        services,
        contacts,
        files,
    }
}

/// Runs a foreign client; `None` (and a loud word) where this machine does not have it.
pub(crate) async fn client(program: &str, arguments: &[&str]) -> Option<std::process::Output> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    match tokio::time::timeout(std::time::Duration::from_secs(30), output)
        .await
        .unwrap()
    {
        Ok(output) => Some(output),
        Err(error) => {
            println!("SKIPPED: {program} cannot be run here: {error}");
            None
        }
    }
}
