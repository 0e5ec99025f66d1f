//! The kinds of interfaces that a hardware type is made of, as the Bare Metal API names them.

use std::fmt;

use cupola_api::node::Interfaces;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident => $name:literal, $field:ident;)*) => {
        /// A kind of interface.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum InterfaceKind { $($(#[$doc])* $variant,)* }

        impl InterfaceKind {
            /// All of them, in the order of their names.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name, such as `boot`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// What a node uses of this kind.
            #[must_use]
            pub fn of(self, interfaces: &Interfaces) -> Option<&str> {
                match self { $(Self::$variant => interfaces.$field.as_deref()),* }
            }

            /// Where a node keeps what it uses of this kind.
            pub fn slot(self, interfaces: &mut Interfaces) -> &mut Option<String> {
                match self { $(Self::$variant => &mut interfaces.$field),* }
            }
        }
    };
}

kinds! {
    /// Firmware settings.
    Bios => "bios", bios_interface;
    /// How the ramdisk and the instance are booted.
    Boot => "boot", boot_interface;
    /// Serial or graphical console.
    Console => "console", console_interface;
    /// How the image gets onto the machine.
    Deploy => "deploy", deploy_interface;
    /// Firmware updates.
    Firmware => "firmware", firmware_interface;
    /// How hardware is discovered.
    Inspect => "inspect", inspect_interface;
    /// Boot device, sensors, indicators.
    Management => "management", management_interface;
    /// Networks of a node in its phases.
    Network => "network", network_interface;
    /// Power control.
    Power => "power", power_interface;
    /// RAID configuration.
    Raid => "raid", raid_interface;
    /// The rescue ramdisk.
    Rescue => "rescue", rescue_interface;
    /// Remote volumes.
    Storage => "storage", storage_interface;
    /// Vendor passthru.
    Vendor => "vendor", vendor_interface;
}

impl InterfaceKind {
    /// The kind of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for InterfaceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
