//! The names of provision states and verbs (wire reference §9.1 and §10.1).
//!
//! What moves a node from one to the other is the table in [`super::transition`].

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::microversion::Microversion;

macro_rules! names {
    ($(#[$doc:meta])* $type:ident { $($(#[$vdoc:meta])* $variant:ident => $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $type { $($(#[$vdoc])* #[serde(rename = $text)] $variant,)* }

        impl $type {
            /// All of them, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// Reads the name on the wire.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|s| s.as_str() == text)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

names! {
    /// A node's provision state.
    ProvisionState {
        /// Known, but its BMC has not been verified.
        Enroll => "enroll",
        /// The BMC's credentials are being verified.
        Verifying => "verifying",
        /// Under management, not offered for deployment.
        Manageable => "manageable",
        /// Cleaned and ready for deployment.
        Available => "available",
        /// Its hardware is being inspected.
        Inspecting => "inspecting",
        /// Inspection waits for the ramdisk.
        InspectWait => "inspect wait",
        /// Inspection failed.
        InspectFailed => "inspect failed",
        /// A clean step runs.
        Cleaning => "cleaning",
        /// Cleaning waits for the ramdisk.
        CleanWait => "clean wait",
        /// Cleaning is held by a step.
        CleanHold => "clean hold",
        /// Cleaning failed.
        CleanFailed => "clean failed",
        /// A deploy step runs.
        Deploying => "deploying",
        /// The deploy waits for the ramdisk.
        DeployWait => "wait call-back",
        /// The deploy is held by a step.
        DeployHold => "deploy hold",
        /// The deploy failed.
        DeployFailed => "deploy failed",
        /// In use: its image runs.
        Active => "active",
        /// Its instance is being torn down.
        Deleting => "deleting",
        /// Tearing down failed.
        Error => "error",
        /// A machine already in use is being taken over.
        Adopting => "adopting",
        /// Taking over failed.
        AdoptFailed => "adopt failed",
        /// The rescue ramdisk is being started.
        Rescuing => "rescuing",
        /// Rescue waits for the ramdisk.
        RescueWait => "rescue wait",
        /// The rescue ramdisk runs.
        Rescue => "rescue",
        /// Rescue failed.
        RescueFailed => "rescue failed",
        /// The instance is being started again after rescue.
        Unrescuing => "unrescuing",
        /// Leaving rescue failed.
        UnrescueFailed => "unrescue failed",
        /// A service step runs on an active node.
        Servicing => "servicing",
        /// Servicing waits for the ramdisk.
        ServiceWait => "service wait",
        /// Servicing is held by a step.
        ServiceHold => "service hold",
        /// Servicing failed.
        ServiceFailed => "service failed",
    }
}

names! {
    /// The `target` of a provision request, as it is on the wire.
    ProvisionVerb {
        /// Deploy the image of `instance_info`.
        Active => "active",
        /// The same as `active` (microversion 1.73).
        Deploy => "deploy",
        /// Deploy again over what is there.
        Rebuild => "rebuild",
        /// Tear the instance down.
        Deleted => "deleted",
        /// The same as `deleted` (microversion 1.73).
        Undeploy => "undeploy",
        /// Verify the BMC and take under management.
        Manage => "manage",
        /// Clean and offer for deployment.
        Provide => "provide",
        /// Inspect the hardware.
        Inspect => "inspect",
        /// Stop what waits or is held.
        Abort => "abort",
        /// Run the given clean steps.
        Clean => "clean",
        /// Take over a machine that is in use already.
        Adopt => "adopt",
        /// Start the rescue ramdisk.
        Rescue => "rescue",
        /// Leave rescue.
        Unrescue => "unrescue",
        /// Go on after a hold.
        Unhold => "unhold",
        /// Run service steps on an active node.
        Service => "service",
    }
}

impl ProvisionState {
    /// The `target_provision_state` while a node is in this state; none in stable states.
    #[must_use]
    pub const fn target(self) -> Option<Self> {
        match self {
            Self::Enroll | Self::Manageable | Self::Available | Self::Active | Self::Rescue => None,
            Self::Verifying | Self::Inspecting | Self::InspectWait | Self::InspectFailed => {
                Some(Self::Manageable)
            }
            Self::Cleaning
            | Self::CleanWait
            | Self::CleanHold
            | Self::CleanFailed
            | Self::Deleting
            | Self::Error => Some(Self::Available),
            Self::Deploying
            | Self::DeployWait
            | Self::DeployHold
            | Self::DeployFailed
            | Self::Adopting
            | Self::AdoptFailed
            | Self::Unrescuing
            | Self::UnrescueFailed
            | Self::Servicing
            | Self::ServiceWait
            | Self::ServiceHold
            | Self::ServiceFailed => Some(Self::Active),
            Self::Rescuing | Self::RescueWait | Self::RescueFailed => Some(Self::Rescue),
        }
    }

    /// Whether the conductor itself is working on the node in this state.
    #[must_use]
    pub const fn is_working(self) -> bool {
        matches!(
            self,
            Self::Verifying
                | Self::Inspecting
                | Self::Cleaning
                | Self::Deploying
                | Self::Deleting
                | Self::Adopting
                | Self::Rescuing
                | Self::Unrescuing
                | Self::Servicing
        )
    }

    /// Whether the node waits for a call from its ramdisk in this state.
    #[must_use]
    pub const fn is_waiting(self) -> bool {
        matches!(
            self,
            Self::InspectWait
                | Self::CleanWait
                | Self::DeployWait
                | Self::RescueWait
                | Self::ServiceWait
        )
    }

    /// Whether something failed and a person has to decide.
    #[must_use]
    pub const fn is_failed(self) -> bool {
        matches!(
            self,
            Self::InspectFailed
                | Self::CleanFailed
                | Self::DeployFailed
                | Self::Error
                | Self::AdoptFailed
                | Self::RescueFailed
                | Self::UnrescueFailed
                | Self::ServiceFailed
        )
    }

    /// How a client of an older microversion sees this state; `None` stands for `null`.
    #[must_use]
    pub fn seen_at(self, version: Microversion) -> Option<Self> {
        match self {
            Self::Available if version < Microversion::new(2) => None,
            Self::InspectWait if version < Microversion::new(39) => Some(Self::Inspecting),
            other => Some(other),
        }
    }
}

impl ProvisionVerb {
    /// The microversion that brought the verb; older requests get 406.
    #[must_use]
    pub const fn since(self) -> Microversion {
        Microversion::new(match self {
            Self::Active | Self::Rebuild | Self::Deleted | Self::Undeploy => 1,
            Self::Manage | Self::Provide => 4,
            Self::Inspect => 6,
            Self::Abort => 13,
            Self::Clean => 15,
            Self::Adopt => 17,
            Self::Rescue | Self::Unrescue => 38,
            Self::Deploy => 73,
            Self::Unhold => 85,
            Self::Service => 87,
        })
    }
}
