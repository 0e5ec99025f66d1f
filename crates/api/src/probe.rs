//! The result of a live test of a BMC's address and credentials, as the enrolment wizard shows it.

use serde::{Deserialize, Serialize};

use crate::mac::MacAddress;
use crate::state::power::PowerState;

/// How one check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckResult {
    /// As it should be.
    Passed,
    /// Wrong; the remedy says what to do.
    Failed,
    /// Not run, because an earlier check failed.
    Skipped,
}

/// One check of a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeCheck {
    /// What was checked, such as `reachable` or `credentials`.
    pub name: String,
    /// How it ended.
    pub result: CheckResult,
    /// What was seen.
    pub detail: String,
    /// What to do, when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// All checks, in the order in which they were made, and what was learned on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeReport {
    /// The checks.
    pub checks: Vec<ProbeCheck>,
    /// The power state, when it could be read.
    #[serde(default)]
    pub power_state: Option<PowerState>,
    /// The address of the BMC's own network interface.
    #[serde(default)]
    pub bmc_mac: Option<MacAddress>,
    /// The manufacturer as the BMC names it.
    #[serde(default)]
    pub manufacturer: Option<String>,
}

impl ProbeReport {
    /// Whether every check that was made passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(|c| c.result == CheckResult::Passed)
    }
}
