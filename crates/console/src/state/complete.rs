//! What may stand where the cursor of a prompt is: commands, their arguments, fields and values of
//! filters.

use super::State;
use super::field::{self, Field};
use super::query::pieces;
use crate::command::{self, Command, Takes};

/// As many nodes are offered at most.
const MOST: usize = 100;

/// One thing that may stand there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// What is written.
    pub(crate) text: String,
    /// What it is.
    pub(crate) note: String,
}

/// What may stand at the end of a text, and which one of it was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Completion {
    /// What stands before it.
    pub(crate) before: String,
    /// What may stand there.
    pub(crate) candidates: Vec<Candidate>,
    /// The one that was taken.
    pub(crate) at: Option<usize>,
}

impl Completion {
    fn new(before: &str, candidates: Vec<Candidate>) -> Self {
        Self {
            before: before.to_owned(),
            candidates,
            at: None,
        }
    }

    /// Takes the next candidate, or the one before; returns the text with it.
    pub(crate) fn cycle(&mut self, forward: bool) -> Option<String> {
        let last = self.candidates.len().checked_sub(1)?;
        let at = match (self.at, forward) {
            (None, true) => 0,
            (None, false) => last,
            (Some(at), true) if at >= last => 0,
            (Some(at), true) => at + 1,
            (Some(0), false) => last,
            (Some(at), false) => at - 1,
        };
        self.at = Some(at);
        let candidate = self.candidates.get(at)?;
        Some(format!("{}{}", self.before, candidate.text))
    }
}

fn candidate(text: impl Into<String>, note: impl Into<String>) -> Candidate {
    Candidate {
        text: text.into(),
        note: note.into(),
    }
}

/// Makes candidates of what an argument begins with.
type Offer = fn(&State, &str) -> Vec<Candidate>;

/// What may stand at the end of what was typed after `:`.
pub(crate) fn command_line(state: &State, text: &str) -> Completion {
    let Some((name, argument)) = text.split_once(char::is_whitespace) else {
        return Completion::new("", names(state, text));
    };
    let expanded = state.settings.expand(name);
    let Ok((entry, _)) = command::parse(&expanded) else {
        return Completion::default();
    };
    let argument_at = text.len() - argument.len();
    let after_last = |separators: &[char]| {
        let at = argument.rfind(separators).map_or(0, |at| at + 1);
        argument_at + at
    };
    let (from, candidates): (usize, Offer) = match entry.command {
        Command::Filter => return filter(state, text, argument_at),
        Command::Sort => (argument_at, |_, start| fields(start, &[])),
        Command::Group => (argument_at, |_, start| fields(start, &["none"])),
        Command::Columns => (after_last(&[',', ' ']), |_, start| {
            fields(start, &["default"])
        }),
        Command::View => (argument_at, views),
        Command::Theme => (argument_at, themes),
        Command::Open => (argument_at, nodes),
        _ => match entry.takes {
            Takes::Nodes => (after_last(&[' ']), nodes),
            Takes::Reason if !argument.contains(' ') => (argument_at, nodes),
            _ => return Completion::default(),
        },
    };
    let (before, start) = text.split_at_checked(from).unwrap_or((text, ""));
    Completion::new(before, candidates(state, start))
}

/// What may stand at the end of a filter that begins at this byte.
pub(crate) fn filter(state: &State, text: &str, from: usize) -> Completion {
    let typed = text.get(from..).unwrap_or_default();
    let ends = typed.ends_with(char::is_whitespace);
    let piece = pieces(typed).pop().filter(|_| !ends).unwrap_or_default();
    let bare = piece.trim_start_matches('!');
    let Some((name, value)) = bare.split_once(':') else {
        let before = text.strip_suffix(bare).unwrap_or(text);
        let mut fields = fields(bare, &[]);
        for field in &mut fields {
            field.text.push(':');
        }
        return Completion::new(before, fields);
    };
    let Some(field) = Field::parse(name) else {
        return Completion::default();
    };
    let start = value.rsplit('|').next().unwrap_or_default();
    let before = text.strip_suffix(start).unwrap_or(text);
    Completion::new(before, values(state, field, start.trim_start_matches('"')))
}

fn names(state: &State, start: &str) -> Vec<Candidate> {
    let scope = state.scope();
    let shown = command::all().filter(|e| !e.is_for_tests() && e.scope.includes(scope));
    let commands = shown.filter_map(|entry| {
        let name = entry.names.iter().find(|name| name.starts_with(start))?;
        Some(candidate(*name, entry.help))
    });
    let aliases = state.settings.aliases.iter();
    let aliases = aliases
        .filter(|(name, _)| name.starts_with(start))
        .map(|(name, stands_for)| candidate(name, format!("alias of :{stands_for}")));
    let mut all: Vec<Candidate> = commands.chain(aliases).collect();
    all.sort_by(|a, b| a.text.cmp(&b.text));
    all
}

fn fields(start: &str, others: &[&str]) -> Vec<Candidate> {
    let start = start.to_ascii_lowercase();
    let rows = field::TABLE.iter().filter_map(|row| {
        let name = row.names.iter().find(|name| name.starts_with(&start))?;
        Some(candidate(*name, row.head))
    });
    let others = others.iter().filter(|name| name.starts_with(&start));
    rows.chain(others.map(|name| candidate(*name, "")))
        .collect()
}

fn views(state: &State, start: &str) -> Vec<Candidate> {
    let views = state.settings.views.iter();
    let views = views.map(|(name, view)| candidate(name, format!("/{}", view.filter)));
    let save = candidate("save ", "keep how the list looks now");
    views
        .chain([save])
        .filter(|view| view.text.starts_with(start))
        .collect()
}

fn themes(state: &State, start: &str) -> Vec<Candidate> {
    let names = state.themes.iter().filter(|name| name.starts_with(start));
    names.map(|name| candidate(name, "theme")).collect()
}

fn nodes(state: &State, start: &str) -> Vec<Candidate> {
    let all = state.fleet.nodes().iter();
    let named = all.filter_map(|node| Some((node.name.as_deref()?, node)));
    let mut found: Vec<Candidate> = named
        .filter(|(name, _)| name.starts_with(start) && !name.contains(char::is_whitespace))
        .take(MOST)
        .map(|(name, node)| candidate(name, node.provision_state.as_str()))
        .collect();
    found.sort_by(|a, b| super::natural::natural(&a.text, &b.text));
    found
}

/// The values that a field has here, quoted where they have blanks.
fn values(state: &State, field: Field, start: &str) -> Vec<Candidate> {
    let mut values: Vec<String> = field.words().iter().map(ToString::to_string).collect();
    if values.is_empty() && field != Field::Name {
        let mut seen = std::collections::BTreeSet::new();
        for node in state.fleet.nodes() {
            let text = field.plain(node);
            if !text.is_empty() && text.len() < 40 && !seen.contains(text) {
                seen.insert(text.to_owned());
            }
            if seen.len() >= MOST {
                break;
            }
        }
        values = seen.into_iter().collect();
        values.sort_by(|a, b| super::natural::natural(a, b));
    }
    let start = start.to_lowercase();
    let quoted = |text: String| match text.contains([' ', '|', '"']) {
        true => format!("\"{text}\""),
        false => text,
    };
    values
        .into_iter()
        .filter(|value| value.to_lowercase().starts_with(&start))
        .map(|value| candidate(quoted(value), field.name()))
        .collect()
}
