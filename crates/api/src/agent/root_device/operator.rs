//! The operators in the value of a hint: `s== text`, `>= 100`, `<in> part`, `<or> a <or> b`, ….
//! A value without an operator means equality. Case and blanks around a value do not count.

/// Why a hint's value is not understood.
pub(super) struct ParseHintError(pub(super) String);

/// What a value of a disk is compared with.
#[derive(Debug)]
pub(super) enum Matcher {
    Number(Comparison, u64),
    /// `<or>`: the number is one of these.
    OneNumberOf(Vec<u64>),
    /// `<range-in>`: the number lies between these.
    Range(Bound, Bound),
    Boolean(bool),
    Text(Comparison, String),
    /// `<in>`: the disk's value holds this text.
    Contains(String),
    /// `<all-in>`: the disk's value holds all of these.
    ContainsAll(Vec<String>),
    /// `<or>`: the disk's value is one of these.
    OneOf(Vec<String>),
}

/// One end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bound {
    number: u64,
    /// Whether the number itself belongs to the range.
    inclusive: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Every operator; one that another begins with stands behind it.
const OPERATORS: &[&str] = &[
    "<all-in>",
    "<range-in>",
    "<in>",
    "<or>",
    "<is>",
    "s==",
    "s!=",
    "s>=",
    "s<=",
    "s>",
    "s<",
    "==",
    "!=",
    ">=",
    "<=",
    "=",
    ">",
    "<",
];

impl Comparison {
    fn holds<T: Ord + ?Sized>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }

    fn of(operator: &str) -> Option<Self> {
        Some(match operator {
            "==" => Self::Equal,
            "!=" => Self::NotEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    fn of_number(operator: &str) -> Option<Self> {
        // A single `=` has always meant "at least".
        match operator {
            "=" => Some(Self::GreaterOrEqual),
            other => Self::of(other),
        }
    }

    fn of_text(operator: &str) -> Option<Self> {
        match operator {
            "=" => Some(Self::Equal),
            other => Self::of(other.strip_prefix('s').unwrap_or(other)),
        }
    }
}

fn normal(text: &str) -> String {
    text.trim().to_lowercase()
}

/// The operator in front, and the rest.
fn split(text: &str) -> (Option<&'static str>, &str) {
    let text = text.trim();
    OPERATORS
        .iter()
        .find_map(|operator| Some((Some(*operator), text.strip_prefix(operator)?.trim())))
        .unwrap_or((None, text))
}

fn alternatives(text: &str, separator: &str) -> Result<Vec<String>, ParseHintError> {
    let found: Vec<String> = text
        .split(separator)
        .map(normal)
        .filter(|part| !part.is_empty())
        .collect();
    if found.is_empty() {
        return Err(nothing_follows(separator));
    }
    Ok(found)
}

fn nothing_follows(operator: &str) -> ParseHintError {
    ParseHintError(format!("nothing follows the operator {operator}"))
}

fn gibibytes(text: &str) -> Result<u64, ParseHintError> {
    match text.trim().parse() {
        Ok(0) => Err(ParseHintError("a size is at least 1 GiB".to_owned())),
        Ok(number) => Ok(number),
        Err(_) => Err(ParseHintError("expected a whole number of GiB".to_owned())),
    }
}

/// `[ 10 20 )`: a bracket takes its number in, a parenthesis leaves it out.
fn range(text: &str) -> Result<Matcher, ParseHintError> {
    let wrong = || ParseHintError("a range is written as <range-in> [ 10 20 )".to_owned());
    let first = text.chars().next().ok_or_else(wrong)?;
    let last = text.chars().next_back().ok_or_else(wrong)?;
    let inner = text
        .strip_prefix(['[', '('])
        .and_then(|rest| rest.strip_suffix([']', ')']))
        .ok_or_else(wrong)?;
    let mut numbers = inner.split_whitespace();
    match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(low), Some(high), None) => Ok(Matcher::Range(
            Bound {
                number: gibibytes(low)?,
                inclusive: first == '[',
            },
            Bound {
                number: gibibytes(high)?,
                inclusive: last == ']',
            },
        )),
        _ => Err(wrong()),
    }
}

impl Matcher {
    pub(super) fn parse_text(text: &str) -> Result<Self, ParseHintError> {
        let (operator, rest) = split(text);
        match operator {
            None if rest.is_empty() => Err(ParseHintError("it is empty".to_owned())),
            None => Ok(Self::Text(Comparison::Equal, normal(rest))),
            Some("<or>") => Ok(Self::OneOf(alternatives(text, "<or>")?)),
            Some("<all-in>") => Ok(Self::ContainsAll(alternatives(text, "<all-in>")?)),
            Some(operator) if rest.is_empty() => Err(nothing_follows(operator)),
            Some("<in>") => Ok(Self::Contains(normal(rest))),
            Some(operator) => match Comparison::of_text(operator) {
                Some(comparison) => Ok(Self::Text(comparison, normal(rest))),
                None => Err(ParseHintError(format!("{operator} is not for texts"))),
            },
        }
    }

    pub(super) fn parse_number(text: &str) -> Result<Self, ParseHintError> {
        let (operator, rest) = split(text);
        match operator {
            None => Ok(Self::Number(Comparison::Equal, gibibytes(rest)?)),
            Some("<or>") => alternatives(text, "<or>")?
                .iter()
                .map(|number| gibibytes(number))
                .collect::<Result<_, _>>()
                .map(Self::OneNumberOf),
            Some("<range-in>") => range(rest),
            Some(operator) => match Comparison::of_number(operator) {
                Some(comparison) => Ok(Self::Number(comparison, gibibytes(rest)?)),
                None => Err(ParseHintError(format!("{operator} is not for numbers"))),
            },
        }
    }

    pub(super) fn parse_boolean(text: &str) -> Result<Self, ParseHintError> {
        let text = normal(text);
        match text.strip_prefix("<is>").unwrap_or(&text).trim() {
            "true" | "yes" | "on" | "1" | "t" | "y" => Ok(Self::Boolean(true)),
            "false" | "no" | "off" | "0" | "f" | "n" => Ok(Self::Boolean(false)),
            _ => Err(ParseHintError("expected true or false".to_owned())),
        }
    }

    pub(super) fn matches(&self, value: &str) -> bool {
        let value = normal(value);
        let number = || value.parse::<u64>().ok();
        match self {
            Self::Number(comparison, wanted) => {
                number().is_some_and(|value| comparison.holds(&value, wanted))
            }
            Self::OneNumberOf(wanted) => number().is_some_and(|value| wanted.contains(&value)),
            Self::Range(low, high) => number().is_some_and(|value| {
                (value > low.number || (low.inclusive && value == low.number))
                    && (value < high.number || (high.inclusive && value == high.number))
            }),
            Self::Boolean(wanted) => value == wanted.to_string(),
            Self::Text(comparison, text) => comparison.holds(value.as_str(), text.as_str()),
            Self::Contains(part) => value.contains(part.as_str()),
            Self::ContainsAll(parts) => parts.iter().all(|part| value.contains(part.as_str())),
            Self::OneOf(texts) => texts.contains(&value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text_matches(hint: &str, value: &str) -> bool {
        Matcher::parse_text(hint)
            .unwrap_or_else(|error| panic!("{}", error.0))
            .matches(value)
    }

    #[test]
    fn text_operators() {
        assert!(text_matches("s== Foo", "foo"));
        assert!(!text_matches("s!= foo", "foo"));
        assert!(text_matches("s>= b", "c"));
        assert!(text_matches("<in> oo", "foo"));
        assert!(text_matches("<all-in> f <all-in> oo", "foo"));
        assert!(text_matches("<or> a <or> foo", "foo"));
        assert!(text_matches("st4000 nm", "ST4000 NM"));
        assert!(text_matches("= foo", "FOO"));
        assert!(text_matches("s<c", "b"));
        assert!(!text_matches("s> b", "b"));
        for bad in ["", "s==", "<or>", "<in>", "<all-in> ", "<range-in> [ 1 2 ]"] {
            assert!(Matcher::parse_text(bad).is_err(), "{bad}");
        }
        for bad in [
            "0",
            "-5",
            ">= 1.5",
            "<in> 5",
            "<range-in> 1 2",
            "<or>",
            "= x",
        ] {
            assert!(Matcher::parse_number(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn number_operators() {
        for (hint, value, want) in [
            ("10", "10", true),
            ("== 10", "11", false),
            ("!= 10", "11", true),
            (">= 10", "10", true),
            ("= 10", "20", true),
            ("< 10", "9", true),
            ("<= 10", "11", false),
            ("<or> 10 <or> 20", "20", true),
            (">=10", "10", true),
            ("<range-in> [ 10 20 )", "10", true),
            ("<range-in> [ 10 20 )", "20", false),
            ("<range-in> ( 10 20 ]", "10", false),
            ("<range-in> ( 10 20 ]", "20", true),
        ] {
            let matcher = Matcher::parse_number(hint).unwrap_or_else(|error| panic!("{}", error.0));
            assert_eq!(matcher.matches(value), want, "{hint} on {value}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(hint in "\\PC{0,24}", value in "\\PC{0,12}") {
            for matcher in [Matcher::parse_text(&hint), Matcher::parse_number(&hint),
                            Matcher::parse_boolean(&hint)].into_iter().flatten() {
                matcher.matches(&value);
            }
        }
    }
}
