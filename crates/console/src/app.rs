//! The loop: it owns state and terminal, feeds events to `update`, hands effects to the worker,
//! and draws when something has changed.

use std::fs::File;
use std::io::{self, Write};
use std::time::Duration;

use cupola_api::client::Client;
use cupola_api::event::Severity;
use jiff::Timestamp;
use ratatui::Terminal;
use ratatui::layout::Size;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::effect::Effect;
use crate::event::Event;
use crate::mouse::{Did, Mouse};
use crate::settings::Settings;
use crate::state::commands::shell::Shell;
use crate::state::link::Status;
use crate::state::list::{List, Shown};
use crate::state::safety::Safety;
use crate::state::{State, Welcome};
use crate::term::capabilities::{self, Capabilities, Colours, Wanted};
use crate::term::decode::Input;
use crate::term::session::{Session, SessionError};
use crate::term::signals::{Asked, Signals};
use crate::term::vt::VtBackend;
use crate::term::writer::Writer;
use crate::term::{clipboard, input, panic, size};
use crate::ui::theme::{self, Theme, ThemeError};
use crate::update::update;
use crate::watching::Ask;
use crate::worker::{Files, Worker, save};
use crate::{diagnostics, ui};

/// How many inputs and events may queue up before their senders wait.
const QUEUE: usize = 256;
/// How many events are taken before the screen is drawn again.
const BATCH: usize = 512;
/// How long the terminal may take for what was drawn when it is given back.
const PATIENCE: Duration = Duration::from_millis(500);

/// Why the console ended other than by being told to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppError {
    /// There is no terminal to show it on.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The theme cannot be used.
    #[error(transparent)]
    Theme(#[from] ThemeError),
    /// The terminal went away.
    #[error("the terminal is gone")]
    Lost,
    /// Something in this program is wrong.
    #[error("{0}")]
    Panicked(String),
    /// The terminal or the system refuses.
    #[error("the terminal cannot be used: {0}")]
    Io(#[from] io::Error),
}

/// How the console should look.
#[derive(Clone, Debug, Default)]
pub(crate) struct Look {
    /// The theme, by name or file.
    pub(crate) theme: Option<String>,
    /// ASCII characters only.
    pub(crate) ascii: bool,
    /// What the terminal has, as far as the person says it.
    pub(crate) wanted: Wanted,
    /// Whether the mouse is heard.
    pub(crate) mouse: bool,
    /// What is told at the start.
    pub(crate) welcome: Option<Welcome>,
    /// What keeps from harm.
    pub(crate) safety: Safety,
    /// What a command for a shell needs to reach the same service.
    pub(crate) shell: Shell,
    /// What is set in `console.toml`.
    pub(crate) settings: Settings,
    /// The files that are kept.
    pub(crate) files: Files,
}

/// Shows the console until it is left.
///
/// # Errors
/// When there is no terminal, it is lost, or a task panics. The terminal is restored in every case.
pub(crate) async fn run(client: Client, look: &Look, log: Option<&str>) -> Result<(), AppError> {
    let capabilities = capabilities::detect(variable).with(look.wanted);
    let theme = Theme::load(look.theme.as_deref(), look.ascii, &capabilities)?;
    let signals = Signals::listen()?;
    panic::install();
    diagnostics::install(log);
    let session = Session::enter(look.mouse)?;
    let capabilities = capabilities.on_line(session.bits_per_second());
    let mut app = App::new(session, client, theme, look.clone(), capabilities)?;
    let outcome = app.run(signals).await;
    app.release();
    app.remember();
    match panic::report() {
        Some(report) => Err(AppError::Panicked(report)),
        None => outcome,
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

struct App {
    session: Session,
    terminal: Terminal<VtBackend<Writer>>,
    writer: Writer,
    state: State,
    theme: Theme,
    look: Look,
    capabilities: Capabilities,
    worker: Worker,
    events: mpsc::Receiver<Event>,
    inputs: mpsc::Receiver<Input>,
    drawn: Instant,
    quit: bool,
}

impl App {
    fn new(
        session: Session,
        client: Client,
        theme: Theme,
        look: Look,
        capabilities: Capabilities,
    ) -> Result<Self, AppError> {
        let mut tty = session.handle()?;
        let probe = |tty: &mut File| size::from_kernel().or_else(|| size::probe(tty));
        let size = probe(&mut tty).unwrap_or_else(|| size::from_environment(variable));
        let writer = Writer::on(session.handle()?)?;
        let backend = VtBackend::new(writer.clone(), size).on(&capabilities);
        let terminal = Terminal::new(backend)?;
        let (send_input, inputs) = mpsc::channel(QUEUE);
        input::spawn(tty, send_input)?;
        let (send_event, events) = mpsc::channel(QUEUE);
        let mut state = State::new(client.target().to_owned(), size, Timestamp::now());
        state.greet(look.welcome.clone());
        state.safety = look.safety.clone();
        state.shell = look.shell.clone();
        state.set(look.settings.clone());
        state.command_bar.load(look.files.lines());
        state.themes = theme::names().map(ToOwned::to_owned).to_vec();
        // A slow line has better things to carry.
        state.flash.on =
            capabilities.colours != Colours::Mono && capabilities.frame_interval.as_millis() <= 40;
        let worker = Worker::start(client, send_event, look.files.clone());
        theme.name.clone_into(&mut state.theme);
        state.theme_asked = look.theme.clone().unwrap_or_default();
        if let Some(warning) = theme.warnings.first() {
            state.tell(
                Severity::Warning,
                format!("theme {}: {warning}", theme.name),
            );
        }
        Ok(Self {
            session,
            terminal,
            writer,
            state,
            theme,
            look,
            capabilities,
            worker,
            events,
            inputs,
            drawn: Instant::now(),
            quit: false,
        })
    }

    async fn run(&mut self, mut signals: Signals) -> Result<(), AppError> {
        let mut tick = interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.draw()?;
        while !self.quit {
            let due = self.drawn + self.capabilities.frame_interval;
            let timed = self.state.needs_clock() || self.state.drawer;
            tokio::select! {
                biased;
                asked = signals.next() => match asked {
                    Asked::End(signal) => {
                        tracing::info!("ends because of {signal}");
                        return Ok(());
                    }
                    Asked::Redraw => self.measure(),
                },
                () = panic::happened() => return Ok(()),
                input = self.inputs.recv() => self.on_input(input)?,
                // A line that is not done with the last frame gets none: keys go on.
                () = self.writer.idle(), if self.state.dirty && !self.writer.is_idle() => {}
                () = sleep_until(due), if self.state.dirty && self.writer.is_idle() => self.draw()?,
                event = self.events.recv() => self.on_event(event.unwrap_or(Event::Tick))?,
                _ = tick.tick(), if timed => self.on_event(Event::Tick)?,
            }
            self.drain()?;
            self.worker.reap();
        }
        Ok(())
    }

    /// Takes what has queued up, so that many events make one frame.
    fn drain(&mut self) -> Result<(), AppError> {
        for _ in 0..BATCH {
            if let Ok(input) = self.inputs.try_recv() {
                self.on_input(Some(input))?;
            } else if let Ok(event) = self.events.try_recv() {
                self.on_event(event)?;
            } else {
                break;
            }
        }
        Ok(())
    }

    fn on_input(&mut self, input: Option<Input>) -> Result<(), AppError> {
        match input {
            Some(Input::Key(key)) => self.on_event(Event::Key(key)),
            Some(Input::Scanned { text, fresh }) => self.on_event(Event::Scanned { text, fresh }),
            Some(Input::Mouse(mouse)) => self.on_mouse(mouse),
            Some(Input::Paste(text)) => self.on_event(Event::Paste(text)),
            Some(Input::Position(..)) => Ok(()),
            Some(Input::Lost) | None => Err(AppError::Lost),
        }
    }

    /// A press on the key bar is the key.
    fn on_mouse(&mut self, mouse: Mouse) -> Result<(), AppError> {
        let is_bar = mouse.row + 1 == self.state.size.height;
        if mouse.did == Did::Pressed && is_bar {
            let key = ui::key_at(&self.state, mouse.column);
            return key.map_or(Ok(()), |key| self.on_event(Event::Key(key)));
        }
        self.on_event(Event::Mouse(mouse))
    }

    fn on_event(&mut self, event: Event) -> Result<(), AppError> {
        self.state.now = Timestamp::now();
        for effect in update(&mut self.state, event) {
            match effect {
                Effect::Quit => self.quit = true,
                Effect::Suspend => {
                    self.writer.settle(PATIENCE);
                    self.session.suspend()?;
                    self.measure();
                }
                Effect::Theme(name) => self.change_theme(name),
                Effect::Copy(text) => self.copy(&text)?,
                Effect::Watch(Ask::Bundle(mut bundle)) => {
                    bundle.screen = ui::text_of(&mut self.state, &self.theme);
                    self.worker.perform(Effect::Watch(Ask::Bundle(bundle)));
                }
                other => self.worker.perform(other),
            }
        }
        Ok(())
    }

    fn change_theme(&mut self, name: String) {
        let asked = (!name.is_empty()).then_some(name.as_str());
        match Theme::load(asked, self.look.ascii, &self.capabilities) {
            Ok(theme) => {
                let (severity, text) = match theme.warnings.first() {
                    Some(warning) => (Severity::Warning, format!(": {warning}")),
                    None => (Severity::Info, String::new()),
                };
                self.state
                    .tell(severity, format!("theme {}{text}", theme.name));
                theme.name.clone_into(&mut self.state.theme);
                self.state.theme_asked = name;
                self.theme = theme;
            }
            Err(error) => self.state.tell(Severity::Warning, error.to_string()),
        }
    }

    /// Gives a text to the clipboard of the terminal, and to a file for those that have none.
    fn copy(&mut self, text: &str) -> Result<(), AppError> {
        let through =
            clipboard::between(variable).and_then(|between| clipboard::sequence(text, between));
        let sent = match through {
            Ok(bytes) => {
                self.writer.write_all(&bytes)?;
                Ok(())
            }
            Err(error) => Err(error),
        };
        // A small file of this user's own: it is written before a frame is drawn.
        let file = save::copied_file(variable);
        let kept = file.filter(|file| save::copied(file, text).is_ok());
        let kept = kept.map(|file| file.display().to_string());
        let (severity, told) = match (sent, kept) {
            (Ok(()), Some(file)) => (Severity::Info, format!("copied; also in {file}")),
            (Ok(()), None) => (Severity::Info, "copied".to_owned()),
            (Err(why), Some(file)) => (Severity::Info, format!("in {file}: {why}")),
            (Err(why), None) => (Severity::Warning, format!("not copied: {why}")),
        };
        self.state.tell(severity, told);
        Ok(())
    }

    /// Gives the terminal back, also when it has not taken all that was drawn.
    fn release(&mut self) {
        if !self.writer.settle(PATIENCE) {
            self.session.drop_output();
        }
        self.writer.end();
        self.session.restore();
    }

    /// Keeps the list for the next start, in the order in which that begins.
    fn remember(&mut self) {
        let is_known = matches!(self.state.link.status, Status::Live | Status::Polling);
        let cache = self.look.files.list_of(&self.state.link.target);
        let Some(cache) = cache.filter(|_| is_known) else {
            return;
        };
        let now = Timestamp::now();
        let fleet = self.state.live_fleet();
        let mut list = List::default();
        list.touch();
        list.settle(fleet, 1, now);
        let node = |(_, shown)| match shown {
            Shown::Node(node) => Some(node),
            Shown::Group(_) => None,
        };
        let nodes: Vec<_> = list.visible(fleet, fleet.len()).filter_map(node).collect();
        if let Err(error) = cache.write(&nodes, now) {
            tracing::warn!("the node list is not kept for the next start: {error}");
        }
    }

    /// The window may have another size, and what is on it may be anything.
    fn measure(&mut self) {
        let size: Size = size::from_kernel().unwrap_or(self.state.size);
        self.terminal.backend_mut().resize(size);
        // The next frame is drawn whole.
        let _ = self.terminal.clear();
        update(&mut self.state, Event::Resized(size));
    }

    fn draw(&mut self) -> Result<(), AppError> {
        self.state.settle();
        self.state.dirty = false;
        let (state, theme) = (&self.state, &self.theme);
        self.terminal.draw(|frame| ui::draw(frame, state, theme))?;
        self.drawn = Instant::now();
        Ok(())
    }
}
