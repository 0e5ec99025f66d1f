//! A simulated machine: power supply, firmware, disk, and what runs on it.
//!
//! Its BMC (`crate::bmc`) switches it; its firmware (`crate::firmware`) really asks the boot
//! services; the agent that then runs is the real one, with a sparse file as its disk. After a
//! deploy it starts from that file and shows a login prompt on its screen.
//!
//! Nothing here decides what to provision: the machine only does what hardware does.

mod disk;
mod fault;
mod life;
mod operating_system;
mod platform;
mod screen;
mod serial;
mod spec;
mod wire;
mod writers;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use cupola_drivers::ipmi::wire::chassis::ChassisControl;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::bmc::{BootOptions, Chassis, ChassisRefusal, SerialPort};
use crate::fault::RamdiskMoment;
use crate::firmware::{Downloads, FirmwareFault, FirmwareTiming};
use fault::MachineFaults;

pub use fault::RamdiskFault;
pub use screen::MachineScreen;
pub use spec::{DiskSpec, MachineSpec};

/// Power commands that wait for the machine; a BMC refuses more.
const COMMANDS: usize = 8;

/// Where a machine's network cable leads, and how its firmware behaves.
#[derive(Clone, Debug)]
pub struct MachineNetwork {
    /// The DHCP server; on loopback there is no broadcast to find it with.
    pub dhcp_server: SocketAddr,
    /// The port of the TFTP server.
    pub tftp_port: u16,
    /// How much of kernel and ramdisk is really fetched.
    pub downloads: Downloads,
    /// How patient the firmware is.
    pub timing: FirmwareTiming,
    /// How long the self-test takes before anything boots.
    pub self_test: Duration,
}

/// What a machine does at a moment, for who looks at the rack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Running {
    /// It is off.
    Nothing,
    /// Its firmware: self-test, or a netboot.
    Firmware,
    /// The deploy ramdisk with its agent.
    Agent,
    /// What its disk holds.
    OperatingSystem,
    /// It is on, but nothing boots.
    Halted,
}

/// A machine of the virtual rack. Cheap to clone; it lives until its token is cancelled.
#[derive(Clone)]
pub struct SimMachine {
    inner: Arc<Inner>,
}

/// What the machine's tasks share.
struct Inner {
    spec: MachineSpec,
    disk: PathBuf,
    bmc_address: String,
    network: MachineNetwork,
    boot: Arc<BootOptions>,
    running: watch::Sender<Running>,
    boots: AtomicU64,
    faults: MachineFaults,
    writers: Arc<writers::Writers>,
    screen: MachineScreen,
    serial: SerialPort,
    commands: mpsc::Sender<ChassisControl>,
}

impl SimMachine {
    /// Builds a machine that is off, with an empty disk at `disk` unless there is a file already.
    ///
    /// # Errors
    /// When the file of its disk cannot be made.
    pub fn new(
        spec: MachineSpec,
        disk: PathBuf,
        bmc_address: String,
        network: MachineNetwork,
        boot: Arc<BootOptions>,
        cancel: CancellationToken,
    ) -> io::Result<Self> {
        disk::create(&disk, spec.disk.size)?;
        let (commands, received) = mpsc::channel(COMMANDS);
        let (port, typed) = SerialPort::new();
        let inner = Arc::new(Inner {
            spec,
            disk,
            bmc_address,
            network,
            boot,
            running: watch::Sender::new(Running::Nothing),
            boots: AtomicU64::new(0),
            faults: MachineFaults::default(),
            writers: Arc::default(),
            screen: MachineScreen::on(port.clone()),
            serial: port,
            commands,
        });
        tokio::spawn(serial::listen(Arc::clone(&inner), typed, cancel.clone()));
        tokio::spawn(life::supervise(Arc::clone(&inner), received, cancel));
        Ok(Self { inner })
    }

    /// The hardware.
    #[must_use]
    pub fn spec(&self) -> &MachineSpec {
        &self.inner.spec
    }

    /// What it does now and from now on.
    #[must_use]
    pub fn running(&self) -> watch::Receiver<Running> {
        self.inner.running.subscribe()
    }

    /// How often it has booted, whatever from.
    #[must_use]
    pub fn boots(&self) -> u64 {
        self.inner.boots.load(Ordering::Relaxed)
    }

    /// How many wrote to its disk at the same time at the most.
    #[must_use]
    pub fn most_disk_writers(&self) -> u32 {
        self.inner.writers.most()
    }

    /// What its screen shows.
    #[must_use]
    pub fn screen(&self) -> &MachineScreen {
        &self.inner.screen
    }

    /// The file that stands for its disk.
    #[must_use]
    pub fn disk(&self) -> &std::path::Path {
        &self.inner.disk
    }

    /// Makes its firmware fail in this way from that boot on, 0 being the next.
    pub fn break_firmware(&self, fault: FirmwareFault, boot: u64) {
        self.inner
            .faults
            .plan_firmware(fault, self.boots() + 1 + boot);
    }

    /// Makes it fail in this way under its ramdisk.
    pub fn break_ramdisk(&self, fault: RamdiskFault, from: RamdiskMoment) {
        self.inner.faults.plan_ramdisk(fault, from);
    }

    /// Nothing is wrong with it any more; what has happened is not undone.
    pub fn repair(&self) {
        self.inner.faults.repair();
    }
}

#[async_trait]
impl Chassis for SimMachine {
    fn power_on(&self) -> bool {
        *self.inner.running.borrow() != Running::Nothing
    }

    async fn control(&self, control: ChassisControl) -> Result<(), ChassisRefusal> {
        let needs_power = match control {
            ChassisControl::PowerCycle
            | ChassisControl::HardReset
            | ChassisControl::DiagnosticInterrupt => true,
            ChassisControl::PowerUp | ChassisControl::PowerDown | ChassisControl::SoftShutdown => {
                false
            }
        };
        if needs_power && !self.power_on() {
            return Err(ChassisRefusal::NotInPresentState);
        }
        self.inner
            .commands
            .try_send(control)
            .map_err(|_| ChassisRefusal::Unspecified)
    }

    fn serial(&self) -> Option<SerialPort> {
        Some(self.inner.serial.clone())
    }
}
