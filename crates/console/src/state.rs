//! Everything that the console knows. Only `update` changes it, only `ui` shows it.

pub(crate) mod allowed;
pub(crate) mod deploy;
pub(crate) mod enroll;
pub(crate) mod fleet;
pub(crate) mod form;
pub(crate) mod journey;
pub(crate) mod line_edit;
pub(crate) mod link;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod node;
pub(crate) mod popup;
pub(crate) mod query;
pub(crate) mod sort;
pub(crate) mod timeline;

use cupola_api::event::Severity;
use cupola_api::id::NodeId;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::layout::Size;

use crate::command::Scope;
use deploy::Deploy;
use enroll::Enroll;
use fleet::Fleet;
use line_edit::LineEdit;
use link::Link;
use list::List;
use node::NodeView;
use popup::Popup;

/// A screen, with what only it knows.
#[derive(Debug)]
pub(crate) enum Screen {
    /// The node list, which is always at the bottom of the stack.
    List,
    /// One node.
    Node(Box<NodeView>),
    /// The enrolment wizard.
    Enroll(Box<Enroll>),
    /// The deploy wizard.
    Deploy(Box<Deploy>),
}

/// A prompt at the bottom of the screen.
#[derive(Debug)]
pub(crate) enum Prompt {
    /// A filter, applied while it is typed; the text is the filter before.
    Filter(LineEdit, String),
    /// A command by its name.
    Command(LineEdit),
    /// Why these nodes go into maintenance.
    Reason(LineEdit, Vec<NodeId>),
}

/// A line that tells how something ended.
#[derive(Debug)]
pub(crate) struct Notice {
    /// How bad it is.
    pub(crate) severity: Severity,
    /// What it says.
    pub(crate) text: String,
}

/// Requests that were sent together, and what became of them.
#[derive(Debug)]
pub(crate) struct Bulk {
    /// What was asked for.
    pub(crate) name: &'static str,
    /// How many requests are still without an answer.
    pub(crate) open: usize,
    /// How many were accepted.
    pub(crate) accepted: usize,
    /// Those that were refused: node and reason.
    pub(crate) refused: Vec<(NodeId, String)>,
    /// Whether one of them did not reach the service.
    pub(crate) unreached: bool,
}

/// What is told at the start, and again where it helps.
#[derive(Clone, Debug)]
pub(crate) struct Welcome {
    /// Its title.
    pub(crate) title: String,
    /// Its lines.
    pub(crate) lines: Vec<String>,
}

/// Everything that the console knows.
#[derive(Debug)]
pub(crate) struct State {
    /// The time, as of the last event.
    pub(crate) now: Timestamp,
    /// The zone of the person's clock.
    pub(crate) zone: TimeZone,
    /// The size of the terminal.
    pub(crate) size: Size,
    /// How it stands with the service.
    pub(crate) link: Link,
    /// All nodes.
    pub(crate) fleet: Fleet,
    /// The node list.
    pub(crate) list: List,
    /// The screen that is shown.
    pub(crate) screen: Screen,
    /// The screens below it.
    pub(crate) below: Vec<Screen>,
    /// What lies over the screen.
    pub(crate) popup: Option<Popup>,
    /// The prompt.
    pub(crate) prompt: Option<Prompt>,
    /// The last notice.
    pub(crate) notice: Option<Notice>,
    /// Requests that were sent together.
    pub(crate) bulk: Option<Bulk>,
    /// Whether the diagnostics drawer is open.
    pub(crate) drawer: bool,
    /// Whether the screen must be drawn.
    pub(crate) dirty: bool,
    /// Counts questions.
    pub(crate) tickets: u32,
    /// What was told at the start.
    pub(crate) welcome: Option<Welcome>,
    /// Whether the last key was Ctrl-C: twice in a row leaves, whatever is open.
    pub(crate) interrupted: bool,
}

impl State {
    /// The state at the start.
    pub(crate) fn new(target: String, size: Size, now: Timestamp) -> Self {
        Self {
            now,
            zone: TimeZone::system(),
            size,
            link: Link::new(target),
            fleet: Fleet::default(),
            list: List::default(),
            screen: Screen::List,
            below: Vec::new(),
            popup: None,
            prompt: None,
            notice: None,
            bulk: None,
            drawer: false,
            dirty: true,
            tickets: 0,
            welcome: None,
            interrupted: false,
        }
    }

    /// Tells something at the start.
    pub(crate) fn greet(&mut self, welcome: Option<Welcome>) {
        self.popup = welcome.clone().map(|w| Popup::Message {
            title: w.title,
            lines: w.lines,
            until_connected: false,
        });
        self.welcome = welcome;
    }

    /// Whether a message of this title is what was told at the start.
    pub(crate) fn is_welcome(&self, title: &str) -> bool {
        self.welcome.as_ref().is_some_and(|w| w.title == title)
    }

    /// Lines that title, table head, status line and key bar take.
    const CHROME: u16 = 4;

    /// How many lines the drawer takes.
    pub(crate) const fn drawer_height(&self) -> u16 {
        if self.drawer { self.size.height / 3 } else { 0 }
    }

    /// How many rows of the list are visible.
    pub(crate) fn list_height(&self) -> usize {
        let height = self
            .size
            .height
            .saturating_sub(Self::CHROME + self.drawer_height());
        usize::from(height)
    }

    /// Brings everything into line that is worked out from the rest; call it before drawing.
    pub(crate) fn settle(&mut self) {
        let height = self.list_height();
        self.list.settle(&self.fleet, height);
    }

    /// Where commands are looked for.
    pub(crate) const fn scope(&self) -> Scope {
        match self.screen {
            Screen::List => Scope::List,
            Screen::Node(_) => Scope::Node,
            Screen::Enroll(_) | Screen::Deploy(_) => Scope::Everywhere,
        }
    }

    /// The nodes that an action acts on.
    pub(crate) fn targets(&self) -> Vec<NodeId> {
        match &self.screen {
            Screen::Node(view) => vec![view.id],
            Screen::List | Screen::Enroll(_) | Screen::Deploy(_) => self.list.targets(),
        }
    }

    /// Opens a screen over the one that is shown.
    pub(crate) fn open(&mut self, screen: Screen) {
        let covered = std::mem::replace(&mut self.screen, screen);
        self.below.push(covered);
        self.notice = None;
    }

    /// Goes back to the screen below; false on the lowest one.
    pub(crate) fn back(&mut self) -> bool {
        match self.below.pop() {
            Some(screen) => {
                self.screen = screen;
                true
            }
            None => false,
        }
    }

    /// Tells how something ended.
    pub(crate) fn tell(&mut self, severity: Severity, text: impl Into<String>) {
        self.notice = Some(Notice {
            severity,
            text: text.into(),
        });
    }

    /// What a person calls a node.
    pub(crate) fn name_of(&self, id: NodeId) -> String {
        let node = self.fleet.get(id);
        node.map_or_else(|| id.to_string(), crate::summary::display_name)
    }

    /// Whether something on the screen changes with the time alone.
    pub(crate) fn needs_clock(&self) -> bool {
        let testing = matches!(&self.screen, Screen::Enroll(enroll) if enroll.is_testing());
        testing || self.fleet.counts().moving > 0 || self.link.is_lost()
    }
}
