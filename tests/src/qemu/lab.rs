//! One QEMU machine, its BMC, the service and, where the boot path has one, a foreign DHCP server:
//! all that a deploy over that path needs, inside one namespace.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use cupola_api::client::Client;
use cupola_api::client::remote::RemoteTransport;
use cupola_api::id::NodeIdent;
use cupola_rack::qemu::{
    NetworkHost, ProvisioningNetwork, QemuRack, RackMachine, RackMachineConfig,
};
use serde_json::{Map, Value, json};

use super::boot_path::{BootPath, Dhcp, Loader};
use super::dnsmasq::{self, Dnsmasq};
use crate::serve::Serve;

/// Where the service listens inside the namespace.
const API_PORT: u16 = 6385;

/// Where its boot services' HTTP server listens: GRUB knows no other port than that of HTTP.
const fn boot_port(path: &BootPath) -> u16 {
    match path.loader {
        Loader::Ipxe => 8088,
        Loader::Grub => 80,
    }
}

/// Where the foreign DHCP server is.
const FOREIGN: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

/// What a lab is made of.
#[derive(Clone, Debug)]
pub struct LabConfig {
    /// The way its machine netboots.
    pub path: BootPath,
    /// The deploy kernel.
    pub kernel: PathBuf,
    /// The deploy ramdisk.
    pub ramdisk: PathBuf,
    /// The directory whose images are served.
    pub images: PathBuf,
    /// Memory of the machine in MiB; `None` for what our own ramdisk needs.
    pub memory_mib: Option<u32>,
    /// Size of the machine's disk in bytes; `None` for what the tests' image needs.
    pub disk_bytes: Option<u64>,
    /// More arguments for QEMU, such as another disk.
    pub arguments: Vec<OsString>,
    /// More words of the kernel's command line.
    pub append: String,
    /// More settings of the service, as `--set` takes them.
    pub settings: Vec<String>,
}

impl LabConfig {
    /// Our own ramdisk from `ramdisk`, and the images of `images`.
    #[must_use]
    pub fn new(path: BootPath, ramdisk: &Path, images: &Path) -> Self {
        Self {
            path,
            kernel: ramdisk.join("kernel"),
            ramdisk: ramdisk.join("ramdisk"),
            images: images.to_owned(),
            memory_mib: None,
            disk_bytes: None,
            arguments: Vec::new(),
            append: String::new(),
            settings: Vec::new(),
        }
    }
}

/// A lab. Dropping it ends all of it.
#[derive(Debug)]
pub struct Lab {
    // Dropped in this order: processes before the namespaces that they live in.
    service: Serve,
    foreign: Option<(Dnsmasq, NetworkHost)>,
    rack: QemuRack,
    /// The service's API.
    pub client: Client,
    path: BootPath,
}

impl Lab {
    /// Starts all of it below `directory`; the machine's power is off.
    ///
    /// # Errors
    /// When a process does not start; what was started is ended again.
    pub async fn start(directory: &Path, config: &LabConfig) -> Result<Self> {
        let network = ProvisioningNetwork::default();
        let path = &config.path;
        let mut machine = RackMachineConfig::new(path.firmware);
        machine.card_rom = path.card_rom.clone();
        machine.memory_mib = config.memory_mib.unwrap_or(machine.memory_mib);
        machine.disk_bytes = config.disk_bytes.unwrap_or(machine.disk_bytes);
        machine.arguments.clone_from(&config.arguments);
        let rack = QemuRack::start(directory, network, &[machine]).await?;
        let settings = settings(config, network, rack.namespace().bridge());
        let foreign = match path.dhcp {
            Dhcp::Server => None,
            Dhcp::Proxy | Dhcp::Foreign => {
                let host = rack.namespace().add_host(FOREIGN).await?;
                let options = if path.dhcp == Dhcp::Proxy {
                    dnsmasq::addresses_only(&host)
                } else {
                    dnsmasq::as_cupola_prints(&host, &settings)?
                };
                Some((Dnsmasq::start(&host, directory, &options).await?, host))
            }
        };
        let service = start_service(&rack, directory, &settings)?;
        // Fails only when a provider is there already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = format!("http://{}:{API_PORT}", rack.namespace().address_from_host());
        Ok(Self {
            client: Client::new(RemoteTransport::new(&url)?),
            service,
            foreign,
            rack,
            path: path.clone(),
        })
    }

    /// The machine.
    ///
    /// # Errors
    /// Never, in a lab that has started.
    pub fn machine(&self) -> Result<&RackMachine> {
        let first = self.rack.machines().first();
        first.context("the rack has one machine")
    }

    /// The URL below which machines find the images.
    #[must_use]
    pub fn images(&self) -> String {
        let server = self.rack.namespace().network().server;
        format!("http://{server}:{}/images", boot_port(&self.path))
    }

    /// Enrols the machine with its port; `extra` are more fields of the node.
    ///
    /// # Errors
    /// When the service refuses.
    pub async fn enrol(&self, extra: Map<String, Value>) -> Result<NodeIdent> {
        let machine = self.machine()?;
        let bmc = &machine.bmc;
        let boot_mode = self.path.boot_mode();
        let mut node = json!({
            "name": machine.machine.name(),
            "driver": "ipmi",
            "inspect_interface": "agent",
            "driver_info": {
                "ipmi_address": bmc.address().ip().to_string(),
                "ipmi_port": bmc.address().port(),
                "ipmi_username": bmc.credentials().username,
                "ipmi_password": bmc.credentials().password.expose(),
                "ipmi_cipher_suite": 3,
            },
            "properties": {
                "capabilities": format!("boot_mode:{boot_mode}"),
                "root_device": {"serial": machine.disk_serial},
            },
        });
        if let Some(fields) = node.as_object_mut() {
            fields.extend(extra);
        }
        let node = self.client.create_node(&node).await?;
        self.client.create_port(node.uuid, machine.mac).await?;
        Ok(NodeIdent::Id(node.uuid))
    }

    /// What the foreign DHCP server has logged; nothing where there is none.
    #[must_use]
    pub fn foreign_log(&self) -> String {
        let foreign = self.foreign.as_ref().map(|(dnsmasq, _)| dnsmasq.log());
        foreign.unwrap_or_default()
    }

    /// What a failure's reader wants to see: the logs of the service and of the foreign DHCP
    /// server, and the end of the machine's serial console.
    #[must_use]
    pub fn logs(&self) -> String {
        let serial = self.machine().map(|machine| {
            let all = std::fs::read(machine.machine.console().log()).unwrap_or_default();
            let end = all.get(all.len().saturating_sub(6000)..);
            String::from_utf8_lossy(end.unwrap_or(&all)).into_owned()
        });
        let foreign = self.foreign_log();
        format!(
            "--- service\n{}\n--- foreign DHCP server\n{}\n--- serial console\n{}\n",
            self.service.log(),
            foreign,
            serial.unwrap_or_default()
        )
    }
}

/// The service's settings for a rack's network.
fn settings(config: &LabConfig, network: ProvisioningNetwork, bridge: &str) -> Vec<String> {
    let server = network.server;
    let [a, b, c, _] = server.octets();
    let append = format!("console=tty0 console=ttyS0,115200 {}", config.append);
    let mut settings = vec![
        format!("api.public_endpoint=\"http://{server}:{API_PORT}\""),
        "boot.enabled=true".to_owned(),
        format!("boot.address=\"{server}\""),
        format!("boot.interface=\"{bridge}\""),
        format!("boot.network=\"{a}.{b}.{c}.0/{}\"", network.prefix),
        format!("boot.pool_first=\"{a}.{b}.{c}.100\""),
        format!("boot.pool_last=\"{a}.{b}.{c}.199\""),
        format!("boot.http_listen=\"{server}:{}\"", boot_port(&config.path)),
        format!("boot.deploy_kernel=\"{}\"", config.kernel.display()),
        format!("boot.deploy_ramdisk=\"{}\"", config.ramdisk.display()),
        format!("boot.image_directory=\"{}\"", config.images.display()),
        format!("boot.kernel_append_params=\"{}\"", append.trim_end()),
        // Overwriting a whole disk takes emulated machines many minutes; their metadata is erased.
        "cleaning.erase_devices_priority=0".to_owned(),
    ];
    match config.path.dhcp {
        Dhcp::Server => {}
        Dhcp::Proxy => settings.push("boot.dhcp=\"proxy\"".to_owned()),
        Dhcp::Foreign => settings.push("boot.dhcp=\"off\"".to_owned()),
    }
    if config.path.loader == Loader::Grub {
        settings.push("boot.loader=\"grub\"".to_owned());
    }
    settings.extend(config.settings.iter().cloned());
    settings
}

fn start_service(rack: &QemuRack, directory: &Path, settings: &[String]) -> Result<Serve> {
    let mut command = Command::new("ip");
    command
        .args(["netns", "exec", rack.namespace().name()])
        .arg(crate::binary::cupola()?);
    let options: Vec<&str> = settings
        .iter()
        .flat_map(|setting| ["--set", setting.as_str()])
        .collect();
    let state = directory.join("state");
    std::fs::create_dir_all(&state)?;
    Serve::start_with(command, &format!("0.0.0.0:{API_PORT}"), &state, &options)
}
