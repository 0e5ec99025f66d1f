//! Reading a filter. Every text is one: what makes no sense is told, and matches nothing.

use super::fuzzy::Fuzzy;
use super::values::limit;
use super::{Bound, Query, Term, Test};
use crate::state::field::{Field, Kind};
use crate::state::nearest;

/// The terms of a filter as they were typed: separated by blanks that are not quoted.
pub(crate) fn pieces(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut start = None;
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        quoted ^= c == '"';
        match (c.is_whitespace() && !quoted, start) {
            (false, None) => start = Some(at),
            (true, Some(from)) => {
                out.extend(text.get(from..at));
                start = None;
            }
            (true, None) | (false, Some(_)) => {}
        }
    }
    out.extend(start.and_then(|from| text.get(from..)));
    out
}

impl Query {
    /// Reads a filter. Every text is one: see [`Query::problem`].
    pub(crate) fn parse(text: &str) -> Self {
        let mut query = Self::default();
        for piece in pieces(text) {
            let bare = piece.trim_start_matches('!');
            let negated = (piece.len() - bare.len()) % 2 == 1;
            if bare.is_empty() {
                continue;
            }
            let (field, value) = split(bare, &mut query.problem);
            let mut tests = Vec::new();
            for part in alternatives(value) {
                match test(field, part) {
                    Ok(test) => tests.push(test),
                    Err(why) => {
                        query.problem = Some(why);
                        tests = vec![Test::Wrong];
                        break;
                    }
                }
            }
            query.terms.push(Term {
                negated,
                field,
                any: tests,
            });
        }
        query
    }
}

/// The field that is named, and what stands after it.
fn split<'a>(piece: &'a str, problem: &mut Option<String>) -> (Option<Field>, &'a str) {
    let Some((name, value)) = piece.split_once(':') else {
        return (None, piece);
    };
    // A time, an address or a quoted text may have a colon too.
    let is_name = name
        .chars()
        .all(|c| c.is_ascii_alphabetic() || "_-".contains(c));
    if !is_name || name.is_empty() {
        return (None, piece);
    }
    match Field::read(name) {
        Ok(field) => (Some(field), value),
        Err(why) => {
            *problem = Some(why);
            (None, piece)
        }
    }
}

/// What stands between the `|` that are not quoted.
fn alternatives(value: &str) -> Vec<&str> {
    let mut quoted = false;
    value
        .split(|c| {
            quoted ^= c == '"';
            c == '|' && !quoted
        })
        .collect()
}

fn unquoted(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('"')?;
    Some(inner.strip_suffix('"').unwrap_or(inner))
}

fn test(field: Option<Field>, text: &str) -> Result<Test, String> {
    if let Some(inner) = unquoted(text) {
        return Ok(match (inner, text.len() > 1 && text.ends_with('"')) {
            ("", true) => Test::Is(String::new()),
            (inner, _) => Test::Contains(inner.to_lowercase()),
        });
    }
    match field.map(|field| (field, field.kind())) {
        Some((_, Kind::Time)) => aged(text),
        Some((field, Kind::Flag)) => flag(field, text),
        Some((field, Kind::Word)) => {
            let test = worded(text);
            check_word(field, &test)?;
            Ok(test)
        }
        Some((_, Kind::Text)) => Ok(compared(text).unwrap_or_else(|| worded(text))),
        // `>` means nothing where no field is named.
        None => Ok(worded(text)),
    }
}

fn worded(text: &str) -> Test {
    if let Some(whole) = text.strip_prefix('=') {
        return Test::Is(unquoted(whole).unwrap_or(whole).to_lowercase());
    }
    if let Some(letters) = text.strip_prefix('~') {
        return Test::Fuzzy(Fuzzy::new(letters));
    }
    if text.contains('*') {
        return Test::Like(text.to_lowercase().split('*').map(str::to_owned).collect());
    }
    Test::Contains(text.to_lowercase())
}

/// What a range is made of what stands after its sign.
type Make<'a> = &'a dyn Fn(&str) -> Test;

fn compared(text: &str) -> Option<Test> {
    let bound = |limit: &str, includes: bool| match (limit, includes) {
        ("", _) => Bound::Open,
        (limit, true) => Bound::Including(limit.to_owned()),
        (limit, false) => Bound::Excluding(limit.to_owned()),
    };
    let from = |limit: &str, includes| Test::Between(bound(limit, includes), Bound::Open);
    let to = |limit: &str, includes| Test::Between(Bound::Open, bound(limit, includes));
    let signs: [(&str, Make<'_>); 4] = [
        (">=", &|rest| from(rest, true)),
        ("<=", &|rest| to(rest, true)),
        (">", &|rest| from(rest, false)),
        ("<", &|rest| to(rest, false)),
    ];
    for (sign, make) in signs {
        if let Some(rest) = text.strip_prefix(sign) {
            return Some(match rest {
                "" => Test::Open,
                rest => make(rest),
            });
        }
    }
    let (low, high) = text.split_once("..")?;
    Some(Test::Between(bound(low, true), bound(high, true)))
}

fn aged(text: &str) -> Result<Test, String> {
    let read = |part: &str| {
        let wrong = || format!("{part:?} is no time: 90s, 10m, 2h30m, 3d or 2026-11-01");
        match part {
            "" => Ok(None),
            part => limit(part).map(Some).ok_or_else(wrong),
        }
    };
    let older = |part| Ok(Test::Aged(read(part)?, None));
    let younger = |part| Ok(Test::Aged(None, read(part)?));
    // Of a day, `>` is later, which is a smaller age.
    let is_day = |part: &str| part.contains('-');
    let bare = text.trim_start_matches(['>', '<', '=']);
    match (text.starts_with('>'), text.starts_with('<')) {
        _ if text.is_empty() => Ok(Test::Open),
        (true, _) if is_day(bare) => younger(bare),
        (true, _) => older(bare),
        (_, true) if is_day(bare) => older(bare),
        (_, true) => younger(bare),
        (false, false) => match text.split_once("..") {
            Some((low, high)) if is_day(low) || is_day(high) => {
                Ok(Test::Aged(read(high)?, read(low)?))
            }
            Some((low, high)) => Ok(Test::Aged(read(low)?, read(high)?)),
            None => Err(format!(
                "a time wants > or <, or from..to: >{bare} is longer ago than that"
            )),
        },
    }
}

fn flag(field: Field, text: &str) -> Result<Test, String> {
    let text = text.trim_start_matches('=').to_ascii_lowercase();
    let begins = |words: [&str; 3]| words.iter().any(|word| word.starts_with(&text));
    match text.as_str() {
        "" => Ok(Test::Open),
        "o" => Ok(Test::Open),
        "1" => Ok(Test::Flag(true)),
        "0" => Ok(Test::Flag(false)),
        _ if begins(["yes", "true", "on"]) => Ok(Test::Flag(true)),
        _ if begins(["no", "false", "off"]) => Ok(Test::Flag(false)),
        _ => Err(format!("{}:{text} is neither yes nor no", field.name())),
    }
}

/// A word that no value of the field can be like is told with the nearest.
fn check_word(field: Field, test: &Test) -> Result<(), String> {
    let words = field.words();
    if words.iter().any(|word| test.fits(word)) {
        return Ok(());
    }
    let typed = match test {
        Test::Contains(text) | Test::Is(text) if !text.is_empty() => text.clone(),
        Test::Like(parts) => parts.join("*"),
        Test::Contains(_)
        | Test::Is(_)
        | Test::Fuzzy(_)
        | Test::Between(..)
        | Test::Aged(..)
        | Test::Flag(_)
        | Test::Open
        | Test::Wrong => return Ok(()),
    };
    // A name may be typed only so far: `=act` will be `=active`.
    if words.iter().any(|word| word.starts_with(&typed)) {
        return Ok(());
    }
    let near = nearest(&typed, words.iter().copied());
    let near = near.map_or_else(|| words.join(", "), |near| format!("is it {near}?"));
    Err(format!("no {} is {typed}: {near}", field.name()))
}
