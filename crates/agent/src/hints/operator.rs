//! The operators in the value of a hint: `s== text`, `>= 100`, `<in> part`, `<or> a <or> b`, ….
//! A value without an operator means equality.

/// Why a hint's value is not understood.
pub(super) struct ParseHintError(pub(super) String);

/// What a value of a disk is compared with.
#[derive(Debug)]
pub(super) enum Matcher {
    Number(Comparison, u64),
    Boolean(bool),
    Text(Comparison, String),
    /// `<in>`: the disk's value holds this text.
    Contains(String),
    /// `<all-in>`: the disk's value holds all of these.
    ContainsAll(Vec<String>),
    /// `<or>`: the disk's value is one of these.
    OneOf(Vec<String>),
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

    fn of_number(operator: &str) -> Option<Self> {
        Some(match operator {
            "==" => Self::Equal,
            "!=" => Self::NotEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            // A single `=` has always meant "at least".
            ">=" | "=" => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    fn of_text(operator: &str) -> Option<Self> {
        operator.strip_prefix('s').and_then(|rest| match rest {
            "=" => None,
            rest => Self::of_number(rest),
        })
    }
}

fn normal(text: &str) -> String {
    text.trim().to_lowercase()
}

/// The part before the first blank, and the rest.
fn first_word(text: &str) -> (&str, &str) {
    let text = text.trim();
    text.split_once(char::is_whitespace)
        .map_or((text, ""), |(word, rest)| (word, rest.trim()))
}

fn alternatives(text: &str, separator: &str) -> Vec<String> {
    text.split(separator)
        .map(normal)
        .filter(|part| !part.is_empty())
        .collect()
}

impl Matcher {
    pub(super) fn parse_text(text: &str) -> Result<Self, ParseHintError> {
        let (operator, rest) = first_word(text);
        let matcher = match operator {
            "<in>" => Self::Contains(normal(rest)),
            "<or>" => Self::OneOf(alternatives(text, "<or>")),
            "<all-in>" => Self::ContainsAll(alternatives(text, "<all-in>")),
            _ => match Comparison::of_text(operator) {
                Some(comparison) => Self::Text(comparison, normal(rest)),
                None => return Ok(Self::Text(Comparison::Equal, normal(text))),
            },
        };
        if rest.is_empty() {
            return Err(ParseHintError(format!(
                "nothing follows the operator {operator}"
            )));
        }
        Ok(matcher)
    }

    pub(super) fn parse_number(text: &str) -> Result<Self, ParseHintError> {
        let (operator, rest) = first_word(text);
        if operator == "<or>" {
            return Ok(Self::OneOf(alternatives(text, "<or>")));
        }
        let (comparison, digits) = match Comparison::of_number(operator) {
            Some(comparison) => (comparison, rest),
            None => (Comparison::Equal, text.trim()),
        };
        let number = digits
            .parse()
            .map_err(|_| ParseHintError("expected a whole number of GiB".to_owned()))?;
        Ok(Self::Number(comparison, number))
    }

    pub(super) fn parse_boolean(text: &str) -> Result<Self, ParseHintError> {
        match normal(text).trim_start_matches("<is> ") {
            "true" | "yes" | "on" | "1" | "t" | "y" => Ok(Self::Boolean(true)),
            "false" | "no" | "off" | "0" | "f" | "n" => Ok(Self::Boolean(false)),
            _ => Err(ParseHintError("expected true or false".to_owned())),
        }
    }

    pub(super) fn matches(&self, value: &str) -> bool {
        let value = normal(value);
        match self {
            Self::Number(comparison, number) => value
                .parse()
                .is_ok_and(|value: u64| comparison.holds(&value, number)),
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
        assert!(Matcher::parse_text("s==").is_err());
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
