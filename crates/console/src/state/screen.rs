//! The screens. What all screens share is in [`super::State`]; how one looks is `ui/screens/`.

use super::deploy::Deploy;
use super::discovery::Discovery;
use super::enroll::Enroll;
use super::node::NodeView;
use super::preview::Preview;
use super::run::RunId;
use super::serial::SerialView;
use super::steps::StepsForm;
use super::watching::compare::Compare;
use crate::command::Scope;

/// A screen, with what only it knows.
#[derive(Debug)]
pub(crate) enum Screen {
    /// The node list, which is always at the bottom of the stack.
    List,
    /// One node.
    Node(Box<NodeView>),
    /// The deploy board.
    Board,
    /// The dashboard.
    Dashboard,
    /// Two nodes, or a node and its class, side by side.
    Compare(Box<Compare>),
    /// The enrolment wizard.
    Enroll(Box<Enroll>),
    /// Looking for many BMCs.
    Discovery(Box<Discovery>),
    /// The deploy wizard.
    Deploy(Box<Deploy>),
    /// Before actions on several nodes are sent.
    Preview(Box<Preview>),
    /// One run of actions.
    Run(RunView),
    /// The runs, and which one is under the cursor.
    Runs(usize),
    /// What was sent, as commands for a shell.
    Commands(CommandsView),
    /// The steps of cleaning or servicing.
    Steps(Box<StepsForm>),
    /// The serial console of a node, or a recording of it.
    Serial(Box<SerialView>),
}

/// A run, looked at.
#[derive(Debug)]
pub(crate) struct RunView {
    /// Which one.
    pub(crate) run: RunId,
    /// The row under the cursor.
    pub(crate) at: usize,
}

impl RunView {
    /// A view of this run.
    pub(crate) const fn new(run: RunId) -> Self {
        Self { run, at: 0 }
    }
}

/// The log of commands, looked at.
#[derive(Debug, Default)]
pub(crate) struct CommandsView {
    /// The row under the cursor, the newest first.
    pub(crate) at: usize,
    /// Whether the commands of curl are copied, not those of openstack.
    pub(crate) curl: bool,
}

impl Screen {
    /// Whether one can go forward to it after one went back.
    pub(crate) const fn can_return(&self) -> bool {
        matches!(self, Self::Node(_) | Self::Board | Self::Dashboard)
    }

    /// Which commands make sense on it.
    pub(crate) const fn scope(&self) -> Scope {
        match self {
            Self::List => Scope::LIST,
            Self::Node(_) => Scope::NODE,
            Self::Board => Scope::BOARD,
            Self::Dashboard => Scope::DASHBOARD,
            Self::Compare(_) => Scope::COMPARE,
            Self::Enroll(_) => Scope::ENROLL,
            Self::Discovery(_) => Scope::DISCOVERY,
            Self::Deploy(_) => Scope::DEPLOY,
            Self::Preview(_) => Scope::PREVIEW,
            Self::Run(_) => Scope::RUN,
            Self::Runs(_) => Scope::RUNS,
            Self::Commands(_) => Scope::COMMANDS,
            Self::Steps(_) => Scope::STEPS,
            Self::Serial(_) => Scope::SERIAL,
        }
    }

    /// The view of one node, where it is one.
    pub(crate) fn node_mut(&mut self) -> Option<&mut NodeView> {
        if let Self::Node(view) = self {
            Some(view)
        } else {
            None
        }
    }

    /// The enrolment wizard, where it is that.
    pub(crate) fn enroll_mut(&mut self) -> Option<&mut Enroll> {
        if let Self::Enroll(enroll) = self {
            Some(enroll)
        } else {
            None
        }
    }
}
