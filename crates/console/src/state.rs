//! Everything that the console knows. Only `update` changes it, only `ui` shows it.

pub(crate) mod allowed;
pub(crate) mod command_bar;
pub(crate) mod commands;
pub(crate) mod complete;
pub(crate) mod dashboard;
pub(crate) mod deploy;
pub(crate) mod discovery;
pub(crate) mod enroll;
pub(crate) mod field;
pub(crate) mod flash;
pub(crate) mod fleet;
pub(crate) mod form;
pub(crate) mod freeze;
pub(crate) mod group;
pub(crate) mod journey;
pub(crate) mod line_edit;
pub(crate) mod link;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod natural;
mod nearest;
pub(crate) mod node;
pub(crate) mod popup;
pub(crate) mod possible;
pub(crate) mod preview;
pub(crate) mod query;
pub(crate) mod run;
pub(crate) mod safety;
pub(crate) mod screen;
pub(crate) mod serial;
pub(crate) mod sort;
pub(crate) mod steps;
pub(crate) mod timeline;
pub(crate) mod trail;
pub(crate) mod undo;
pub(crate) mod view;
pub(crate) mod watching;

use cupola_api::cupola::NodeSummary;
use cupola_api::event::Severity;
use cupola_api::id::NodeId;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::layout::Size;

use crate::command::{Act, Scope};
use crate::describe;
use crate::settings::Settings;
use command_bar::CommandBar;
use commands::Commands;
use commands::shell::Shell;
use dashboard::Dashboard;
use discovery::Stage;
use enroll::Enroll;
use flash::Flash;
use fleet::Fleet;
use freeze::Frozen;
use line_edit::LineEdit;
use link::Link;
use list::List;
pub(crate) use nearest::nearest;
use popup::Popup;
use run::{Run, RunId};
use safety::Safety;
pub(crate) use screen::Screen;
use trail::Trail;
use undo::Undos;
use watching::Watching;

/// A prompt at the bottom of the screen.
#[derive(Debug)]
pub(crate) enum Prompt {
    /// A filter, applied while it is typed; the text is the filter before.
    Filter(LineEdit, String),
    /// A command by its name.
    Command(LineEdit),
    /// What is searched for in lines, or, when that is set, what alone is shown.
    Lines(LineEdit, bool),
    /// Why these nodes go into maintenance.
    Reason(LineEdit, Vec<NodeId>),
    /// The password of the rescue ramdisk of these nodes; it is never shown.
    Password(LineEdit, Vec<NodeId>),
    /// The file that the results of a run are written to.
    Save(LineEdit, RunId),
}

/// A line that tells how something ended.
#[derive(Debug)]
pub(crate) struct Notice {
    /// How bad it is.
    pub(crate) severity: Severity,
    /// What it says.
    pub(crate) text: String,
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
    /// What keeps from harm.
    pub(crate) safety: Safety,
    /// The runs, the newest last.
    pub(crate) runs: Vec<Run>,
    /// What can be undone.
    pub(crate) undos: Undos,
    /// What was sent.
    pub(crate) commands: Commands,
    /// What a command for a shell needs to reach the same service.
    pub(crate) shell: Shell,
    /// Whether the diagnostics drawer is open.
    pub(crate) drawer: bool,
    /// Whether the screen must be drawn.
    pub(crate) dirty: bool,
    /// What is known for watching.
    pub(crate) watching: Watching,
    /// Counts questions.
    pub(crate) tickets: u32,
    /// The name of the theme that is shown.
    pub(crate) theme: String,
    /// What was asked for when it was chosen: a name, a file, or nothing for the terminal's own.
    pub(crate) theme_asked: String,
    /// What was asked for before themes were looked at in the command bar.
    pub(crate) theme_before: Option<String>,
    /// What was told at the start.
    pub(crate) welcome: Option<Welcome>,
    /// What is set for the console.
    pub(crate) settings: Settings,
    /// The names of the themes.
    pub(crate) themes: Vec<String>,
    /// What the command bar remembers.
    pub(crate) command_bar: CommandBar,
    /// What the dashboard shows.
    pub(crate) dashboard: Dashboard,
    /// The way behind and ahead.
    pub(crate) trail: Trail,
    /// What was told since the list stands still, where it does.
    pub(crate) frozen: Option<Frozen>,
    /// What has changed a moment ago.
    pub(crate) flash: Flash,
    /// The enrolment wizard that was left with something typed.
    pub(crate) kept_enroll: Option<Box<Enroll>>,
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
            safety: Safety::default(),
            runs: Vec::new(),
            undos: Undos::default(),
            commands: Commands::default(),
            shell: Shell::default(),
            drawer: false,
            dirty: true,
            watching: Watching::default(),
            tickets: 0,
            theme: String::new(),
            theme_asked: String::new(),
            theme_before: None,
            welcome: None,
            settings: Settings::default(),
            themes: Vec::new(),
            command_bar: CommandBar::default(),
            dashboard: Dashboard::default(),
            trail: Trail::default(),
            frozen: None,
            flash: Flash::default(),
            kept_enroll: None,
            interrupted: false,
        }
    }

    /// Takes what is set for the console.
    pub(crate) fn set(&mut self, settings: Settings) {
        self.list.columns.clone_from(&settings.columns.nodes);
        self.settings = settings;
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

    /// How many lines the lens takes below the list.
    fn lens_height(&self) -> u16 {
        match self.screen {
            Screen::List => self.watching.lens.height(self.size),
            _ => 0,
        }
    }

    /// How many rows of the list are visible.
    pub(crate) fn list_height(&self) -> usize {
        let height = self
            .size
            .height
            .saturating_sub(Self::CHROME + self.drawer_height() + self.lens_height());
        usize::from(height)
    }

    /// Brings everything into line that is worked out from the rest; call it before drawing.
    pub(crate) fn settle(&mut self) {
        if let Some(past) = &self.watching.past {
            self.now = past.at;
        }
        let height = self.list_height();
        self.list.settle(&self.fleet, height, self.now);
        if matches!(self.screen, Screen::Board) {
            self.watching.board.settle(self.now);
        }
    }

    /// Where commands are looked for.
    pub(crate) const fn scope(&self) -> Scope {
        self.screen.scope()
    }

    /// All screens that are open, the one that is shown last.
    pub(crate) fn screens_mut(&mut self) -> impl Iterator<Item = &mut Screen> {
        self.below.iter_mut().chain([&mut self.screen])
    }

    /// The nodes that an action acts on.
    pub(crate) fn targets(&self) -> Vec<NodeId> {
        match &self.screen {
            Screen::Node(view) => vec![view.id],
            _ => self.list.targets(),
        }
    }

    /// Why nothing may be changed now, where that is so.
    pub(crate) fn refusal(&self) -> Option<String> {
        let remembered = || {
            let age = describe::since(self.link.remembered?, self.now);
            let target = &self.link.target;
            Some(format!(
                "the list is {age} old: wait until {target} answers"
            ))
        };
        self.safety.refusal().or_else(remembered)
    }

    /// Whether this can be done to this node now.
    ///
    /// # Errors
    /// Why not, and what to do first.
    pub(crate) fn may(&self, act: Act, node: &NodeSummary) -> Result<(), String> {
        match self.refusal() {
            Some(why) => Err(why),
            None => allowed::check(act, node),
        }
    }

    /// Opens a screen over the one that is shown.
    pub(crate) fn open(&mut self, screen: Screen) {
        self.trail.turn();
        self.open_again(screen);
    }

    /// Opens a screen over the one that is shown; what is ahead of it stays there.
    pub(crate) fn open_again(&mut self, screen: Screen) {
        let covered = std::mem::replace(&mut self.screen, screen);
        self.below.push(covered);
        self.notice = None;
    }

    /// Goes back to the screen below; false on the lowest one.
    pub(crate) fn back(&mut self) -> bool {
        match self.below.pop() {
            Some(screen) => {
                let left = std::mem::replace(&mut self.screen, screen);
                self.trail.leave(left);
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

    /// All nodes as they are now, whatever moment is shown.
    pub(crate) fn live_fleet(&mut self) -> &mut Fleet {
        match &mut self.watching.past {
            Some(past) => &mut past.live,
            None => &mut self.fleet,
        }
    }

    /// What a person calls a node.
    pub(crate) fn name_of(&self, id: NodeId) -> String {
        let node = self.fleet.get(id);
        node.map_or_else(|| id.to_string(), crate::summary::display_name)
    }

    /// Whether something on the screen changes with the time alone.
    pub(crate) fn needs_clock(&self) -> bool {
        let testing = match &self.screen {
            Screen::Enroll(enroll) => enroll.is_testing() || enroll.asks_unknown(),
            Screen::Discovery(discovery) => matches!(discovery.stage, Stage::Looking(_)),
            _ => false,
        };
        let watching = crate::update::watching::needs_clock(self);
        let runs = self.runs.iter().any(|run| !run.is_over());
        let shown = matches!(self.screen, Screen::Dashboard) || !self.flash.is_empty();
        let timed = shown || self.list.is_timed() || self.fleet.counts().moving > 0;
        let serial = matches!(self.screen, Screen::Serial(_));
        serial || testing || watching || runs || timed || self.link.is_lost()
    }
}
