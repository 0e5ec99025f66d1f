//! How long the work on nodes usually takes here (`GET /cupola/v1/durations`): each phase of a
//! node's life and each of its steps, by what kind of hardware it is.
//!
//! Only the words and how one is found; measuring is the service's.

use serde::{Deserialize, Serialize};

use crate::state::provision::ProvisionState;

/// Work that begins and ends: provision states between two stable ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "they are named as their provision states")]
pub enum Phase {
    Verifying,
    Inspecting,
    Cleaning,
    Deploying,
    Deleting,
    Adopting,
    Rescuing,
    Unrescuing,
    Servicing,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Verifying,
        Self::Inspecting,
        Self::Cleaning,
        Self::Deploying,
        Self::Deleting,
        Self::Adopting,
        Self::Rescuing,
        Self::Unrescuing,
        Self::Servicing,
    ];

    /// The phase that a node in this state is in; none where it rests.
    #[must_use]
    pub const fn of(state: ProvisionState) -> Option<Self> {
        use ProvisionState as S;
        match state {
            S::Verifying => Some(Self::Verifying),
            S::Inspecting | S::InspectWait => Some(Self::Inspecting),
            S::Cleaning | S::CleanWait | S::CleanHold => Some(Self::Cleaning),
            S::Deploying | S::DeployWait | S::DeployHold => Some(Self::Deploying),
            S::Deleting => Some(Self::Deleting),
            S::Adopting => Some(Self::Adopting),
            S::Rescuing | S::RescueWait => Some(Self::Rescuing),
            S::Unrescuing => Some(Self::Unrescuing),
            S::Servicing | S::ServiceWait | S::ServiceHold => Some(Self::Servicing),
            S::Enroll
            | S::Manageable
            | S::Available
            | S::InspectFailed
            | S::CleanFailed
            | S::DeployFailed
            | S::Active
            | S::Error
            | S::AdoptFailed
            | S::Rescue
            | S::RescueFailed
            | S::UnrescueFailed
            | S::ServiceFailed => None,
        }
    }

    /// Its name, which is that of its provision state.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verifying => "verifying",
            Self::Inspecting => "inspecting",
            Self::Cleaning => "cleaning",
            Self::Deploying => "deploying",
            Self::Deleting => "deleting",
            Self::Adopting => "adopting",
            Self::Rescuing => "rescuing",
            Self::Unrescuing => "unrescuing",
            Self::Servicing => "servicing",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == text)
    }
}

/// How long one thing usually takes on one kind of hardware.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsualDuration {
    /// The resource class; none stands for all of them.
    #[serde(default)]
    pub resource_class: Option<String>,
    /// The hardware type; none stands for all of them.
    #[serde(default)]
    pub driver: Option<String>,
    /// The phase.
    pub phase: Phase,
    /// The step of it, as `interface.step`; none for the whole phase.
    #[serde(default)]
    pub step: Option<String>,
    /// Of how many completions this is known: the last ones, at most a hundred.
    pub count: u32,
    /// Half of them took at most so long, in milliseconds.
    pub median_ms: u64,
    /// 95 of 100 took at most so long, in milliseconds.
    pub p95_ms: u64,
}

/// How long everything usually takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Durations {
    /// For each class with its hardware type, for each hardware type, and for all nodes.
    pub durations: Vec<UsualDuration>,
}

impl Durations {
    /// How long this usually takes on such a node: of its class and hardware type where that is
    /// known, else of its hardware type, else of all nodes.
    #[must_use]
    pub fn usual(
        &self,
        resource_class: Option<&str>,
        driver: &str,
        phase: Phase,
        step: Option<&str>,
    ) -> Option<&UsualDuration> {
        let same = |usual: &&UsualDuration| usual.phase == phase && usual.step.as_deref() == step;
        let known: Vec<_> = self.durations.iter().filter(same).collect();
        let find = |class: Option<&str>, driver: Option<&str>| {
            let fits = |usual: &&&UsualDuration| {
                usual.resource_class.as_deref() == class && usual.driver.as_deref() == driver
            };
            known.iter().find(fits).copied()
        };
        let of_class = resource_class.and_then(|class| find(Some(class), Some(driver)));
        of_class
            .or_else(|| find(None, Some(driver)))
            .or_else(|| find(None, None))
    }

    /// The steps that this phase usually has on such a node: those that came in at least half of
    /// its completions.
    #[must_use]
    pub fn steps(
        &self,
        resource_class: Option<&str>,
        driver: &str,
        phase: Phase,
    ) -> Vec<&UsualDuration> {
        let Some(whole) = self.usual(resource_class, driver, phase, None) else {
            return Vec::new();
        };
        let is_usual = |usual: &&UsualDuration| {
            usual.phase == phase
                && usual.step.is_some()
                && usual.resource_class == whole.resource_class
                && usual.driver == whole.driver
                && usual.count.saturating_mul(2) >= whole.count
        };
        self.durations.iter().filter(is_usual).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual(class: Option<&str>, driver: Option<&str>, median_ms: u64) -> UsualDuration {
        UsualDuration {
            resource_class: class.map(str::to_owned),
            driver: driver.map(str::to_owned),
            phase: Phase::Deploying,
            step: None,
            count: 10,
            median_ms,
            p95_ms: 2 * median_ms,
        }
    }

    #[test]
    fn the_nearest_kind_of_hardware_is_taken() {
        let durations = Durations {
            durations: vec![
                usual(Some("gold"), Some("ipmi"), 1),
                usual(None, Some("ipmi"), 2),
                usual(None, None, 3),
            ],
        };
        let median = |class, driver, phase| {
            let found = durations.usual(class, driver, phase, None);
            found.map(|usual| usual.median_ms)
        };
        assert_eq!(median(Some("gold"), "ipmi", Phase::Deploying), Some(1));
        assert_eq!(median(Some("iron"), "ipmi", Phase::Deploying), Some(2));
        assert_eq!(median(Some("gold"), "redfish", Phase::Deploying), Some(3));
        assert_eq!(median(Some("gold"), "ipmi", Phase::Cleaning), None);
    }

    #[test]
    fn every_state_in_which_something_is_done_or_awaited_has_a_phase() {
        for state in ProvisionState::ALL.iter().copied() {
            let moves = state.is_working() || state.is_waiting();
            assert!(!moves || Phase::of(state).is_some(), "{state}");
            assert!(!state.is_failed() || Phase::of(state).is_none(), "{state}");
        }
        for phase in Phase::ALL {
            assert_eq!(Phase::parse(phase.as_str()), Some(phase));
        }
    }
}
