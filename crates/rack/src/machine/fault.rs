//! What is wrong with a machine beside its BMC: its firmware, or its hardware while the ramdisk runs;
//! and from when on.

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::fault::RamdiskMoment;
use crate::firmware::FirmwareFault;

/// What may be wrong with a machine while its ramdisk runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RamdiskFault {
    /// The agent's process dies; the machine stays on.
    AgentCrashes,
    /// Heartbeats do not arrive; everything else does.
    HeartbeatsLost,
    /// The disk takes data at this rate; none at all at 0.
    WritesSlowly {
        /// KiB per second.
        kib_per_second: u32,
    },
    /// Images are damaged on their way through the machine's network card or memory.
    DamagesDownloads,
    /// The disk answers writes with an input/output error.
    DiskFails,
    /// The machine restarts by itself.
    Reboots,
}

#[derive(Clone, Debug)]
enum Planned {
    Firmware {
        fault: FirmwareFault,
        /// The number of the boot that it begins with.
        boot: u64,
    },
    Ramdisk {
        fault: RamdiskFault,
        from: RamdiskMoment,
        has_begun: bool,
    },
}

/// The faults of one machine.
#[derive(Debug, Default)]
pub(super) struct MachineFaults {
    planned: Mutex<Option<Planned>>,
    /// The agent's life is over: the machine crashed or restarts.
    struck: watch::Sender<Option<RamdiskFault>>,
}

impl MachineFaults {
    pub(super) fn plan_firmware(&self, fault: FirmwareFault, boot: u64) {
        *self.planned.lock() = Some(Planned::Firmware { fault, boot });
    }

    pub(super) fn plan_ramdisk(&self, fault: RamdiskFault, from: RamdiskMoment) {
        *self.planned.lock() = Some(Planned::Ramdisk {
            fault,
            from,
            has_begun: false,
        });
    }

    pub(super) fn repair(&self) {
        *self.planned.lock() = None;
        self.struck.send_replace(None);
    }

    /// What is wrong with the firmware at the boot of this number.
    pub(super) fn of_firmware(&self, number: u64) -> Option<FirmwareFault> {
        match *self.planned.lock() {
            Some(Planned::Firmware { fault, boot }) if number >= boot => Some(fault),
            _ => None,
        }
    }

    /// What is wrong under the ramdisk by now.
    pub(super) fn of_ramdisk(&self) -> Option<RamdiskFault> {
        match *self.planned.lock() {
            Some(Planned::Ramdisk {
                fault,
                has_begun: true,
                ..
            }) => Some(fault),
            _ => None,
        }
    }

    /// Whether something will be wrong with what the machine sends or receives.
    pub(super) fn is_of_network(&self) -> bool {
        matches!(
            *self.planned.lock(),
            Some(Planned::Ramdisk {
                fault: RamdiskFault::HeartbeatsLost | RamdiskFault::DamagesDownloads,
                ..
            })
        )
    }

    /// The ramdisk starts.
    pub(super) fn ramdisk_starts(&self) {
        self.struck.send_replace(None);
        self.begin(|from| *from == RamdiskMoment::Start);
        // Nothing else will tell it when.
        if self.of_ramdisk() == Some(RamdiskFault::AgentCrashes) {
            self.strike();
        }
    }

    /// The agent says what it does.
    pub(super) fn agent_says(&self, line: &str) {
        self.begin(|from| match from {
            RamdiskMoment::Start => false,
            RamdiskMoment::Step(step) => line
                .strip_suffix(step.as_str())
                .is_some_and(|before| before.ends_with(" step ")),
        });
    }

    fn begin(&self, now: impl Fn(&RamdiskMoment) -> bool) {
        if let Some(Planned::Ramdisk {
            from, has_begun, ..
        }) = &mut *self.planned.lock()
            && now(from)
        {
            *has_begun = true;
        }
    }

    /// Ends the agent's life now, where that is what is planned.
    pub(super) fn strike(&self) {
        if let Some(fault @ (RamdiskFault::AgentCrashes | RamdiskFault::Reboots)) =
            self.of_ramdisk()
        {
            self.struck.send_replace(Some(fault));
        }
    }

    /// Waits until the agent's life is over.
    pub(super) async fn struck(&self) -> RamdiskFault {
        let mut struck = self.struck.subscribe();
        loop {
            if let Some(fault) = *struck.borrow_and_update() {
                return fault;
            }
            if struck.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
