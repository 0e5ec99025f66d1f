//! What a machine does from power on to power off: self-test, boot, run, and again after a reset.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cupola_agent::{Agent, AgentConfig, AgentExit, KernelParameters};
use cupola_api::MacAddress;
use cupola_api::agent::BootMode;
use cupola_drivers::boot::ClientArchitecture;
use cupola_drivers::ipmi::wire::boot::BootDevice;
use cupola_drivers::ipmi::wire::chassis::ChassisControl;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::fault::RamdiskFault;
use super::platform::SimPlatform;
use super::wire::Wire;
use super::{Inner, Running, operating_system};
use crate::firmware::{self, FirmwareConfig, FirmwareFault, FirmwareOutcome, Rom};

/// How long an operating system takes to shut down when asked to.
const SOFT_SHUTDOWN: Duration = Duration::from_millis(300);

/// One period of being powered.
struct Powered {
    cancel: CancellationToken,
    life: JoinHandle<()>,
}

impl Powered {
    fn start(machine: &Arc<Inner>) -> Self {
        let cancel = CancellationToken::new();
        // Before the task runs, so that a BMC that reads back right after sees the change.
        machine.running.send_replace(Running::Firmware);
        let life = tokio::spawn(live(Arc::clone(machine), cancel.clone()));
        Self { cancel, life }
    }

    /// Cuts the power and waits until nothing runs any more.
    async fn cut(self, machine: &Inner) {
        self.cancel.cancel();
        // A panic of the machine's software ends it as a power cut does.
        if let Err(error) = self.life.await {
            tracing::warn!(machine = machine.spec.name, %error, "the machine's software crashed");
        }
        machine.running.send_replace(Running::Nothing);
    }
}

/// Carries out power commands, one after the other, until the rack is taken down.
pub(super) async fn supervise(
    machine: Arc<Inner>,
    mut commands: mpsc::Receiver<ChassisControl>,
    cancel: CancellationToken,
) {
    let mut powered: Option<Powered> = None;
    loop {
        let command = tokio::select! {
            () = cancel.cancelled() => None,
            command = commands.recv() => command,
        };
        let Some(command) = command else { break };
        let was_on = powered.as_ref().is_some_and(|p| !p.life.is_finished());
        if command == ChassisControl::PowerUp && was_on {
            continue;
        }
        if command == ChassisControl::DiagnosticInterrupt {
            machine.screen.line("NMI received for unknown reason");
            continue;
        }
        if command == ChassisControl::SoftShutdown && was_on {
            machine.screen.line("System is powering down");
            tokio::time::sleep(SOFT_SHUTDOWN).await;
        }
        if let Some(running) = powered.take() {
            running.cut(&machine).await;
        }
        powered = match command {
            ChassisControl::PowerUp | ChassisControl::PowerCycle | ChassisControl::HardReset => {
                Some(Powered::start(&machine))
            }
            ChassisControl::PowerDown
            | ChassisControl::SoftShutdown
            | ChassisControl::DiagnosticInterrupt => None,
        };
    }
    if let Some(running) = powered {
        running.cut(&machine).await;
    }
}

/// How something that ran came to its end.
enum Ended {
    /// The machine resets.
    Reset,
    /// It switched itself off.
    Off,
    /// It stands still until somebody cuts the power.
    Halted,
}

async fn live(machine: Arc<Inner>, cancel: CancellationToken) {
    loop {
        machine.running.send_replace(Running::Firmware);
        machine.boots.fetch_add(1, Ordering::Relaxed);
        machine.screen.clear();
        machine
            .screen
            .line(&format!("{} {}", machine.spec.name, machine.spec.serial));
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(machine.network.self_test) => {}
        }
        let ended = boot(&machine, &cancel).await;
        if cancel.is_cancelled() {
            return;
        }
        match ended {
            Ended::Reset => {}
            Ended::Off => {
                machine.running.send_replace(Running::Nothing);
                return;
            }
            Ended::Halted => {
                machine.running.send_if_modified(|running| {
                    let halts = *running == Running::Firmware;
                    if halts {
                        *running = Running::Halted;
                    }
                    halts
                });
                cancel.cancelled().await;
                return;
            }
        }
    }
}

/// Boots from the device that the BMC overrides, else from the network and then the disk.
async fn boot(machine: &Arc<Inner>, cancel: &CancellationToken) -> Ended {
    if machine.boot.is_ignored() {
        return start_from_disk(machine).await;
    }
    let device = machine
        .boot
        .take_for_boot()
        .map_or(BootDevice::None, |flags| flags.device);
    match device {
        BootDevice::Disk | BootDevice::Safe | BootDevice::RemoteDisk => {
            start_from_disk(machine).await
        }
        BootDevice::Bios | BootDevice::Diagnostic => {
            machine.screen.line("Setup utility. Reset to leave it.");
            Ended::Halted
        }
        // No media is in any drive: firmware goes on to the network.
        BootDevice::None
        | BootDevice::Pxe
        | BootDevice::Cdrom
        | BootDevice::RemoteFloppy
        | BootDevice::RemoteCdrom
        | BootDevice::RemoteMedia
        | BootDevice::Floppy
        | BootDevice::Other(_) => boot_from_network(machine, cancel).await,
    }
}

async fn boot_from_network(machine: &Arc<Inner>, cancel: &CancellationToken) -> Ended {
    let Some(config) = firmware_config(machine) else {
        return start_from_disk(machine).await;
    };
    match firmware::boot(&config, &machine.screen, cancel).await {
        FirmwareOutcome::Ramdisk { cmdline, .. } => {
            start_ramdisk(machine, &config, &cmdline, cancel).await
        }
        FirmwareOutcome::Disk { .. } => start_from_disk(machine).await,
        FirmwareOutcome::Reboot => Ended::Reset,
        FirmwareOutcome::Nothing { why } => {
            machine.screen.line(&why);
            Ended::Halted
        }
    }
}

fn firmware_config(machine: &Inner) -> Option<FirmwareConfig> {
    let fault = machine
        .faults
        .of_firmware(machine.boots.load(Ordering::Relaxed));
    let mac = machine.spec.macs.first().copied()?;
    Some(FirmwareConfig {
        mac: if fault == Some(FirmwareFault::WrongNic) {
            unknown_nic(mac)
        } else {
            mac
        },
        uuid: uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, machine.spec.serial.as_bytes()),
        architecture: match machine.spec.boot_mode {
            BootMode::Bios => ClientArchitecture::BiosX86,
            BootMode::Uefi => ClientArchitecture::UefiX64,
        },
        rom: Rom::Pxe,
        dhcp_server: machine.network.dhcp_server,
        tftp_port: machine.network.tftp_port,
        downloads: machine.network.downloads,
        timing: machine.network.timing.clone(),
        fault,
    })
}

/// An interface that nobody has written down.
fn unknown_nic(mac: MacAddress) -> MacAddress {
    let [a, b, _, d, e, f] = mac.octets();
    MacAddress::new([a, b, 0xee, d, e, f])
}

/// The ramdisk's kernel, and then its agent.
async fn start_ramdisk(
    machine: &Arc<Inner>,
    config: &FirmwareConfig,
    cmdline: &str,
    cancel: &CancellationToken,
) -> Ended {
    machine.running.send_replace(Running::Agent);
    machine.faults.ramdisk_starts();
    let address = tokio::select! {
        () = cancel.cancelled() => return Ended::Halted,
        address = firmware::kernel_address(config) => address,
    };
    match address {
        Ok(address) => run_agent(machine, cmdline, address.into(), cancel).await,
        Err(why) => {
            machine.screen.line(&why);
            Ended::Halted
        }
    }
}

async fn run_agent(
    machine: &Arc<Inner>,
    cmdline: &str,
    address: std::net::IpAddr,
    cancel: &CancellationToken,
) -> Ended {
    let parameters = KernelParameters::parse(cmdline);
    let mut config = match AgentConfig::from_kernel_parameters(&parameters) {
        Ok(config) => config,
        Err(error) => {
            machine
                .screen
                .line(&format!("Kernel panic - not syncing: {error}"));
            return Ended::Halted;
        }
    };
    // Many machines share this host: each agent gets a port of its own at its leased address.
    config.listen = (address, 0).into();
    config.advertise_host = Some(address);
    let wire = match machine.faults.is_of_network() {
        true => Wire::start(Arc::clone(machine)).await.ok(),
        false => None,
    };
    config.http_proxy = wire
        .as_ref()
        .and_then(|wire| format!("http://{}", wire.address).parse().ok());
    let life = cancel.child_token();
    let platform = SimPlatform::new(Arc::clone(machine), parameters, life.clone());
    let agent = Agent::new(config, Arc::new(platform)).run(life.clone());
    let ended = tokio::select! {
        fault = machine.faults.struck() => struck(machine, fault),
        exit = agent => left(machine, exit),
    };
    life.cancel();
    ended
}

fn left(machine: &Inner, exit: AgentExit) -> Ended {
    match exit {
        AgentExit::Reboot => Ended::Reset,
        AgentExit::PowerOff => Ended::Off,
        AgentExit::Cancelled | AgentExit::Rescue => Ended::Halted,
        AgentExit::Fatal(error) => {
            machine.screen.line(&format!("agent: {error}"));
            Ended::Halted
        }
    }
}

/// The agent's life ended without its doing.
fn struck(machine: &Inner, fault: RamdiskFault) -> Ended {
    if fault == RamdiskFault::Reboots {
        return Ended::Reset;
    }
    machine.screen.line("agent: killed by signal 11");
    Ended::Halted
}

async fn start_from_disk(machine: &Arc<Inner>) -> Ended {
    match operating_system::find(machine.disk.clone()).await {
        Ok(Some(system)) => {
            machine.running.send_replace(Running::OperatingSystem);
            machine.screen.line(&format!("{} login: ", system.hostname));
        }
        Ok(None) => machine.screen.line("No bootable device."),
        Err(error) => machine.screen.line(&format!("Disk error: {error}")),
    }
    Ended::Halted
}
