//! Faults of a machine of the virtual rack: what breaks, and from when on. A fault stays until it is
//! repaired, as in a real rack.
//!
//! A plan pairs each kind of fault only with moments that it can begin at. How a fault is played is
//! where the part is: `bmc`, `firmware`, `machine`.

use std::time::Duration;

pub use crate::bmc::BmcFault;
pub use crate::firmware::FirmwareFault;
pub use crate::machine::{RamdiskFault, Running};

/// What breaks, and when.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultPlan {
    /// The BMC.
    Bmc {
        /// What is wrong with it.
        fault: BmcFault,
        /// From when on.
        from: BmcMoment,
    },
    /// What the machine does between power on and its first operating system.
    Firmware {
        /// What is wrong with it.
        fault: FirmwareFault,
        /// From which boot on, the next being 0.
        boot: u64,
    },
    /// The machine while the deploy ramdisk runs.
    Ramdisk {
        /// What is wrong with it.
        fault: RamdiskFault,
        /// From when on.
        from: RamdiskMoment,
    },
}

/// When a BMC breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BmcMoment {
    /// Now.
    Now,
    /// As soon as the machine does this.
    Once(Running),
}

/// When the machine breaks under its ramdisk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RamdiskMoment {
    /// As soon as the ramdisk runs.
    Start,
    /// When the agent begins the step of this name, without its interface.
    Step(String),
}

impl FaultPlan {
    /// One of each, at the moment where it shows best, with a short name.
    #[must_use]
    pub fn show() -> Vec<(&'static str, Self)> {
        let bmc = |fault| Self::Bmc {
            fault,
            from: BmcMoment::Now,
        };
        let firmware = |fault| Self::Firmware { fault, boot: 0 };
        let write = |fault| Self::Ramdisk {
            fault,
            from: RamdiskMoment::Step("write_image".to_owned()),
        };
        let start = |fault| Self::Ramdisk {
            fault,
            from: RamdiskMoment::Start,
        };
        vec![
            ("password-refused", bmc(BmcFault::RefusesPassword)),
            ("bmc-silent", bmc(BmcFault::Silent)),
            (
                "bmc-late",
                bmc(BmcFault::AnswersLate(Duration::from_secs(60))),
            ),
            ("bmc-drops-packets", bmc(BmcFault::DropsPackets(0.97))),
            ("power-lies", bmc(BmcFault::LiesAboutPower { on: false })),
            ("boot-device-ignored", bmc(BmcFault::IgnoresBootDevice)),
            ("no-pxe", firmware(FirmwareFault::NoPxe)),
            ("wrong-nic", firmware(FirmwareFault::WrongNic)),
            ("no-lease", firmware(FirmwareFault::NoLease)),
            ("tftp-stalls", firmware(FirmwareFault::LoaderStalls)),
            ("agent-crashes", write(RamdiskFault::AgentCrashes)),
            ("heartbeats-lost", start(RamdiskFault::HeartbeatsLost)),
            (
                "disk-stalls",
                write(RamdiskFault::WritesSlowly { kib_per_second: 0 }),
            ),
            ("image-damaged", start(RamdiskFault::DamagesDownloads)),
            ("disk-fails", write(RamdiskFault::DiskFails)),
            ("reboots", write(RamdiskFault::Reboots)),
        ]
    }
}
