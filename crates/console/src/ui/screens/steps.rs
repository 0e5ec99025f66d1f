//! The form of manual cleaning and servicing.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::form;
use crate::state::steps::StepsForm;
use crate::ui::text::{clip, wrap};
use crate::ui::theme::Theme;

/// Draws it.
pub(crate) fn draw(frame: &mut Frame<'_>, area: Rect, steps: &StepsForm, theme: &Theme) {
    let area = Rect {
        x: area.x + 2,
        y: area.y + 1,
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(1),
    };
    let used = form::draw(frame, area, &steps.form, theme);
    let width = usize::from(area.width);
    let (text, style) = match &steps.runbooks {
        None => (
            "The server is asked for its runbooks ...".to_owned(),
            theme.busy,
        ),
        Some(Err(why)) => (format!("No list of runbooks: {why}"), theme.warning),
        Some(Ok(names)) if names.is_empty() => {
            ("There is no runbook on the server.".to_owned(), theme.muted)
        }
        Some(Ok(names)) => (format!("Runbooks: {}", names.join(", ")), theme.muted),
    };
    for (line, y) in wrap(&text, width)
        .iter()
        .zip(area.y + used + 1..area.bottom())
    {
        frame
            .buffer_mut()
            .set_stringn(area.x, y, clip(line, width), width, style);
    }
}
