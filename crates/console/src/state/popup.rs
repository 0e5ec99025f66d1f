//! What lies over a screen and takes the keys: a question, a menu, the help, a message.

use cupola_api::id::NodeId;

use super::line_edit::LineEdit;
use super::run::{Plan, RunId};
use crate::command::Command;

/// What lies over the screen.
#[derive(Debug)]
pub(crate) enum Popup {
    /// A question with Cancel as its default.
    Confirm(Confirm),
    /// A menu of commands.
    Menu(Menu),
    /// The help.
    Help(Help),
    /// Something to read.
    Message {
        /// Its title.
        title: String,
        /// Its lines.
        lines: Vec<String>,
        /// Whether it goes by itself when the service answers again.
        until_connected: bool,
    },
}

/// The help, looked at.
#[derive(Debug, Default)]
pub(crate) struct Help {
    /// The first line that is shown.
    pub(crate) top: usize,
    /// The commands that are shown have this text in their keys, name or description.
    pub(crate) wanted: LineEdit,
    /// Whether keys go into that text.
    pub(crate) is_typing: bool,
}

/// What is done when a question is answered with yes.
#[derive(Debug)]
pub(crate) enum Consequence {
    /// A plan is carried out.
    Run(Box<Plan>),
    /// A run that has stopped goes on.
    GoOn(RunId),
    /// The console is left.
    Quit,
    /// The enrolment wizard goes on that was left before.
    Resume,
}

/// A question with Cancel as its default.
#[derive(Debug)]
pub(crate) struct Confirm {
    /// What would be done.
    pub(crate) title: String,
    /// What it means.
    pub(crate) lines: Vec<String>,
    /// The label of the button that does it.
    pub(crate) yes: String,
    /// What must be typed first, and what has been typed.
    pub(crate) challenge: Option<(String, LineEdit)>,
    /// What has the focus.
    pub(crate) focus: Focus,
    /// What is done then.
    pub(crate) consequence: Consequence,
}

/// What of a question has the focus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Focus {
    /// The field for what must be typed.
    Field,
    /// The button that does nothing.
    Cancel,
    /// The button that does it.
    Yes,
}

impl Confirm {
    /// What gets the focus with Tab.
    pub(crate) fn next(&self) -> Focus {
        match self.focus {
            Focus::Field if self.is_met() => Focus::Yes,
            Focus::Field | Focus::Yes => Focus::Cancel,
            Focus::Cancel if self.challenge.is_some() => Focus::Field,
            Focus::Cancel => Focus::Yes,
        }
    }

    /// Whether anything has been typed.
    pub(crate) fn has_typed(&self) -> bool {
        self.challenge
            .as_ref()
            .is_some_and(|(_, typed)| !typed.text().is_empty())
    }

    /// Whether Enter does it now.
    pub(crate) fn is_armed(&self) -> bool {
        match self.focus {
            Focus::Yes => true,
            Focus::Field => self.is_met(),
            Focus::Cancel => false,
        }
    }

    /// Whether a yes destroys something: then one key alone never says yes.
    pub(crate) fn destroys(&self) -> bool {
        match &self.consequence {
            Consequence::Run(plan) => plan.destroys(),
            Consequence::GoOn(_) => true,
            Consequence::Quit | Consequence::Resume => false,
        }
    }

    /// Whether what must be typed has been typed.
    pub(crate) fn is_met(&self) -> bool {
        self.challenge
            .as_ref()
            .is_none_or(|(want, typed)| typed.text().trim() == want)
    }
}

/// An item of a menu.
#[derive(Debug)]
pub(crate) struct Item {
    /// What it is called.
    pub(crate) label: String,
    /// What it does, or why it cannot be done.
    pub(crate) note: String,
    /// Whether it can be done.
    pub(crate) enabled: bool,
    /// The command.
    pub(crate) command: Command,
}

/// A menu of commands.
#[derive(Debug)]
pub(crate) struct Menu {
    /// Its title.
    pub(crate) title: String,
    /// Its items.
    pub(crate) items: Vec<Item>,
    /// Which one is under the cursor.
    pub(crate) at: usize,
    /// The nodes that it was opened for.
    pub(crate) nodes: Vec<NodeId>,
}
