//! What the screen shows: a pure function of the state and the theme.
//!
//! Nothing here awaits, keeps anything between frames, or looks at rows that are not on the screen.

pub(crate) mod bar;
mod completion;
pub(crate) mod frame;
pub(crate) mod glyphs;
pub(crate) mod popup;
pub(crate) mod qr;
pub(crate) mod screens;
pub(crate) mod text;
pub(crate) mod theme;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::state::State;
use theme::Theme;

pub(crate) use bar::key_at;
pub(crate) use frame::draw;

/// What is on the screen, as text.
pub(crate) fn text_of(state: &mut State, theme: &Theme) -> String {
    state.settle();
    let backend = TestBackend::new(state.size.width, state.size.height);
    let mut terminal = match Terminal::new(backend) {
        Ok(terminal) => terminal,
        Err(never) => match never {},
    };
    match terminal.draw(|frame| draw(frame, state, theme)) {
        Ok(_) => terminal.backend().to_string(),
        Err(never) => match never {},
    }
}

#[cfg(test)]
mod tests;
