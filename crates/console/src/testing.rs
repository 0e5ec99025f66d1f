//! What tests of several modules need: a fleet of nodes, the screen as text.

use ratatui::Terminal;
use ratatui::backend::TestBackend;

pub(crate) use crate::sample::{nodes, press, state, summary};
use crate::state::State;
use crate::state::fleet::Fleet;
use crate::term::capabilities;
use crate::ui;
use crate::ui::theme::Theme;

/// So many nodes in all states.
pub(crate) fn fleet(count: u32) -> Fleet {
    let mut fleet = Fleet::default();
    fleet.replace(nodes(count));
    fleet
}

/// The screen as text.
pub(crate) fn screen(state: &mut State) -> String {
    state.settle();
    let capabilities = capabilities::detect(|name| (name == "TERM").then(|| "linux".to_owned()));
    let theme = Theme::load(Some("default"), false, &capabilities).expect("a built-in theme");
    let backend = TestBackend::new(state.size.width, state.size.height);
    let mut terminal = Terminal::new(backend).expect("a terminal");
    terminal
        .draw(|frame| ui::draw(frame, state, &theme))
        .expect("draws");
    terminal.backend().to_string()
}
