//! What a BMC switches: the machine behind it, and a plain one without a machine for tests.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use cupola_drivers::ipmi::wire::chassis::ChassisControl;
use parking_lot::Mutex;

use super::{boot::BootOptions, serial::SerialPort};

/// Why a machine does not carry out a power command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChassisRefusal {
    /// Not in this power state: answered with completion code D5h.
    #[error("not possible in the present power state")]
    NotInPresentState,
    /// The machine does not answer the BMC: answered with completion code FFh.
    #[error("the machine does not answer its BMC")]
    Unspecified,
}

/// The machine behind a BMC.
#[async_trait]
pub trait Chassis: Send + Sync + 'static {
    /// Whether the main power is on at this moment.
    fn power_on(&self) -> bool;

    /// Carries out a power command. Returns when the command is accepted, as a BMC answers, not when
    /// it is done: the BMC serves nothing else until then.
    async fn control(&self, control: ChassisControl) -> Result<(), ChassisRefusal>;

    /// The serial port that leads to the BMC, where the machine has one.
    fn serial(&self) -> Option<SerialPort> {
        None
    }
}

/// A chassis with a power state and nothing behind it. At each power-up it consumes the boot
/// options, as firmware does.
#[derive(Debug, Clone)]
pub struct PlainChassis {
    state: Arc<Mutex<bool>>,
    delay: Duration,
    boot: Arc<BootOptions>,
    serial: Option<SerialPort>,
}

impl PlainChassis {
    /// A chassis that is off and follows a power command after `delay`.
    #[must_use]
    pub fn new(delay: Duration, boot: Arc<BootOptions>) -> Self {
        Self {
            state: Arc::default(),
            delay,
            boot,
            serial: None,
        }
    }

    /// The same with a serial port that leads to its BMC.
    #[must_use]
    pub fn with_serial(mut self, port: SerialPort) -> Self {
        self.serial = Some(port);
        self
    }

    fn later(&self, on: bool) {
        let chassis = self.clone();
        let switch = move || {
            *chassis.state.lock() = on;
            if on {
                chassis.boot.take_for_boot();
            }
        };
        if self.delay.is_zero() {
            switch();
        } else {
            let delay = self.delay;
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                switch();
            });
        }
    }
}

#[async_trait]
impl Chassis for PlainChassis {
    fn power_on(&self) -> bool {
        *self.state.lock()
    }

    async fn control(&self, control: ChassisControl) -> Result<(), ChassisRefusal> {
        match control {
            ChassisControl::PowerDown | ChassisControl::SoftShutdown => self.later(false),
            ChassisControl::PowerUp => self.later(true),
            ChassisControl::PowerCycle | ChassisControl::HardReset => {
                if !self.power_on() {
                    return Err(ChassisRefusal::NotInPresentState);
                }
                self.later(true);
            }
            ChassisControl::DiagnosticInterrupt => {}
        }
        Ok(())
    }

    fn serial(&self) -> Option<SerialPort> {
        self.serial.clone()
    }
}
