//! What a frame of the console costs, in time and in bytes on the line. For `tests/bench`.

use std::io;
use std::time::{Duration, Instant};

use cupola_api::state::provision::ProvisionState;
use ratatui::Terminal;
use ratatui::layout::Size;

use crate::event::{Changes, Event, Live};
use crate::sample;
use crate::state::State;
use crate::term::capabilities;
use crate::term::vt::VtBackend;
use crate::ui;
use crate::ui::theme::Theme;
use crate::update::update;

/// How often each event is repeated.
const ROUNDS: usize = 200;

/// What one kind of event costs: taking it in, and drawing the frame that follows.
#[derive(Clone, Debug)]
pub struct Cost {
    /// Such as `cursor down`.
    pub event: &'static str,
    /// Median time from the event to the written frame.
    pub median: Duration,
    /// The longest of all rounds.
    pub longest: Duration,
    /// Bytes written, on average.
    pub bytes: u64,
}

/// Measures a node list of `nodes` rows on a terminal of `columns` by `rows`.
///
/// # Errors
/// When the built-in theme cannot be read or a frame cannot be drawn.
pub fn frames(nodes: u32, columns: u16, rows: u16) -> io::Result<Vec<Cost>> {
    let start = Instant::now();
    let mut console = Console::new(nodes, columns, rows)?;
    let first_bytes = console.draw()?;
    let first = start.elapsed();
    let mut costs = vec![Cost {
        event: "first frame, from the list",
        median: first,
        longest: first,
        bytes: first_bytes,
    }];
    costs.push(console.repeat("nothing changed", |_, _| {})?);
    costs.push(console.repeat("cursor down", |state, _| {
        drop(sample::press(state, "j"));
    })?);
    costs.push(console.repeat("page down", |state, _| {
        drop(sample::press(state, "<pgdn>"));
    })?);
    costs.push(console.repeat("two nodes change state", |state, round| {
        let changed = |offset: u32| {
            let number = u32::try_from(round).unwrap_or(0) * 2 + offset;
            let state = if round % 2 == 0 {
                ProvisionState::Active
            } else {
                ProvisionState::Error
            };
            sample::summary(number, &format!("node-{number}"), state)
        };
        let changes = Changes {
            nodes: vec![changed(1), changed(2)],
            ..Changes::default()
        };
        update(state, Event::Live(Live::Changed(changes)));
        state.settle();
    })?);
    costs.push(console.repeat("another sort column", |state, _| {
        drop(sample::press(state, "s"));
    })?);
    Ok(costs)
}

struct Console {
    state: State,
    theme: Theme,
    terminal: Terminal<VtBackend<io::Sink>>,
}

impl Console {
    fn new(nodes: u32, columns: u16, rows: u16) -> io::Result<Self> {
        let linux = |name: &str| (name == "TERM").then(|| "linux".to_owned());
        let theme =
            Theme::load(None, false, &capabilities::detect(linux)).map_err(io::Error::other)?;
        let backend = VtBackend::new(io::sink(), Size::new(columns, rows));
        let terminal = Terminal::new(backend)?;
        Ok(Self {
            state: sample::state(columns, rows, nodes),
            theme,
            terminal,
        })
    }

    /// Draws the state as it is; returns the bytes that it took.
    fn draw(&mut self) -> io::Result<u64> {
        let before = self.terminal.backend().written();
        self.terminal
            .draw(|frame| ui::draw(frame, &self.state, &self.theme))?;
        Ok(self.terminal.backend().written() - before)
    }

    fn repeat(
        &mut self,
        event: &'static str,
        happen: impl Fn(&mut State, usize),
    ) -> io::Result<Cost> {
        let mut times = Vec::with_capacity(ROUNDS);
        let mut bytes = 0;
        for round in 0..ROUNDS {
            let start = Instant::now();
            happen(&mut self.state, round);
            bytes += self.draw()?;
            times.push(start.elapsed());
        }
        times.sort_unstable();
        Ok(Cost {
            event,
            median: times.get(ROUNDS / 2).copied().unwrap_or_default(),
            longest: times.last().copied().unwrap_or_default(),
            bytes: bytes / ROUNDS as u64,
        })
    }
}
