//! The enrolment wizard.

use cupola_api::probe::{CheckResult, ProbeReport};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{activity, card, form, unknown};
use crate::describe;
use crate::state::State;
use crate::state::enroll::{Enroll, Probe, Step};
use crate::state::journey::Status;
use crate::summary;
use crate::ui::text::{clip, wrap};
use crate::ui::theme::Theme;

/// Draws it.
pub(crate) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &State,
    enroll: &Enroll,
    theme: &Theme,
) {
    draw_steps(frame.buffer_mut(), area, enroll.step, theme);
    let area = Rect {
        x: area.x + 2,
        y: area.y + 2,
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(2),
    };
    match enroll.step {
        Step::Bmc => {
            let used = form::draw(frame, area, &enroll.bmc, theme);
            draw_welcome(frame.buffer_mut(), area, used + 1, state, theme);
        }
        Step::Labels => {
            let used = form::draw(frame, area, &enroll.labels, theme);
            if enroll.unknown.is_some() {
                unknown::draw(frame.buffer_mut(), area, used + 1, state, enroll, theme);
            } else {
                draw_welcome(frame.buffer_mut(), area, used + 1, state, theme);
            }
        }
        Step::Properties => {
            form::draw(frame, area, &enroll.properties, theme);
        }
        Step::Test => draw_lines(frame.buffer_mut(), area, &probe_lines(state, enroll, theme)),
        Step::Review => draw_lines(frame.buffer_mut(), area, &review_lines(enroll, theme)),
        Step::Progress => match enroll.node().filter(|_| enroll.journey.is_done()) {
            Some(id) => card::draw(frame.buffer_mut(), area, state, enroll, id, theme),
            None => draw_lines(
                frame.buffer_mut(),
                area,
                &progress_lines(state, enroll, theme),
            ),
        },
    }
}

fn draw_steps(buffer: &mut Buffer, area: Rect, current: Step, theme: &Theme) {
    let mut x = area.x + 2;
    for step in Step::ALL {
        let room = usize::from(area.right().saturating_sub(x));
        let style = match step.number().cmp(&current.number()) {
            std::cmp::Ordering::Less => theme.good,
            std::cmp::Ordering::Equal => theme.selected,
            std::cmp::Ordering::Greater => theme.muted,
        };
        let text = format!(" {} {} ", step.number(), step.name());
        let (next, _) = buffer.set_stringn(x, area.y, text, room, style);
        x = next + 1;
    }
}

/// What was told at the start helps to fill the form in.
fn draw_welcome(buffer: &mut Buffer, area: Rect, below: u16, state: &State, theme: &Theme) {
    let lines = state.welcome.iter().flat_map(|w| &w.lines);
    let width = usize::from(area.width);
    for (y, line) in (area.y.saturating_add(below)..area.bottom()).zip(lines) {
        buffer.set_stringn(area.x, y, clip(line, width), width, theme.text);
    }
}

type Lines = Vec<(String, Style)>;

/// Columns of the word that says how a check ended, and of the blanks behind it.
const RESULT: usize = 9;

fn draw_lines(buffer: &mut Buffer, area: Rect, lines: &Lines) {
    let width = usize::from(area.width);
    let wrapped = lines.iter().flat_map(|(text, style)| {
        // The blanks at the start hold for every line of a wrapped text.
        let indent = text.len() - text.trim_start().len();
        // A word of a table's first column stands alone in it.
        let (lead, text) = match text.split_at_checked(RESULT) {
            Some((lead, rest)) if lead.ends_with("  ") && indent == 0 => (lead, rest),
            Some(_) | None => text.split_at(indent),
        };
        let lines = wrap(text, width.saturating_sub(lead.len())).into_iter();
        lines.enumerate().map(move |(at, part)| {
            let before = if at == 0 { lead } else { "" };
            (format!("{before:<0$}{part}", lead.len()), *style)
        })
    });
    for (y, (text, style)) in (area.y..area.bottom()).zip(wrapped) {
        buffer.set_stringn(area.x, y, clip(&text, width), width, style);
    }
}

fn probe_lines(state: &State, enroll: &Enroll, theme: &Theme) -> Lines {
    let address = enroll.bmc.text("BMC address");
    let port = enroll.bmc.text("Port");
    let head = format!("Testing the BMC at {address} port {port}");
    let mut lines = vec![(head, theme.header)];
    lines.push((String::new(), theme.text));
    match &enroll.probe {
        Probe::Idle => {}
        Probe::Running(since) => {
            let age = describe::since(*since, state.now);
            lines.push((format!("It is being asked ... {age}"), theme.busy));
        }
        Probe::Failed(why) => {
            lines.push(("The test could not be made.".to_owned(), theme.failed));
            lines.push((format!("  {why}"), theme.text));
        }
        Probe::NotServed(why) => lines.push((format!("Not tested: {why}"), theme.warning)),
        Probe::Done(report) => report_lines(report, theme, &mut lines),
    }
    lines
}

fn report_lines(report: &ProbeReport, theme: &Theme, lines: &mut Lines) {
    for check in &report.checks {
        let (word, style) = match check.result {
            CheckResult::Passed => ("passed ", theme.good),
            CheckResult::Failed => ("FAILED ", theme.failed),
            CheckResult::Skipped => ("skipped", theme.muted),
        };
        let text = format!("{word}  {}: {}", check.name, check.detail);
        lines.push((text, style));
        if let Some(remedy) = &check.remedy {
            let remedy = Enroll::in_words_of_the_form(remedy);
            lines.push((format!("         What to do: {remedy}"), theme.warning));
        }
    }
    lines.push((String::new(), theme.text));
    let facts = [
        report
            .manufacturer
            .as_ref()
            .map(|m| format!("Manufacturer: {m}")),
        report
            .bmc_mac
            .map(|mac| format!("BMC's own address: {mac}")),
        report
            .passed()
            .then(|| format!("Power: {}", summary::power_word(report.power_state))),
    ];
    lines.extend(facts.into_iter().flatten().map(|fact| (fact, theme.text)));
    lines.push((String::new(), theme.text));
    lines.push(if report.passed() {
        ("All is well. Enter goes on.".to_owned(), theme.good)
    } else {
        (
            "Esc goes back to the form; r tests again.".to_owned(),
            theme.warning,
        )
    });
}

fn review_lines(enroll: &Enroll, theme: &Theme) -> Lines {
    let mut lines = Lines::new();
    for (label, value) in enroll.facts() {
        lines.push((format!("{label:<16} {value}"), theme.text));
    }
    lines.push((String::new(), theme.text));
    lines.push(("What will be done:".to_owned(), theme.header));
    for (at, goal) in enroll.goals().iter().enumerate() {
        lines.push((format!("  {}. {}", at + 1, goal.name()), theme.text));
    }
    lines.push((String::new(), theme.text));
    lines.push(("Enter enrols it.".to_owned(), theme.good));
    lines
}

fn progress_lines(state: &State, enroll: &Enroll, theme: &Theme) -> Lines {
    let mut lines = Lines::new();
    for (goal, status) in &enroll.journey.goals {
        let (word, style) = match status {
            Status::Ahead => ("      ", theme.muted),
            Status::Running => ("now   ", theme.busy),
            Status::Done => ("done  ", theme.good),
            Status::Failed(_) => ("FAILED", theme.failed),
        };
        lines.push((format!("{word}  {}", goal.name()), style));
        if let Status::Failed(why) = status {
            lines.push((format!("        {why}"), theme.failed));
        }
    }
    lines.push((String::new(), theme.text));
    if let Some(node) = enroll.node().and_then(|id| state.fleet.get(id)) {
        let name = summary::display_name(node);
        let style = theme.state(node.provision_state);
        let since = activity::since(node, state);
        lines.push((
            format!("{name} is {} ({since})", node.provision_state),
            style,
        ));
        let doing = summary::activity(node);
        if !doing.is_empty() {
            lines.push((doing, theme.text));
        }
        lines.push((String::new(), theme.text));
    }
    if enroll.refused().is_some() {
        let text = "It was refused. Enter goes back to the field that is wrong, with all that \
                    was typed; Esc to the review.";
        lines.push((text.to_owned(), theme.warning));
    } else if let Some((_, Status::Failed(_))) = enroll.journey.current() {
        let text = "r tries this part again; Enter opens the node with its timeline.";
        lines.push((text.to_owned(), theme.warning));
    } else {
        let text = "Esc goes to the list; a node that is left here stops at its next state.";
        lines.push((text.to_owned(), theme.muted));
    }
    lines
}
