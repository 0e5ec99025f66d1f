//! The boot ladder: the rungs that every deploy, cleaning and inspection climbs, in their order.
//!
//! The highest rung that was reached says where a boot stopped; only causes of the next one are
//! worth a thought. Which events reach which rung is the service's knowledge; what an explanation
//! is made of is in [`crate::diagnosis`].

use std::fmt;

use serde::{Deserialize, Serialize};

/// A rung of the boot ladder; a lower one compares as less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// The BMC answers.
    BmcAnswers,
    /// The BMC takes user, password and privilege.
    BmcSession,
    /// The boot device is set, and reads back as set.
    BootDevice,
    /// The power changed as it was told to.
    Power,
    /// The firmware asks DHCP for an address.
    DhcpDiscover,
    /// The firmware took the address that it was offered.
    DhcpAck,
    /// The boot loader went over whole.
    Loader,
    /// iPXE runs and asks DHCP.
    Ipxe,
    /// iPXE fetched its node's script.
    Script,
    /// Kernel and ramdisk went over whole.
    Ramdisk,
    /// The ramdisk's kernel lives: it asks DHCP by itself.
    Kernel,
    /// The agent asked which node it runs on.
    Lookup,
    /// The agent's first heartbeat was taken.
    Heartbeat,
    /// A step runs in the agent and ends.
    Step,
    /// The image is on the disk, its checksum is right, and the machine will start from it.
    Image,
    /// The machine is started from its disk.
    DiskBoot,
    /// The instance itself was heard of.
    Instance,
}

impl Rung {
    /// All of them, from the lowest.
    pub const ALL: [Self; 17] = [
        Self::BmcAnswers,
        Self::BmcSession,
        Self::BootDevice,
        Self::Power,
        Self::DhcpDiscover,
        Self::DhcpAck,
        Self::Loader,
        Self::Ipxe,
        Self::Script,
        Self::Ramdisk,
        Self::Kernel,
        Self::Lookup,
        Self::Heartbeat,
        Self::Step,
        Self::Image,
        Self::DiskBoot,
        Self::Instance,
    ];

    /// Its position, from 1 for the lowest.
    #[must_use]
    pub const fn number(self) -> usize {
        self as usize + 1
    }

    /// The one above it.
    #[must_use]
    pub fn above(self) -> Option<Self> {
        Self::ALL.get(self.number()).copied()
    }

    /// What a person calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BmcAnswers => "BMC answers",
            Self::BmcSession => "BMC session",
            Self::BootDevice => "boot device",
            Self::Power => "power",
            Self::DhcpDiscover => "DHCP discover",
            Self::DhcpAck => "DHCP ack",
            Self::Loader => "boot loader",
            Self::Ipxe => "iPXE",
            Self::Script => "boot script",
            Self::Ramdisk => "kernel and ramdisk",
            Self::Kernel => "kernel alive",
            Self::Lookup => "agent lookup",
            Self::Heartbeat => "agent heartbeat",
            Self::Step => "step",
            Self::Image => "image",
            Self::DiskBoot => "reboot to disk",
            Self::Instance => "instance",
        }
    }

    /// What is seen when it is reached, and by whom.
    #[must_use]
    pub const fn observed(self) -> &'static str {
        match self {
            Self::BmcAnswers => "the BMC answers IPMI",
            Self::BmcSession => "the BMC accepts the login with sufficient privilege",
            Self::BootDevice => "the BMC takes the boot device and reads it back",
            Self::Power => "the BMC reads the power state that was asked for",
            Self::DhcpDiscover => "the machine's firmware asks DHCP for an address",
            Self::DhcpAck => "the firmware takes the address that it is offered",
            Self::Loader => "the boot loader is fetched to its last byte",
            Self::Ipxe => "iPXE starts and asks DHCP",
            Self::Script => "iPXE fetches the node's boot script",
            Self::Ramdisk => "kernel and ramdisk are fetched to the last byte",
            Self::Kernel => "the ramdisk's kernel asks DHCP for an address",
            Self::Lookup => "the agent asks the API which node it runs on",
            Self::Heartbeat => "the agent sends heartbeats",
            Self::Step => "the agent finishes the step",
            Self::Image => "the agent writes the image and its checksum is right",
            Self::DiskBoot => "the machine is powered on to start from its disk",
            Self::Instance => "the instance asks DHCP or calls back",
        }
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rungs_stand_in_their_order() {
        for (position, rung) in (1..).zip(Rung::ALL) {
            assert_eq!(rung.number(), position);
            assert_eq!(rung.above(), Rung::ALL.get(position).copied());
        }
        assert!(Rung::ALL.is_sorted());
    }
}
