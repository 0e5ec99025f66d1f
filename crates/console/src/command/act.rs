//! What can be done to a node, as a command names it. How it is asked and sent is not here.

use cupola_api::resource::BootDevice;
use cupola_api::state::power::PowerTarget;
use cupola_api::state::provision::ProvisionVerb;

/// A flag of a node that a person sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Flag {
    /// It is taken out of use: `provide` is refused.
    Retired,
    /// Its instance is not torn down or deployed again.
    Protected,
}

impl Flag {
    /// Its name, in Ironic and to a person.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Retired => "retired",
            Self::Protected => "protected",
        }
    }
}

/// What is done to nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Act {
    /// A provision verb is sent; clean and service ask for their steps, rescue for a password.
    Verb(ProvisionVerb),
    /// A power request is sent.
    Power(PowerTarget),
    /// An image is chosen, then deployed.
    Deploy,
    /// Put into maintenance, or taken out.
    Maintenance,
    /// A device to boot from is set, for good or for the next boot.
    BootDevice(BootDevice, bool),
    /// A non-maskable interrupt is raised.
    Nmi,
    /// The locate LED is lit, or goes out.
    Locate(bool),
    /// The serial console is enabled, or disabled.
    Console(bool),
    /// A flag is set, or unset.
    Flag(Flag, bool),
    /// Deleted from the service.
    Delete,
}

impl Act {
    /// Whether it destroys or interrupts what may run on the machine, so that it asks first.
    pub(crate) const fn destroys(self) -> bool {
        match self {
            Self::Verb(verb) => verb_destroys(verb),
            Self::Power(target) => power_destroys(target),
            Self::Delete | Self::Deploy | Self::Nmi => true,
            Self::Maintenance
            | Self::BootDevice(..)
            | Self::Locate(_)
            | Self::Console(_)
            | Self::Flag(..) => false,
        }
    }
}

/// Whether a verb destroys or interrupts what may run on the machine.
const fn verb_destroys(verb: ProvisionVerb) -> bool {
    use ProvisionVerb as V;
    match verb {
        V::Active
        | V::Deploy
        | V::Rebuild
        | V::Deleted
        | V::Undeploy
        | V::Clean
        | V::Service
        | V::Rescue
        | V::Abort => true,
        V::Manage | V::Provide | V::Inspect | V::Adopt | V::Unrescue | V::Unhold => false,
    }
}

/// Whether a power request interrupts what may run on the machine.
const fn power_destroys(target: PowerTarget) -> bool {
    use PowerTarget as P;
    match target {
        P::Off | P::Reboot | P::SoftOff | P::SoftReboot => true,
        P::On => false,
    }
}
