//! Explanations: where on the boot ladder a node stands or broke, why that may be, and what to do.
//!
//! Only the words; how they are found is the service's knowledge.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::boot_ladder::Rung;
use crate::cupola::{StepSummary, Waiting};
use crate::id::NodeId;
use crate::mac::MacAddress;
use crate::node::Fault;
use crate::state::power::PowerState;
use crate::state::provision::ProvisionState;

/// Goes before the rung in an error that was explained.
const BROKEN: &str = "Broken rung: ";

/// The rung that broke, as an error says that [`Diagnosis::explain`] made: for lists, which have
/// room for the word and not for the sentence.
#[must_use]
pub fn broken_rung(error: &str) -> Option<Rung> {
    let (_, said) = error.rsplit_once(BROKEN)?;
    let (name, _) = said.split_once(" (")?;
    Rung::ALL.into_iter().find(|rung| rung.name() == name)
}

/// The highest rung that was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// Which one.
    pub rung: Rung,
    /// When.
    pub at: Timestamp,
    /// What was seen then.
    pub seen: String,
}

/// A possible cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// What may be wrong.
    pub cause: String,
    /// What to do about it.
    pub remedy: String,
}

/// A machine of no node that asked DHCP and may be the one that is waited for. The causes do not name
/// it: who may see the node may not see every other machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownMachine {
    /// Its address.
    pub mac: MacAddress,
    /// Other nodes that were waited for when it asked, whose machine it may be just as well.
    #[serde(default)]
    pub rivals: Vec<NodeId>,
}

/// Where a boot stands or broke.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// The highest rung that was reached; none when nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Reached>,
    /// The rung that broke, or that is awaited.
    pub rung: Rung,
    /// What was expected there, and not seen.
    pub expected: String,
    /// What may be wrong, most likely first; never empty.
    pub causes: Vec<Cause>,
    /// The machine that one of the causes speaks of; only on the stream of all events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<UnknownMachine>,
}

impl Diagnosis {
    /// What is most likely wrong.
    #[must_use]
    pub fn likely(&self) -> Option<&Cause> {
        self.causes.first()
    }

    /// The error with what is known of its rung; what the error says already is not said again.
    #[must_use]
    pub fn explain(&self, error: &str) -> String {
        let mut text = error.trim_end().to_owned();
        if !text.ends_with(['.', '!', '?']) {
            text.push('.');
        }
        text.push_str(&format!(" {BROKEN}{self}"));
        if let Some(likely) = self.likely() {
            if !error.contains(&likely.cause) {
                text.push_str(&format!(" Likely cause: {}.", likely.cause));
            }
            if !error.contains(&likely.remedy) {
                text.push_str(&format!(" What to do: {}.", likely.remedy));
            }
        }
        text
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, of) = (self.rung.number(), Rung::ALL.len());
        write!(f, "{} ({number} of {of}): {}", self.rung, self.expected)?;
        match &self.reached {
            Some(reached) => write!(
                f,
                "; last reached: {} at {} ({}).",
                reached.rung,
                reached.at.strftime("%H:%M:%S UTC"),
                reached.seen
            ),
            None => f.write_str("; no rung was reached before."),
        }
    }
}

/// The answer to "what is it doing, and why does it not get on?" for one node, now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(
    missing_docs,
    reason = "the fields are those of the node resource unless said"
)]
pub struct Explanation {
    pub uuid: Uuid,
    #[serde(default)]
    pub name: Option<String>,
    pub provision_state: ProvisionState,
    #[serde(default)]
    pub target_provision_state: Option<ProvisionState>,
    /// Since when it is in this state.
    #[serde(default)]
    pub since: Option<Timestamp>,
    #[serde(default)]
    pub power_state: Option<PowerState>,
    #[serde(default)]
    pub maintenance: bool,
    #[serde(default)]
    pub maintenance_reason: Option<String>,
    #[serde(default)]
    pub fault: Option<Fault>,
    #[serde(default)]
    pub last_error: Option<String>,
    /// What it waits for, when it waits.
    #[serde(default)]
    pub waiting: Option<Waiting>,
    /// The step that runs, when one does.
    #[serde(default)]
    pub step: Option<StepSummary>,
    /// Who has to act next, in one sentence.
    pub next: String,
    /// Where on the ladder it stands, while it climbs or after it broke.
    #[serde(default)]
    pub diagnosis: Option<Diagnosis>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_explained_without_repetition() {
        let diagnosis = Diagnosis {
            reached: None,
            rung: Rung::BmcSession,
            expected: "the BMC accepts the login".to_owned(),
            causes: vec![Cause {
                cause: "wrong password for user 'admin'".to_owned(),
                remedy: "type the right password".to_owned(),
            }],
            unknown: None,
        };
        let known = diagnosis.explain("wrong password for user 'admin'; type the right password");
        assert_eq!(known.matches("password").count(), 2, "{known}");
        assert!(known.contains("BMC session (2 of 17)"), "{known}");
        let unknown = diagnosis.explain("no power state");
        assert!(
            unknown.ends_with("What to do: type the right password."),
            "{unknown}"
        );
    }

    #[test]
    fn an_explained_error_names_its_rung_and_another_does_not() {
        for rung in Rung::ALL {
            let diagnosis = Diagnosis {
                reached: None,
                rung,
                expected: rung.observed().to_owned(),
                causes: Vec::new(),
                unknown: None,
            };
            assert_eq!(broken_rung(&diagnosis.explain("Timeout.")), Some(rung));
        }
        for other in ["Timeout.", "Broken rung: ", "Broken rung: none (3 of 17)"] {
            assert_eq!(broken_rung(other), None);
        }
    }
}
