//! Questions and answers in lines.

use std::io::{BufRead, IsTerminal};

use cupola_api::cupola::UnknownMac;

use crate::cli::{Failure, ask as terminal, output};
use crate::state::enroll::{Enroll, Step};
use crate::state::form::{Field, Form, Label, Value};

/// Where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// To the next step.
    On,
    /// To the step before.
    Back,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// One question back.
    Back,
    /// This text, which may be empty.
    Text(String),
}

/// Asks for a line.
pub(super) async fn ask(question: &str) -> Result<Said, Failure> {
    output::prompt(&format!("{question}: "))?;
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        let count = std::io::stdin().lock().read_line(&mut line)?;
        Ok::<_, std::io::Error>((count > 0).then_some(line))
    });
    let line = read.await.map_err(|e| Failure::failed(e.to_string()))??;
    match line {
        Some(line) => Ok(said(line.trim())),
        None => Err(Failure::failed(
            "the input ended before the machine was enrolled; nothing was sent",
        )),
    }
}

fn said(text: &str) -> Said {
    match text {
        "<" => Said::Back,
        text => Said::Text(text.to_owned()),
    }
}

/// Asks for a text that is not to be seen, where there is a terminal to hide it on.
async fn ask_hidden(question: &str) -> Result<Said, Failure> {
    if !std::io::stdin().is_terminal() {
        return ask(question).await;
    }
    let question = format!("{question}: ");
    let read = tokio::task::spawn_blocking(move || terminal::hidden(&question));
    let secret = read.await.map_err(|e| Failure::failed(e.to_string()))??;
    Ok(match secret.expose() {
        "<" => Said::Back,
        text => Said::Text(text.to_owned()),
    })
}

fn form_of(enroll: &mut Enroll, step: Step) -> &mut Form {
    match step {
        Step::Labels => &mut enroll.labels,
        Step::Properties => &mut enroll.properties,
        Step::Bmc | Step::Test | Step::Review | Step::Progress => &mut enroll.bmc,
    }
}

fn check(enroll: &mut Enroll, step: Step) -> bool {
    match step {
        Step::Bmc => enroll.check_bmc(),
        Step::Labels => enroll.check_labels(),
        Step::Properties => enroll.check_properties(),
        Step::Test | Step::Review | Step::Progress => true,
    }
}

/// Asks for each field of a step, then for those again that cannot be right. Of addresses that were
/// `seen`, their number stands for one.
pub(super) async fn form(
    enroll: &mut Enroll,
    step: Step,
    seen: &[UnknownMac],
) -> Result<Turn, Failure> {
    let mut at = 0;
    while let Some(field) = form_of(enroll, step).fields.get_mut(at) {
        match field_of(field, seen).await? {
            Said::Back if at == 0 => return Ok(Turn::Back),
            Said::Back => at -= 1,
            Said::Text(_) => at += 1,
        }
    }
    while !check(enroll, step) {
        let form = form_of(enroll, step);
        let focus = form.focus;
        let Some(field) = form.fields.get_mut(focus) else {
            break;
        };
        if let Some(error) = field.error.take() {
            output::line(&format!("{}: {error}", field.label))?;
        }
        if field_of(field, seen).await? == Said::Back {
            return Ok(Turn::Back);
        }
    }
    Ok(Turn::On)
}

/// Asks for one field until the answer makes sense, and keeps it.
async fn field_of(field: &mut Field, seen: &[UnknownMac]) -> Result<Said, Failure> {
    loop {
        let question = question(field);
        let said = match field.value {
            Value::Hidden(_) => ask_hidden(&question).await?,
            Value::Text(_) | Value::Choice { .. } | Value::Switch(_) => ask(&question).await?,
        };
        let Said::Text(text) = &said else {
            return Ok(said);
        };
        match keep(field, text, seen) {
            Ok(()) => return Ok(said),
            Err(why) => output::line(why)?,
        }
    }
}

fn question(field: &Field) -> String {
    let (about, present) = match &field.value {
        Value::Text(line) => (field.hint.to_owned(), line.text()),
        Value::Hidden(line) => {
            let given = if line.is_empty() { "" } else { "given" };
            (field.hint.to_owned(), given.to_owned())
        }
        Value::Choice { options, chosen } => (
            format!("one of {}", options.join(", ")),
            options.get(*chosen).cloned().unwrap_or_default(),
        ),
        Value::Switch(on) => {
            let about = field.hint.split("; Space").next().unwrap_or_default();
            let present = if *on { "yes" } else { "no" };
            (format!("{about}; yes or no"), present.to_owned())
        }
    };
    match present.is_empty() {
        true => format!("{} ({about})", field.label),
        false => format!("{} ({about}) [{present}]", field.label),
    }
}

/// Keeps an answer; an empty one leaves what there is, `-` empties it.
fn keep(field: &mut Field, text: &str, seen: &[UnknownMac]) -> Result<(), &'static str> {
    if text.is_empty() {
        return Ok(());
    }
    let is_mac = field.label_of == Label::Mac;
    let picked = text
        .parse::<usize>()
        .ok()
        .filter(|_| is_mac && text.len() == 1);
    let picked = picked.and_then(|number| seen.get(number.checked_sub(1)?));
    match &mut field.value {
        Value::Text(_) if picked.is_some() => {
            let mac = picked.map(|one| one.mac.to_string()).unwrap_or_default();
            field.fill(&mac);
        }
        Value::Text(_) => field.fill(if text == "-" { "" } else { text }),
        Value::Hidden(_) => field.fill(text),
        Value::Choice { options, chosen } => match options.iter().position(|it| it == text) {
            Some(at) => *chosen = at,
            None => return Err("It is none of them."),
        },
        Value::Switch(on) => match text.to_ascii_lowercase().as_str() {
            "y" | "yes" => *on = true,
            "n" | "no" => *on = false,
            _ => return Err("yes or no."),
        },
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(mac: &str) -> UnknownMac {
        UnknownMac {
            mac: mac.parse().expect("an address"),
            first_seen: jiff::Timestamp::UNIX_EPOCH,
            last_seen: jiff::Timestamp::UNIX_EPOCH,
            times: 1,
            what: "DHCPDISCOVER".to_owned(),
        }
    }

    fn text(field: &Field) -> String {
        match &field.value {
            Value::Text(line) | Value::Hidden(line) => line.text(),
            Value::Choice { .. } | Value::Switch(_) => String::new(),
        }
    }

    #[test]
    fn answers_fill_the_fields_of_the_form() {
        let seen = [seen("52:54:00:00:00:07")];
        let mut mac = Field::mac("MAC 1", "the interface");
        assert_eq!(keep(&mut mac, "1", &seen), Ok(()));
        assert_eq!(text(&mac), "52:54:00:00:00:07");
        assert_eq!(question(&mac), "MAC 1 (the interface) [52:54:00:00:00:07]");
        // An empty answer keeps it, a dash empties it, a number of nobody is a text.
        for (answer, want) in [("", "52:54:00:00:00:07"), ("-", ""), ("9", "9")] {
            assert_eq!(keep(&mut mac, answer, &seen), Ok(()));
            assert_eq!(text(&mac), want);
        }
        let mut driver = Field::choice("Driver", "", vec!["ipmi".to_owned(), "fake".to_owned()]);
        assert!(keep(&mut driver, "nosuch", &[]).is_err());
        assert_eq!(keep(&mut driver, "fake", &[]), Ok(()));
        assert_eq!(question(&driver), "Driver (one of ipmi, fake) [fake]");
        let mut inspect = Field::switch("Inspect it", "find it out; Space changes", true);
        assert!(keep(&mut inspect, "maybe", &[]).is_err());
        assert_eq!(keep(&mut inspect, "No", &[]), Ok(()));
        assert_eq!(
            question(&inspect),
            "Inspect it (find it out; yes or no) [no]"
        );
        let mut password = Field::hidden("Password", "of the BMC");
        assert_eq!(keep(&mut password, "-secret", &[]), Ok(()));
        assert_eq!(question(&password), "Password (of the BMC) [given]");
        assert_eq!(
            (said("<"), said("<<")),
            (Said::Back, Said::Text("<<".to_owned()))
        );
    }
}
