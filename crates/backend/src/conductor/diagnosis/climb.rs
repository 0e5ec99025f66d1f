//! The climb: how far a boot has come, folded from the events since the machine was last started.

use std::collections::BTreeMap;

use cupola_api::Rung;
use cupola_api::diagnosis::{Cause, Reached};
use cupola_api::event::{Event, EventKind, Outcome};
use cupola_api::state::power::PowerState;
use jiff::Timestamp;

use super::causes;
use crate::conductor::lost_agent::LOST;
use crate::conductor::steps;

/// The IPMI command that switches the power, as the timeline has it.
const POWER_COMMAND: &str = "Chassis Control";

/// Steps that start the machine, and with that a climb of its own.
const STARTING: &[&str] = &[
    "deploy.deploy",
    "deploy.boot_instance",
    "conductor.start_cleaning",
    "conductor.start_service",
    "conductor.end_service",
    "conductor.reboot",
];

/// What was seen to go wrong and not to come right since.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) rung: Rung,
    pub(super) cause: Cause,
}

impl Trouble {
    /// Whether it no longer matters once this rung is reached.
    fn is_over(&self, reached: Rung) -> bool {
        match self.rung {
            // A BMC that does not keep the boot device switches the power all the same.
            Rung::BootDevice => reached > Rung::Power,
            rung => reached >= rung,
        }
    }
}

/// The step that was started last.
#[derive(Clone, Debug)]
pub(super) struct StepSeen {
    pub(super) name: String,
    /// Why it failed, when it did.
    pub(super) error: Option<String>,
}

impl StepSeen {
    /// Whether it runs in the agent: then the agent is what is waited for.
    pub(super) fn in_agent(&self) -> bool {
        !STARTING.contains(&self.name.as_str())
            && !self.name.starts_with(&format!("{}.", steps::OWN))
            && self.name != "deploy.tear_down_agent"
            && self.name != "deploy.switch_to_tenant_network"
    }

    /// The rung that it is.
    pub(super) fn rung(&self) -> Rung {
        match self.name.as_str() {
            "deploy.write_image" | "deploy.prepare_instance_boot" => Rung::Image,
            _ => Rung::Step,
        }
    }
}

/// How far the last boot has come.
#[derive(Debug, Default)]
pub(super) struct Climb {
    /// When it began.
    pub(super) began: Option<Timestamp>,
    /// Every rung that was reached, or that was there because of what was seen: the first time.
    rungs: BTreeMap<Rung, Reached>,
    /// When the conductor last switched the power.
    pub(super) switched: Option<Timestamp>,
    /// The highest rung that the machine itself showed since then.
    pub(super) runs: Option<Reached>,
    /// What went wrong last.
    pub(super) trouble: Option<Trouble>,
    /// The step that runs or ran last.
    pub(super) step: Option<StepSeen>,
    /// The firmware asked for an address after the agent had called, with no power command between
    /// the two: the machine has restarted by itself.
    pub(super) rebooted: Option<Timestamp>,
    /// The conductor gave the agent up and started the machine again: in which step, and why.
    pub(super) lost: Option<String>,
    /// The conductor has restarted the machine and no agent has called since.
    restarting: bool,
}

impl Climb {
    /// The last climb of a timeline, whose events come oldest first.
    pub(super) fn of(events: &[Event]) -> Self {
        let mut climb = Self::default();
        for event in events {
            if begins(&event.kind) {
                climb = Self {
                    began: Some(event.at),
                    ..Self::default()
                };
            }
            climb.take(event);
        }
        climb
    }

    fn take(&mut self, event: &Event) {
        match &event.kind {
            EventKind::BmcCommand {
                command,
                ok,
                message,
                rung: Some(rung),
                remedy,
                ..
            } => {
                self.answered(*rung, command, event.at);
                if command == POWER_COMMAND {
                    self.switched = Some(event.at);
                    // What was refused or got no answer may have been carried out all the same, but
                    // a reading that is not as wanted is no new command.
                    if *rung != Rung::Power {
                        self.runs = None;
                    }
                    self.restarting = true;
                }
                if *ok {
                    self.reach(*rung, event.at, command);
                } else {
                    self.stumble(*rung, message, remedy.clone());
                }
            }
            EventKind::BootContact {
                message,
                ok,
                rung: Some(rung),
                ..
            } => {
                if *rung == Rung::DhcpDiscover && self.has_reached(Rung::Lookup) && !self.restarting
                {
                    self.rebooted = Some(event.at);
                }
                if *ok && *rung >= Rung::Lookup {
                    self.restarting = false;
                }
                if *ok {
                    self.shows(*rung, event.at, message);
                    self.reach(*rung, event.at, message);
                } else {
                    self.stumble(*rung, message, None);
                }
            }
            EventKind::Power { state, cause } if cause != "requested" && is_on(state) => {
                self.reach(Rung::Power, event.at, "the machine is on");
            }
            EventKind::StepStarted { step, .. } => {
                self.step = Some(StepSeen {
                    name: step.clone(),
                    error: None,
                });
            }
            EventKind::StepFinished {
                step,
                outcome,
                message,
                ..
            } => self.step_ended(step, *outcome, message, event.at),
            EventKind::Log { text, .. } => {
                if let Some(lost) = text.strip_prefix(LOST) {
                    let lost = lost.split(';').next().unwrap_or_default();
                    self.lost = Some(lost.trim().to_owned());
                    self.restarting = true;
                }
            }
            _ => {}
        }
    }

    /// A BMC that refuses a command has answered, and has taken the login before all but that.
    fn answered(&mut self, rung: Rung, command: &str, at: Timestamp) {
        let seen = format!("the BMC answered {command}");
        for below in [Rung::BmcAnswers, Rung::BmcSession] {
            if below < rung {
                self.reach(below, at, &seen);
            }
        }
    }

    /// The machine itself has shown that it runs.
    fn shows(&mut self, rung: Rung, at: Timestamp, seen: &str) {
        if self.runs.as_ref().is_none_or(|runs| runs.rung < rung) {
            self.runs = Some(Reached {
                rung,
                at,
                seen: seen.to_owned(),
            });
        }
    }

    fn step_ended(&mut self, name: &str, outcome: Outcome, message: &str, at: Timestamp) {
        if outcome != Outcome::Succeeded {
            self.step = Some(StepSeen {
                name: name.to_owned(),
                error: Some(message.to_owned()),
            });
            return;
        }
        let seen = StepSeen {
            name: name.to_owned(),
            error: None,
        };
        if seen.in_agent() {
            self.reach(seen.rung(), at, &format!("step {name}"));
        } else if name == "deploy.boot_instance" {
            self.reach(Rung::DiskBoot, at, "the machine was started from its disk");
        }
        self.step = None;
    }

    fn has_reached(&self, rung: Rung) -> bool {
        self.reached().is_some_and(|reached| reached.rung >= rung)
    }

    /// The highest rung that was reached.
    pub(super) fn reached(&self) -> Option<&Reached> {
        self.rungs.values().next_back()
    }

    /// The highest rung below this one that was reached.
    pub(super) fn reached_below(&self, rung: Rung) -> Option<&Reached> {
        self.rungs.range(..rung).next_back().map(|(_, below)| below)
    }

    fn reach(&mut self, rung: Rung, at: Timestamp, seen: &str) {
        if self.trouble.as_ref().is_some_and(|t| t.is_over(rung)) {
            self.trouble = None;
        }
        self.rungs.entry(rung).or_insert_with(|| Reached {
            rung,
            at,
            seen: seen.to_owned(),
        });
    }

    fn stumble(&mut self, rung: Rung, message: &str, remedy: Option<String>) {
        // An error of the BMC names its own way out; the one of a contact is known by its rung.
        let remedy = remedy.unwrap_or_else(|| causes::remedy(rung));
        self.trouble = Some(Trouble {
            rung,
            cause: Cause {
                cause: message.to_owned(),
                remedy,
            },
        });
    }
}

/// Whether a climb begins with this event.
fn begins(kind: &EventKind) -> bool {
    match kind {
        EventKind::Transition { from, to, .. } => {
            to.is_working() && !from.is_working() && !from.is_waiting()
        }
        EventKind::StepStarted { step, .. } => STARTING.contains(&step.as_str()),
        EventKind::Power { cause, .. } => cause == "requested",
        _ => false,
    }
}

fn is_on(state: &str) -> bool {
    state == PowerState::On.as_str()
}
