//! Real firmware against our boot services: QEMU machines, BIOS and UEFI, load the deploy ramdisk
//! over our DHCP, TFTP and HTTP, and go on to the disk when they should not netboot.
//!
//! The service around them is not here: a fixed directory stands for the conductor, a script for
//! the agent. `qemu_e2e` has all of it.
#![allow(clippy::unwrap_used, reason = "a poisoned lock is a failed test")]

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use cupola_api::{MacAddress, NodeId};
use cupola_drivers::boot::{
    BootContact, BootDecision, BootDirectory, BootHost, BootServices, BootServicesConfig,
    ClientSystem, ContactKind, ContactSink, DhcpConfig, FileSet, HttpConfig, KernelCommandLine,
    Loader, LoaderNames, RamdiskBoot, Subnet, TftpConfig,
};
use cupola_rack::qemu::{
    BootDevice, Chassis, ChassisRequest, Firmware, Namespace, ProvisioningNetwork, QemuRack,
    RackMachine, RackMachineConfig,
};
use cupola_tests::qemu::{build_ramdisk, can_run, os_image, report};
use tokio_util::sync::CancellationToken;

/// How long a machine may take to its agent, and to its login prompt, on a busy host without KVM.
const BOOT_DEADLINE: Duration = Duration::from_secs(180);

/// Says that it runs and holds the machine until the test switches it off.
const STAND_IN_AGENT: &str = "#!/bin/sh\necho \"stand-in agent $(cat /proc/cmdline)\"\nsleep 600\n";

/// One decision for all machines, and every contact that there was.
#[derive(Debug)]
struct Conductor {
    nodes: HashMap<MacAddress, NodeId>,
    decision: Mutex<BootDecision>,
    contacts: Mutex<Vec<BootContact>>,
}

#[async_trait]
impl BootDirectory for Conductor {
    async fn host(&self, mac: &MacAddress) -> Option<BootHost> {
        let node = *self.nodes.get(mac)?;
        Some(BootHost {
            node,
            mac: *mac,
            name: mac.to_string(),
            pxe_enabled: true,
            loader: Loader::Ipxe,
            address: None,
        })
    }

    async fn decision(&self, _host: &BootHost, _client: &ClientSystem) -> BootDecision {
        self.decision.lock().unwrap().clone()
    }
}

impl ContactSink for Conductor {
    fn contact(&self, contact: BootContact) {
        self.contacts.lock().unwrap().push(contact);
    }
}

impl Conductor {
    fn saw(&self, machine: &RackMachine, kind: impl Fn(&ContactKind) -> bool) -> bool {
        let contacts = self.contacts.lock().unwrap();
        contacts
            .iter()
            .any(|contact| contact.mac == Some(machine.mac) && kind(&contact.kind))
    }
}

/// Our boot services inside the namespace, on a thread of their own. Dropping this ends them.
struct Services {
    stop: CancellationToken,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Services {
    fn start(rack: &Arc<QemuRack>, conductor: Arc<Conductor>) -> Result<Self> {
        let stop = CancellationToken::new();
        let (rack, stopped) = (Arc::clone(rack), stop.clone());
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let namespace = rack.namespace();
            namespace.enter()?;
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let config = services(namespace).await?;
                let sink = conductor.clone();
                let services =
                    BootServices::start(config, conductor, sink, stopped.clone()).await?;
                // The test may have failed meanwhile.
                let _ = tell.send(());
                stopped.cancelled().await;
                services.stop().await;
                Ok(())
            })
        });
        let mut services = Self {
            stop,
            thread: Some(thread),
        };
        if told.recv_timeout(Duration::from_secs(10)).is_err() {
            services.end()?;
            anyhow::bail!("the boot services did not start");
        }
        Ok(services)
    }

    fn end(&mut self) -> Result<()> {
        self.stop.cancel();
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => anyhow::bail!("the boot services' thread panicked"),
            None => Ok(()),
        }
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        // The test has its own error to report when this one comes.
        let _ = self.end();
    }
}

async fn services(namespace: &Namespace) -> Result<BootServicesConfig> {
    let server = namespace.network().server;
    let subnet = Subnet {
        network: "10.77.0.0/24".parse()?,
        first: Ipv4Addr::new(10, 77, 0, 100),
        last: Ipv4Addr::new(10, 77, 0, 199),
        router: None,
        dns: Vec::new(),
    };
    let loaders = LoaderNames::default();
    let mut files = FileSet::load(&["/usr/lib/ipxe".into()], &loaders).await?;
    files.load_signed().await?;
    let http = HttpConfig::new(SocketAddr::from((server, 8080)));
    let mut config = BootServicesConfig::new(server, http, files);
    config.dhcp = Some(DhcpConfig::on_interface(namespace.bridge(), subnet));
    config.tftp = Some(TftpConfig::new(SocketAddrV4::new(server, 69)));
    Ok(config)
}

async fn netboot(machine: &RackMachine, until: &str) -> Result<()> {
    let from = machine.machine.console().position();
    machine
        .machine
        .answer(ChassisRequest::SetPower(false))
        .await?;
    machine
        .machine
        .answer(ChassisRequest::SetBootDevice(BootDevice::Pxe))
        .await?;
    machine
        .machine
        .answer(ChassisRequest::SetPower(true))
        .await?;
    machine
        .machine
        .console()
        .wait_for(from, until, BOOT_DEADLINE)
        .await?;
    Ok(())
}

/// Puts the image on the machine's disk, as an agent would have.
fn write_disk(machine: &RackMachine, image: &Path) -> Result<()> {
    let mut from = std::fs::File::open(image)?;
    let mut to = std::fs::OpenOptions::new()
        .write(true)
        .open(&machine.disk)?;
    std::io::copy(&mut from, &mut to).context("the image does not fit")?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn qemu_machines_netboot_by_bios_and_by_uefi_and_go_on_to_the_disk() -> Result<()> {
    if !can_run("qemu_netboot") {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let agent = directory.path().join("agent");
    std::fs::write(&agent, STAND_IN_AGENT)?;
    let boot = directory.path().join("boot");
    build_ramdisk(&agent, &boot)?;
    let image = os_image()?;

    let firmware = [Firmware::Bios, Firmware::Uefi, Firmware::UefiHttp];
    let machines = firmware.map(RackMachineConfig::new);
    let network = ProvisioningNetwork::default();
    let rack = Arc::new(QemuRack::start(directory.path(), network, &machines).await?);
    let append = "console=tty0 console=ttyS0,115200";
    let api = format!("http://{}:6385", network.server);
    let conductor = Arc::new(Conductor {
        nodes: rack
            .machines()
            .iter()
            .map(|m| (m.mac, NodeId::random()))
            .collect(),
        decision: Mutex::new(BootDecision::Ramdisk(RamdiskBoot {
            kernel: boot.join("kernel"),
            ramdisk: boot.join("ramdisk"),
            cmdline: KernelCommandLine::agent(&api, append)?.as_str().to_owned(),
        })),
        contacts: Mutex::default(),
    });
    let mut services = Services::start(&rack, Arc::clone(&conductor))?;

    for machine in rack.machines() {
        let started = Instant::now();
        netboot(machine, "stand-in agent").await?;
        report(&format!("{} to the agent", machine.machine.name()), started);
        ensure!(
            conductor.saw(machine, |kind| matches!(kind, ContactKind::DhcpAck { .. })),
            "no lease was granted"
        );
    }
    let [_, uefi, http] = rack.machines() else {
        unreachable!("three machines")
    };
    ensure!(
        conductor.saw(uefi, |kind| {
            matches!(kind, ContactKind::TftpDone { file, .. } if file == "snponly.efi")
        }),
        "the UEFI machine did not load its loader over TFTP"
    );
    ensure!(
        conductor.saw(http, |kind| {
            matches!(kind, ContactKind::HttpDone { path, .. } if path == "/loaders/ipxe.efi")
        }),
        "the machine with HTTP boot did not load its loader over HTTP"
    );

    *conductor.decision.lock().unwrap() = BootDecision::Local;
    for machine in rack.machines() {
        machine
            .machine
            .answer(ChassisRequest::SetPower(false))
            .await?;
        write_disk(machine, &image.raw)?;
        let started = Instant::now();
        netboot(machine, "unconfigured login:").await?;
        report(&format!("{} to its disk", machine.machine.name()), started);
    }
    services.end()
}
