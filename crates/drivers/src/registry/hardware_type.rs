//! The hardware types and the interfaces that each takes, in its order of preference (wire
//! reference §20): the first one that is there is the default. Interfaces that are named here and
//! implemented nowhere are simply not there.

use crate::interface::InterfaceKind;

/// A named set of interfaces.
#[derive(Debug)]
pub struct HardwareType {
    /// Its name, as `driver` of a node.
    pub name: &'static str,
    preferences: &'static [(InterfaceKind, &'static [&'static str])],
}

impl HardwareType {
    /// The interfaces of this kind that it takes, the preferred one first.
    #[must_use]
    pub fn interfaces(&self, kind: InterfaceKind) -> &'static [&'static str] {
        self.preferences
            .iter()
            .find(|(k, _)| *k == kind)
            .map_or(&[], |(_, names)| names)
    }
}

use InterfaceKind as K;

/// Every hardware type there is.
pub const TYPES: &[HardwareType] = &[
    HardwareType {
        name: "ipmi",
        preferences: &[
            (K::Bios, &["no-bios"]),
            (K::Boot, &["ipxe", "pxe", "http-ipxe", "http"]),
            (K::Console, &["ipmitool-socat", "no-console"]),
            (K::Deploy, &["direct", "ramdisk", "custom-agent"]),
            (K::Firmware, &["no-firmware"]),
            (K::Inspect, &["agent", "no-inspect"]),
            (K::Management, &["ipmitool", "noop"]),
            (K::Network, &["noop", "flat"]),
            (K::Power, &["ipmitool"]),
            (K::Raid, &["no-raid", "agent"]),
            (K::Rescue, &["no-rescue", "agent"]),
            (K::Storage, &["noop"]),
            (K::Vendor, &["ipmitool", "no-vendor"]),
        ],
    },
    HardwareType {
        name: "redfish",
        preferences: &[
            (K::Bios, &["redfish", "no-bios"]),
            (
                K::Boot,
                &[
                    "ipxe",
                    "pxe",
                    "http-ipxe",
                    "http",
                    "redfish-virtual-media",
                    "redfish-https",
                ],
            ),
            (
                K::Console,
                &["redfish-graphical", "ipmitool-socat", "no-console"],
            ),
            (K::Deploy, &["direct", "ramdisk", "custom-agent"]),
            (K::Firmware, &["redfish", "no-firmware"]),
            (K::Inspect, &["redfish", "agent", "no-inspect"]),
            (K::Management, &["redfish", "noop"]),
            (K::Network, &["noop", "flat"]),
            (K::Power, &["redfish"]),
            (K::Raid, &["redfish", "no-raid", "agent"]),
            (K::Rescue, &["no-rescue", "agent"]),
            (K::Storage, &["noop"]),
            (K::Vendor, &["redfish", "no-vendor"]),
        ],
    },
    HardwareType {
        name: "fake-hardware",
        preferences: &[
            (K::Bios, &["fake", "no-bios"]),
            (K::Boot, &["fake", "ipxe", "pxe", "http-ipxe", "http"]),
            (K::Console, &["fake", "no-console"]),
            (K::Deploy, &["fake", "direct", "ramdisk", "custom-agent"]),
            (K::Firmware, &["fake", "no-firmware"]),
            (K::Inspect, &["fake", "agent", "no-inspect"]),
            (K::Management, &["fake"]),
            (K::Network, &["noop", "flat"]),
            (K::Power, &["fake"]),
            (K::Raid, &["fake", "no-raid", "agent"]),
            (K::Rescue, &["fake", "no-rescue", "agent"]),
            (K::Storage, &["noop"]),
            (K::Vendor, &["fake", "no-vendor"]),
        ],
    },
];
