//! A whole rack: a namespace, and machines in it with a BMC each.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cupola_api::{MacAddress, Secret};
use uuid::Uuid;

use super::command_line::{
    CardRom, DiskConfig, Firmware, MachineConfig, NetworkAttachment, SmbiosIdentity,
};
use super::ipmi_sim::{BmcCredentials, IpmiSim, IpmiSimConfig};
use super::namespace::{Namespace, ProvisioningNetwork};
use super::{QemuError, QemuMachine};

/// The port of RMCP (DSP0136): BMCs of the rack have addresses of their own, so all may have it.
const RMCP_PORT: u16 = 623;

/// What to know of one machine of a rack; everything else follows from its number.
#[derive(Debug, Clone)]
pub struct RackMachineConfig {
    /// What starts it.
    pub firmware: Firmware,
    /// The boot ROM on its network card.
    pub card_rom: CardRom,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Number of processors.
    pub processors: u8,
    /// Size of its disk in bytes.
    pub disk_bytes: u64,
    /// More arguments for QEMU, such as another disk.
    pub arguments: Vec<OsString>,
}

impl RackMachineConfig {
    /// A machine that is large enough for a deploy and small enough for many of them.
    #[must_use]
    pub fn new(firmware: Firmware) -> Self {
        Self {
            firmware,
            card_rom: CardRom::Usual,
            memory_mib: 768,
            processors: 1,
            disk_bytes: 5 << 30,
            arguments: Vec::new(),
        }
    }
}

/// A machine and its BMC.
#[derive(Debug)]
pub struct RackMachine {
    /// The machine.
    pub machine: Arc<QemuMachine>,
    /// Its BMC, reachable inside the namespace.
    pub bmc: IpmiSim,
    /// Address of its network card.
    pub mac: MacAddress,
    /// Serial number of its disk, for root device hints.
    pub disk_serial: String,
    /// The file behind its disk.
    pub disk: PathBuf,
}

/// A rack. Dropping it ends its BMCs and machines and removes the namespace.
#[derive(Debug)]
pub struct QemuRack {
    // Dropped in this order: the processes before the namespace that they live in.
    machines: Vec<RackMachine>,
    namespace: Namespace,
}

impl QemuRack {
    /// Makes the namespace and one machine per configuration; every machine's power is off.
    ///
    /// # Errors
    ///
    /// Every [`QemuError`]; what was made until then is removed again.
    pub async fn start(
        directory: &Path,
        network: ProvisioningNetwork,
        machines: &[RackMachineConfig],
    ) -> Result<Self, QemuError> {
        let namespace = Namespace::create(network).await?;
        let mut rack = Self {
            machines: Vec::new(),
            namespace,
        };
        for (number, config) in (1_u8..).zip(machines) {
            let machine = rack.add(directory, number, config).await?;
            rack.machines.push(machine);
        }
        Ok(rack)
    }

    /// The network that all machines are on.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The machines in the order of their configurations.
    #[must_use]
    pub fn machines(&self) -> &[RackMachine] {
        &self.machines
    }

    async fn add(
        &self,
        directory: &Path,
        number: u8,
        config: &RackMachineConfig,
    ) -> Result<RackMachine, QemuError> {
        let directory = directory.join(format!("machine{number}"));
        let mac = MacAddress::new([0x52, 0x54, 0x00, 0x77, 0x00, number]);
        let uuid = Uuid::new_v5(&Uuid::NAMESPACE_OID, &[b'm', number]);
        let disk_serial = format!("CUPOLADISK{number:04}");
        let disk = directory.join("disk.raw");
        let tap = self.namespace.add_tap(usize::from(number)).await?;
        let machine = MachineConfig {
            name: format!("machine{number}"),
            directory: directory.clone(),
            firmware: config.firmware,
            memory_mib: config.memory_mib,
            processors: config.processors,
            identity: SmbiosIdentity {
                uuid,
                serial: format!("CUPOLA{number:06}"),
            },
            mac,
            network_card: "virtio-net-pci".to_owned(),
            card_rom: config.card_rom.clone(),
            network: NetworkAttachment::Tap(tap),
            disk: DiskConfig {
                path: disk.clone(),
                bytes: config.disk_bytes,
                serial: disk_serial.clone(),
                wwn: 0x5000_c500_0077_0000 + u64::from(number),
            },
            arguments: config.arguments.clone(),
        };
        let machine = Arc::new(QemuMachine::create(machine, Some(&self.namespace)).await?);
        let address = Ipv4Addr::new(10, 78, 0, number);
        self.namespace.add_bmc_address(address).await?;
        let bmc = IpmiSimConfig {
            directory: directory.join("bmc"),
            address: Some(SocketAddr::from((address, RMCP_PORT))),
            credentials: BmcCredentials {
                username: "admin".to_owned(),
                password: Secret::from("rack-password"),
            },
            guid: uuid,
        };
        let bmc = IpmiSim::start(bmc, machine.clone(), Some(&self.namespace)).await?;
        Ok(RackMachine {
            machine,
            bmc,
            mac,
            disk_serial,
            disk,
        })
    }
}
