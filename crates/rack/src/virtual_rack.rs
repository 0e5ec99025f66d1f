//! A rack of simulated machines, each behind its own simulated BMC.
//!
//! The rack only stands there: nobody has enrolled its machines. [`VirtualRack::enrolment`] says what
//! an operator would type to enrol one.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use cupola_api::{MacAddress, Secret};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::bmc::{BmcConfig, BmcFarm, BmcUser, BootOptions, SimBmc};
use crate::fault::{BmcMoment, FaultPlan};
use crate::machine::{MachineNetwork, MachineSpec, SimMachine};

/// What a rack is made of.
#[derive(Debug)]
pub struct RackConfig {
    /// Its machines.
    pub machines: Vec<MachineSpec>,
    /// Where the files lie that stand for their disks.
    pub disks: PathBuf,
    /// Where their network cables lead.
    pub network: MachineNetwork,
    /// The administrator of every BMC.
    pub user: String,
    /// That user's password.
    pub password: Secret,
}

/// One machine and its BMC. Clones are the same machine.
#[derive(Clone)]
pub struct RackMachine {
    /// The machine.
    pub machine: SimMachine,
    /// Its BMC.
    pub bmc: Arc<SimBmc>,
    /// Where its BMC listens.
    pub bmc_address: SocketAddr,
    /// Ends the wait for the moment of a planned fault.
    watch: Arc<Mutex<CancellationToken>>,
}

impl RackMachine {
    /// Breaks it as planned, until [`RackMachine::repair`]; what was planned before is repaired.
    pub fn break_down(&self, plan: FaultPlan) {
        self.repair();
        match plan {
            FaultPlan::Firmware { fault, boot } => self.machine.break_firmware(fault, boot),
            FaultPlan::Ramdisk { fault, from } => self.machine.break_ramdisk(fault, from),
            FaultPlan::Bmc {
                fault,
                from: BmcMoment::Now,
            } => self.bmc.set_fault(Some(fault)),
            FaultPlan::Bmc {
                fault,
                from: BmcMoment::Once(state),
            } => {
                let mut running = self.machine.running();
                let bmc = Arc::clone(&self.bmc);
                let watch = self.watch.lock().clone();
                tokio::spawn(async move {
                    tokio::select! {
                        () = watch.cancelled() => {}
                        // An error means that the machine is gone.
                        seen = running.wait_for(|now| *now == state) => if seen.is_ok() {
                            bmc.set_fault(Some(fault));
                        },
                    }
                });
            }
        }
    }

    /// Nothing is wrong with it any more.
    pub fn repair(&self) {
        std::mem::take(&mut *self.watch.lock()).cancel();
        self.bmc.set_fault(None);
        self.machine.repair();
    }
}

/// A rack of simulated machines. They stop when it is dropped.
pub struct VirtualRack {
    farm: BmcFarm,
    machines: Vec<RackMachine>,
    user: String,
    password: Secret,
    cancel: CancellationToken,
}

impl VirtualRack {
    /// Puts the machines into the rack; all of them are off.
    ///
    /// # Errors
    /// When a disk's file cannot be made or no socket can be opened.
    pub async fn start(config: RackConfig) -> io::Result<Self> {
        let disks = config.disks.clone();
        tokio::fs::create_dir_all(&disks).await?;
        let cancel = CancellationToken::new();
        let mut rack = Self {
            farm: BmcFarm::default(),
            machines: Vec::with_capacity(config.machines.len()),
            user: config.user,
            password: config.password,
            cancel,
        };
        for spec in config.machines {
            let machine = rack.add(spec, &disks, &config.network).await?;
            rack.machines.push(machine);
        }
        Ok(rack)
    }

    async fn add(
        &self,
        spec: MachineSpec,
        disks: &std::path::Path,
        network: &MachineNetwork,
    ) -> io::Result<RackMachine> {
        let boot = Arc::new(BootOptions::default());
        let user = BmcUser::administrator(self.user.clone(), self.password.expose());
        let bmc_config = BmcConfig::new(bmc_mac(&spec), user);
        let bmc_host = bmc_config.address;
        let disk = disks.join(format!("{}.disk", spec.serial));
        let machine = SimMachine::new(
            spec,
            disk,
            bmc_host.to_string(),
            network.clone(),
            Arc::clone(&boot),
            self.cancel.child_token(),
        )?;
        let bmc = Arc::new(SimBmc::new(bmc_config, Arc::new(machine.clone()), boot));
        let bmc_address = self.farm.add(Arc::clone(&bmc)).await?;
        Ok(RackMachine {
            machine,
            bmc,
            bmc_address,
            watch: Arc::default(),
        })
    }

    /// The machines, in the order of their positions.
    #[must_use]
    pub fn machines(&self) -> &[RackMachine] {
        &self.machines
    }

    /// What enrols the machine: the body of a `POST /v1/nodes` but for its kernel and ramdisk.
    #[must_use]
    pub fn enrolment(&self, machine: &RackMachine) -> Value {
        let spec = machine.machine.spec();
        json!({
            "name": spec.name,
            "driver": "ipmi",
            "driver_info": {
                "ipmi_address": machine.bmc_address.ip(),
                "ipmi_port": machine.bmc_address.port(),
                "ipmi_username": self.user,
                "ipmi_password": self.password.expose(),
            },
            "resource_class": "baremetal",
        })
    }

    /// Switches everything off and waits until it is.
    pub async fn stop(&self) {
        self.cancel.cancel();
        self.farm.stop().await;
        for rack_machine in &self.machines {
            let mut running = rack_machine.machine.running();
            // An error means that the machine is gone already.
            let _ = running
                .wait_for(|now| *now == crate::machine::Running::Nothing)
                .await;
        }
    }
}

impl Drop for VirtualRack {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// The BMC's own address: the machine's, with another third octet.
fn bmc_mac(spec: &MachineSpec) -> MacAddress {
    let first = spec
        .macs
        .first()
        .map_or([0x52, 0x54, 0, 0, 0, 0], MacAddress::octets);
    let [a, b, _, d, e, f] = first;
    MacAddress::new([a, b, 0xbc, d, e, f])
}
