//! Which part of a file a request asks for: RFC 9110, sections 13 (conditions) and 14 (ranges).
//!
//! Pure. One range is served; of a request for several, the whole file, as section 14.2 allows.

use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, header};

/// By what clients tell one version of a file from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Validators {
    /// The entity tag, with its quotes; strong.
    pub(crate) tag: String,
    /// When the file was changed last.
    pub(crate) modified: Option<SystemTime>,
}

/// What to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selected {
    /// 200: all of it.
    Whole,
    /// 206: this part.
    Part(Range<u64>),
    /// 304: the client has it.
    NotModified,
    /// 412: the client's condition does not hold.
    PreconditionFailed,
    /// 416: there is no such part.
    Unsatisfiable,
}

/// Chooses by the request's headers; `validators` where the content has some.
pub(crate) fn select(
    headers: &HeaderMap,
    length: u64,
    validators: Option<&Validators>,
) -> Selected {
    if let Some(validators) = validators
        && let Some(selected) = conditions(headers, validators)
    {
        return selected;
    }
    let Some(range) = text(headers, &header::RANGE) else {
        return Selected::Whole;
    };
    if !if_range_holds(headers, validators) {
        return Selected::Whole;
    }
    match parse_range(range, length) {
        Parsed::Ignored => Selected::Whole,
        Parsed::Part(part) => Selected::Part(part),
        Parsed::Unsatisfiable => Selected::Unsatisfiable,
    }
}

/// Section 13.2.2, in its order.
fn conditions(headers: &HeaderMap, validators: &Validators) -> Option<Selected> {
    if let Some(tags) = text(headers, &header::IF_MATCH) {
        if !any_tag(tags, &validators.tag, false) {
            return Some(Selected::PreconditionFailed);
        }
    } else if let Some(since) = date(headers, &header::IF_UNMODIFIED_SINCE)
        && seconds(validators.modified).is_some_and(|modified| modified > since)
    {
        return Some(Selected::PreconditionFailed);
    }
    if let Some(tags) = text(headers, &header::IF_NONE_MATCH) {
        return any_tag(tags, &validators.tag, true).then_some(Selected::NotModified);
    }
    let since = date(headers, &header::IF_MODIFIED_SINCE)?;
    (seconds(validators.modified)? <= since).then_some(Selected::NotModified)
}

/// Section 13.1.5: the range counts only for the version that the client has a part of.
fn if_range_holds(headers: &HeaderMap, validators: Option<&Validators>) -> bool {
    if !headers.contains_key(header::IF_RANGE) {
        return true;
    }
    let (Some(condition), Some(validators)) = (text(headers, &header::IF_RANGE), validators) else {
        return false;
    };
    if condition.starts_with(['"', 'W']) && condition.ends_with('"') {
        return condition == validators.tag;
    }
    let asked = httpdate::parse_http_date(condition).ok();
    asked.is_some() && seconds(asked) == seconds(validators.modified)
}

/// `weakly`: a weak tag counts as well (section 8.8.3.2).
fn any_tag(list: &str, tag: &str, weakly: bool) -> bool {
    list.trim() == "*"
        || list.split(',').map(str::trim).any(|one| {
            one == tag || (weakly && one.strip_prefix("W/").is_some_and(|one| one == tag))
        })
}

enum Parsed {
    /// Not a range that we know: as if it were not there.
    Ignored,
    Part(Range<u64>),
    Unsatisfiable,
}

/// Section 14.1.2.
fn parse_range(text: &str, length: u64) -> Parsed {
    let Some((unit, set)) = text.split_once('=') else {
        return Parsed::Ignored;
    };
    let set = set.trim();
    if !unit.trim().eq_ignore_ascii_case("bytes") || set.contains(',') {
        return Parsed::Ignored;
    }
    let Some((first, last)) = set.split_once('-') else {
        return Parsed::Ignored;
    };
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Some(first), None) if last.is_empty() => first..length,
        (None, Some(suffix)) if first.is_empty() => length.saturating_sub(suffix)..length,
        (Some(_) | None, Some(_) | None) => return Parsed::Ignored,
    };
    if range.start < range.end {
        Parsed::Part(range)
    } else {
        Parsed::Unsatisfiable
    }
}

/// Digits only; a number too large for any file is one past its end.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    seconds(httpdate::parse_http_date(text(headers, name)?).ok())
}

/// HTTP's dates have whole seconds.
fn seconds(time: Option<SystemTime>) -> Option<u64> {
    let since = time?.duration_since(UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
    const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";

    fn validators() -> Validators {
        let modified = httpdate::parse_http_date(DATE).unwrap() + Duration::from_millis(300);
        Validators {
            tag: "\"v1\"".to_owned(),
            modified: Some(modified),
        }
    }

    fn selected(headers: &[(&str, &str)]) -> Selected {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        select(&headers, 1000, Some(&validators()))
    }

    #[test]
    fn ranges() {
        for (range, want) in [
            ("bytes=0-0", Selected::Part(0..1)),
            ("bytes=100-199", Selected::Part(100..200)),
            ("Bytes=100-", Selected::Part(100..1000)),
            ("bytes=-100", Selected::Part(900..1000)),
            ("bytes=-5000", Selected::Part(0..1000)),
            (
                "bytes=999-99999999999999999999999",
                Selected::Part(999..1000),
            ),
            ("bytes=1000-", Selected::Unsatisfiable),
            ("bytes=-0", Selected::Unsatisfiable),
            ("bytes=0-1,5-6", Selected::Whole),
            ("bytes=5-4", Selected::Whole),
            ("bytes=-", Selected::Whole),
            ("bytes=+1-2", Selected::Whole),
            ("lines=1-2", Selected::Whole),
        ] {
            assert_eq!(selected(&[("range", range)]), want, "{range}");
        }
    }

    #[test]
    fn a_range_of_another_version_gets_the_whole_file() {
        let part = Selected::Part(0..10);
        for (condition, want) in [
            ("\"v1\"", &part),
            (DATE, &part),
            ("\"v0\"", &Selected::Whole),
            ("W/\"v1\"", &Selected::Whole),
            (EARLIER, &Selected::Whole),
            (LATER, &Selected::Whole),
            ("nonsense", &Selected::Whole),
        ] {
            let headers = [("range", "bytes=0-9"), ("if-range", condition)];
            assert_eq!(&selected(&headers), want, "{condition}");
        }
        let headers = [
            ("range".parse().unwrap(), "bytes=0-9".parse().unwrap()),
            ("if-range".parse().unwrap(), "\"v1\"".parse().unwrap()),
        ];
        let no_validators = select(&headers.into_iter().collect(), 1000, None);
        assert_eq!(no_validators, Selected::Whole);
    }

    #[test]
    fn conditions_in_their_order() {
        for (headers, want) in [
            (&[("if-none-match", "\"v1\"")][..], Selected::NotModified),
            (
                &[("if-none-match", "\"v0\", W/\"v1\"")],
                Selected::NotModified,
            ),
            (&[("if-none-match", "*")], Selected::NotModified),
            (
                &[("if-none-match", "\"v0\""), ("if-modified-since", LATER)],
                Selected::Whole,
            ),
            (&[("if-modified-since", DATE)], Selected::NotModified),
            (&[("if-modified-since", EARLIER)], Selected::Whole),
            (&[("if-match", "\"v0\"")], Selected::PreconditionFailed),
            (&[("if-match", "\"v0\", \"v1\"")], Selected::Whole),
            (
                &[("if-unmodified-since", EARLIER)],
                Selected::PreconditionFailed,
            ),
            (&[("if-unmodified-since", DATE)], Selected::Whole),
        ] {
            assert_eq!(selected(headers), want, "{headers:?}");
        }
    }

    proptest! {
        #[test]
        fn a_part_lies_within_the_file(text in "(bytes=)?[0-9 ,-]{0,24}", length: u64) {
            if let Parsed::Part(part) = parse_range(&text, length) {
                prop_assert!(part.start < part.end && part.end <= length);
            }
        }
    }
}
