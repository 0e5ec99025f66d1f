//! What a frame of the console costs, in time and in bytes on the line. For `tests/bench`.

use std::io;
use std::time::{Duration, Instant};

use cupola_api::state::power::PowerState;
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
    costs.push(console.repeat("cursor down or up", |state, round| {
        drop(sample::press(state, if round % 2 == 0 { "j" } else { "k" }));
    })?);
    for _ in 0..rows {
        sample::press(&mut console.state, "j");
        console.draw()?;
    }
    costs.push(console.repeat("scroll one line down", |state, _| {
        drop(sample::press(state, "j"));
    })?);
    costs.push(console.repeat("page down", |state, _| {
        drop(sample::press(state, "<pgdn>"));
    })?);
    sample::press(&mut console.state, "gg");
    console.draw()?;
    costs.push(console.repeat("one node changes state", |state, round| {
        change(state, round, 1);
    })?);
    costs.push(console.repeat("fifty nodes change state", |state, round| {
        change(state, round, 50);
    })?);
    costs.push(console.repeat("another sort column", |state, _| {
        drop(sample::press(state, "s"));
    })?);
    sample::press(&mut console.state, "/");
    console.draw()?;
    costs.push(console.repeat("a letter of the filter", |state, round| {
        drop(sample::press(
            state,
            if round % 2 == 0 { "7" } else { "<bs>" },
        ));
    })?);
    Ok(costs)
}

/// So many nodes go from one state to another.
fn change(state: &mut State, round: usize, count: u32) {
    let to = match round % 2 {
        0 => ProvisionState::Active,
        _ => ProvisionState::Error,
    };
    let changed = |number: u32| {
        let mut node = sample::summary(number, &format!("node-{number}"), to);
        node.power_state = Some(PowerState::On);
        node
    };
    let changes = Changes {
        nodes: (1..=count).map(changed).collect(),
        ..Changes::default()
    };
    update(state, Event::Live(Live::Changed(changes)));
    state.settle();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_often_takes_few_bytes_on_the_line() {
        let costs = frames(2_000, 80, 24).expect("frames");
        let bytes = |event: &str| {
            let cost = costs.iter().find(|cost| cost.event == event);
            cost.map(|cost| cost.bytes).expect("an event")
        };
        assert_eq!(bytes("nothing changed"), 0);
        for (event, most) in [
            ("cursor down or up", 60),
            ("scroll one line down", 400),
            ("one node changes state", 80),
        ] {
            assert!(bytes(event) < most, "{event}: {} bytes", bytes(event));
        }
    }
}
