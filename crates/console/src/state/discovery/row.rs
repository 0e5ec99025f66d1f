//! A machine of the table: what a file says of it, what its BMC answered, what became of it.

use cupola_api::discovery::{Discovered, Login, Target};
use cupola_api::id::NodeId;

use crate::effect::Ticket;
use crate::machine::Machine;

/// What becomes of a machine that was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing yet.
    Open,
    /// It is being enrolled.
    Sent(Ticket),
    /// It is this node.
    Enrolled(NodeId),
    /// It was refused.
    Failed(String),
}

/// How far the BMC of a machine was asked.
#[derive(Debug)]
pub(crate) enum Asked {
    /// It is going to be asked.
    Waiting(Target),
    /// It cannot be asked, for this reason.
    Never(String),
    /// It did not answer.
    Silent(Target),
    /// It was not asked to an end in time.
    Unfinished(Target),
    /// It answered.
    Answered(Discovered),
}

/// A machine: one that was found, or that stands in a file.
#[derive(Debug)]
pub(crate) struct Row {
    /// What a file says of it.
    pub(crate) given: Option<Machine>,
    /// How far its BMC was asked.
    pub(crate) asked: Asked,
    /// Whether it is to be enrolled.
    pub(crate) chosen: bool,
    /// What became of that.
    pub(crate) fate: Fate,
}

impl Row {
    /// One that was found.
    pub(super) const fn found(found: Discovered) -> Self {
        Self::new(None, Asked::Answered(found))
    }

    /// One that stands in a file.
    pub(super) fn given(machine: Machine, target: Option<Target>) -> Self {
        let asked = match (target, &machine.address) {
            _ if machine.driver != "ipmi" => {
                Asked::Never(format!("{} is not looked for", machine.driver))
            }
            (Some(target), _) => Asked::Waiting(target),
            (None, Some(name)) => Asked::Never(format!("this host finds no address of {name}")),
            (None, None) => Asked::Never("the file names no BMC of it".to_owned()),
        };
        Self::new(Some(machine), asked)
    }

    const fn new(given: Option<Machine>, asked: Asked) -> Self {
        Self {
            given,
            asked,
            chosen: false,
            fate: Fate::Open,
        }
    }

    /// What its BMC answered.
    pub(crate) const fn answer(&self) -> Option<&Discovered> {
        match &self.asked {
            Asked::Answered(found) => Some(found),
            Asked::Waiting(_) | Asked::Never(_) | Asked::Silent(_) | Asked::Unfinished(_) => None,
        }
    }

    /// Where its BMC is asked.
    pub(super) const fn target(&self) -> Option<Target> {
        match &self.asked {
            Asked::Answered(found) => Some(found.address),
            Asked::Waiting(target) | Asked::Silent(target) | Asked::Unfinished(target) => {
                Some(*target)
            }
            Asked::Never(_) => None,
        }
    }

    /// The address of its BMC, as it was given.
    pub(crate) fn address(&self) -> String {
        let given = self.given.as_ref();
        match (self.target(), given.and_then(|it| it.address.as_ref())) {
            (Some(target), _) => target.to_string(),
            (None, Some(name)) => name.clone(),
            (None, None) => String::new(),
        }
    }

    /// Why it cannot be enrolled as it is, where that is so.
    pub(crate) fn why_not(&self) -> Option<String> {
        let why = match (&self.fate, &self.asked) {
            (Fate::Sent(_), _) => "it is being enrolled",
            (Fate::Enrolled(_), _) => "it is enrolled",
            (Fate::Open | Fate::Failed(_), Asked::Waiting(_)) => "it has not been asked yet",
            (Fate::Open | Fate::Failed(_), Asked::Never(why)) => {
                // What has another driver than IPMI is tested when it is managed.
                let is_ipmi = self.given.as_ref().is_some_and(|it| it.driver == "ipmi");
                return is_ipmi.then(|| why.clone());
            }
            (Fate::Open | Fate::Failed(_), Asked::Silent(_)) => {
                "it does not answer: is its address right, is IPMI over LAN switched on?"
            }
            (Fate::Open | Fate::Failed(_), Asked::Unfinished(_)) => {
                "it was not asked to an end in time: r looks again"
            }
            (Fate::Open | Fate::Failed(_), Asked::Answered(found)) => return refusal(found),
        };
        Some(why.to_owned())
    }

    /// The node that it is, or was before.
    pub(crate) fn node(&self) -> Option<NodeId> {
        match self.fate {
            Fate::Enrolled(id) => Some(id),
            Fate::Open | Fate::Sent(_) | Fate::Failed(_) => self.answer()?.node,
        }
    }

    /// Its name, and maker, model and serial number, as far as they are known.
    pub(crate) fn machine(&self) -> String {
        let name = self.given.as_ref().and_then(|it| it.name.as_deref());
        let found = self.answer();
        let known = found.map(|it| [&it.manufacturer, &it.model, &it.serial_number]);
        let known = known.into_iter().flatten().filter_map(|it| it.as_deref());
        let words: Vec<&str> = name.into_iter().chain(known).collect();
        words.join(" ")
    }

    /// The serial number that the BMC told.
    pub(super) fn serial_number(&self) -> Option<&String> {
        self.answer()?.serial_number.as_ref()
    }
}

/// Why what answered cannot be enrolled as it is, where that is so.
fn refusal(found: &Discovered) -> Option<String> {
    let why = match found.login {
        _ if found.node.is_some() => "it is the BMC of a node already",
        _ if !found.protocols.iter().any(|known| known == "ipmi") => {
            "it speaks Redfish alone, by which no machine can be driven yet"
        }
        Login::Accepted | Login::Default => return None,
        Login::NotTried => "nobody was logged in: give a user name and password",
        Login::Refused | Login::Failed => {
            let why = found.problem.clone();
            return Some(why.unwrap_or_else(|| "the login failed".to_owned()));
        }
    };
    Some(why.to_owned())
}
