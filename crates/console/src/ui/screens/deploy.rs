//! The deploy wizard.

use cupola_api::id::NodeId;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{activity, form};
use crate::command::Act;
use crate::state::State;
use crate::state::deploy::{Deploy, Step};
use crate::ui::text::clip;
use crate::ui::theme::Theme;

/// Draws it.
pub(crate) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &State,
    deploy: &Deploy,
    theme: &Theme,
) {
    let area = Rect {
        x: area.x + 2,
        y: area.y + 1,
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(1),
    };
    match deploy.step {
        Step::Image => draw_images(frame.buffer_mut(), area, deploy, theme),
        Step::Other => {
            put(
                frame.buffer_mut(),
                area,
                0,
                "An image that is not configured",
                theme.header,
            );
            let area = below(area, 2);
            form::draw(frame, area, &deploy.other, theme);
        }
        Step::Preview => draw_preview(frame.buffer_mut(), area, state, deploy, theme),
        Step::Progress => draw_progress(frame.buffer_mut(), area, state, deploy, theme),
    }
}

const fn below(area: Rect, lines: u16) -> Rect {
    Rect {
        x: area.x,
        y: area.y + lines,
        width: area.width,
        height: area.height.saturating_sub(lines),
    }
}

fn put(buffer: &mut Buffer, area: Rect, line: u16, text: &str, style: Style) {
    if line < area.height {
        let width = usize::from(area.width);
        buffer.set_stringn(area.x, area.y + line, clip(text, width), width, style);
    }
}

fn draw_images(buffer: &mut Buffer, area: Rect, deploy: &Deploy, theme: &Theme) {
    put(buffer, area, 0, "Which image?", theme.header);
    let mut line = 2;
    match &deploy.images {
        None => {
            return put(
                buffer,
                area,
                line,
                "The server is asked for its images ...",
                theme.busy,
            );
        }
        Some(Err(why)) => {
            put(
                buffer,
                area,
                line,
                &format!("No images: {why}"),
                theme.warning,
            );
            line += 2;
        }
        Some(Ok(images)) if images.is_empty() => {
            put(
                buffer,
                area,
                line,
                "No image is configured on the server.",
                theme.muted,
            );
            line += 2;
        }
        Some(Ok(_)) => {}
    }
    let style = |at: usize| {
        if at == deploy.at {
            theme.selected
        } else {
            theme.text
        }
    };
    let names = deploy
        .configured()
        .iter()
        .map(|i| i.name.len())
        .max()
        .unwrap_or(0);
    for (at, image) in deploy.configured().iter().enumerate() {
        let size = image
            .size
            .map(|s| format!("{} MiB", s >> 20))
            .unwrap_or_default();
        let (name, format, source) = (&image.name, &image.disk_format, &image.source);
        let text = format!(" {name:<names$}  {format:<5}  {size:>9}  {source} ");
        put(buffer, area, line, &text, style(at));
        line += 1;
    }
    let other = deploy.configured().len();
    put(
        buffer,
        area,
        line,
        " another one: URL and checksum ",
        style(other),
    );
}

fn draw_preview(buffer: &mut Buffer, area: Rect, state: &State, deploy: &Deploy, theme: &Theme) {
    let Some(image) = deploy.image() else {
        return;
    };
    let check = |id: &NodeId| match state.fleet.get(*id) {
        Some(node) => state.may(Act::Deploy, node),
        None => Err("it is gone".to_owned()),
    };
    let able = deploy.nodes.iter().filter(|id| check(id).is_ok()).count();
    let total = deploy.nodes.len();
    let drive = if deploy.config_drive {
        "yes, with the node's name as its hostname"
    } else {
        "no"
    };
    let size = image
        .size
        .map(|s| format!(", {} MiB", s >> 20))
        .unwrap_or_default();
    let checksum = if image.hash_value.is_empty() {
        "none: the conductor works it out of its own file".to_owned()
    } else {
        format!("{} {}", image.hash_algo, image.hash_value)
    };
    let facts = [
        format!("Image         {} ({}{size})", image.name, image.disk_format),
        format!("From          {}", image.source),
        format!("Checksum      {checksum}"),
        format!("Config drive  {drive}"),
    ];
    for (line, fact) in (0..).zip(&facts) {
        put(buffer, area, line, fact, theme.text);
    }
    let warning = match (able, total) {
        (0, 1) => "It cannot be deployed now.".to_owned(),
        (0, _) => format!("None of {total} nodes can be deployed now."),
        (1, 1) => "It gets the image: what is on its disk is overwritten.".to_owned(),
        _ => format!("{able} of {total} nodes get it: what is on their disks is overwritten."),
    };
    put(
        buffer,
        area,
        5,
        &warning,
        if able > 0 {
            theme.warning
        } else {
            theme.failed
        },
    );
    let rows = below(area, 7);
    for (line, id) in (0..rows.height).zip(deploy.nodes.iter().skip(deploy.top)) {
        let name = state.name_of(*id);
        let (text, style) = match check(id) {
            Ok(()) => (format!("{name:<24} yes"), theme.text),
            Err(why) => (format!("{name:<24} no: {why}"), theme.disabled),
        };
        put(buffer, rows, line, &text, style);
    }
}

fn draw_progress(buffer: &mut Buffer, area: Rect, state: &State, deploy: &Deploy, theme: &Theme) {
    use cupola_api::state::provision::ProvisionState;
    let nodes = || deploy.asked.iter().filter_map(|id| state.fleet.get(*id));
    let active = nodes()
        .filter(|n| n.provision_state == ProvisionState::Active)
        .count();
    let failed = nodes().filter(|n| n.provision_state.is_failed()).count();
    let total = deploy.asked.len();
    let refused = deploy.refused.len();
    let head = format!("{active} of {total} active, {failed} failed, {refused} refused");
    put(buffer, area, 0, &head, theme.header);
    let rows = below(area, 2);
    let height = usize::from(rows.height);
    let top = deploy.top.saturating_sub(height.saturating_sub(1));
    let asked = deploy.asked.iter().enumerate().skip(top);
    for (y, (at, id)) in (rows.y..rows.bottom()).zip(asked) {
        let row = Rect {
            y,
            height: 1,
            ..rows
        };
        let mut spans = vec![Span::styled(
            format!("{:<20} ", clip(&state.name_of(*id), 20)),
            theme.text,
        )];
        if let Some(why) = deploy.refused.get(id) {
            spans.push(Span::styled(format!("refused: {why}"), theme.failed));
        } else if let Some(node) = state.fleet.get(*id) {
            let since = activity::since(node, state);
            let word = format!("{:<15} {since:<6} ", node.provision_state);
            spans.push(Span::styled(word, theme.state(node.provision_state)));
            let room = usize::from(row.width).saturating_sub(44);
            spans.extend(activity::spans(node, theme, room));
        }
        buffer.set_line(row.x, row.y, &Line::from(spans), row.width);
        if at == deploy.top {
            buffer.set_style(row, theme.selected);
        }
    }
}
