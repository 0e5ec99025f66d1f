//! How values are compared with what is looked for, without making texts.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Limit;

/// Whether `text` contains `word`, which is in lower case; ASCII letters of either case are equal.
pub(super) fn contains(text: &str, word: &str) -> bool {
    find(text.as_bytes(), word.as_bytes()).is_some()
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    let Some(first) = word.first() else {
        return Some(0);
    };
    let fits = |at: &usize| {
        let part = text.get(*at..*at + word.len());
        part.is_some_and(|part| part.eq_ignore_ascii_case(word))
    };
    memchr::memchr2_iter(*first, first.to_ascii_uppercase(), text).find(fits)
}

/// Whether a text is made of these parts in this order, with anything between them.
pub(super) fn is_like(text: &str, parts: &[String]) -> bool {
    let mut rest = text.as_bytes();
    let last = parts.len().saturating_sub(1);
    for (at, part) in parts.iter().enumerate() {
        let part = part.as_bytes();
        let found = match (at == 0, at == last) {
            // The first part stands at the start, the last one at the end.
            (true, is_last) => {
                let start = rest.get(..part.len());
                let fits = start.is_some_and(|s| s.eq_ignore_ascii_case(part))
                    && (!is_last || rest.len() == part.len());
                fits.then_some(0)
            }
            (false, true) => {
                let at = rest.len().checked_sub(part.len());
                at.filter(|at| {
                    rest.get(*at..)
                        .is_some_and(|s| s.eq_ignore_ascii_case(part))
                })
            }
            (false, false) => find(rest, part),
        };
        let Some(found) = found else {
            return false;
        };
        rest = rest.get(found + part.len()..).unwrap_or_default();
    }
    true
}

/// Reads how long ago: `90s`, `10m`, `2h30m`, `3d`, `2w`, or a day as `2026-11-01`.
pub(super) fn limit(text: &str) -> Option<Limit> {
    if let Ok(date) = text.parse::<Date>() {
        let moment = date.to_zoned(TimeZone::system()).ok()?;
        return Some(Limit::At(Timestamp::from(&moment)));
    }
    let mut seconds = 0_i64;
    let mut digits = String::new();
    for c in text.chars() {
        if c.is_ascii_digit() && digits.len() < 9 {
            digits.push(c);
            continue;
        }
        let unit = match c.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        let count: i64 = std::mem::take(&mut digits).parse().ok()?;
        seconds = seconds.checked_add(count.checked_mul(unit)?)?;
    }
    (digits.is_empty() && !text.is_empty()).then_some(Limit::Age(seconds))
}
