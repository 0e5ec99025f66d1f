//! What lies over a screen and takes the keys: a question, a menu, the help, a message.

use cupola_api::id::NodeId;

use super::line_edit::LineEdit;
use crate::command::Command;
use crate::effect::Action;

/// What lies over the screen.
#[derive(Debug)]
pub(crate) enum Popup {
    /// A question with Cancel as its default.
    Confirm(Confirm),
    /// A menu of commands.
    Menu(Menu),
    /// The help, from this line on.
    Help(usize),
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

/// What is done when a question is answered with yes.
#[derive(Debug)]
pub(crate) enum Consequence {
    /// Actions, one per node.
    Act(Vec<(NodeId, Action)>),
    /// The console is left.
    Quit,
    /// The screen is left, and what was typed into it is lost.
    Discard,
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
    /// Whether that button has the focus.
    pub(crate) on_yes: bool,
    /// What is done then.
    pub(crate) consequence: Consequence,
}

impl Confirm {
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
