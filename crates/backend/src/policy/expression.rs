//! The language of rules, as oslo.policy has it: checks, `and`, `or`, `not`, parentheses. Whether a
//! caller passes one is told in [`super::evaluate`].

use std::fmt;

use crate::config::nearest;

/// How deep parentheses and `not` may go. Rules of people stay below five.
const DEPTH: usize = 64;

/// A rule that has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    /// Passed by everybody.
    Always,
    /// Passed by nobody.
    Never,
    Not(Box<Expression>),
    All(Vec<Expression>),
    Any(Vec<Expression>),
    /// As the rule of this name says.
    Rule(String),
    /// Who has this role, in small letters.
    Role(Text),
    /// An attribute of the token that is this text.
    Attribute(Attribute, Text),
    /// Two texts that are the same.
    Literal(String, Text),
}

/// A text with places for what the request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text(pub(super) Vec<Piece>);

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Plain(String),
    /// `%(key)s`.
    Place(String),
}

/// What a token says of its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attribute {
    UserId,
    UserName,
    UserDomainId,
    ProjectId,
    ProjectName,
    ProjectDomainId,
    DomainId,
    SystemScope,
    IsAdmin,
    IsAdminProject,
    IsPublicApi,
}

/// Their names; some have two.
const ATTRIBUTES: [(&str, Attribute); 14] = [
    ("user_id", Attribute::UserId),
    ("user", Attribute::UserId),
    ("username", Attribute::UserName),
    ("user_name", Attribute::UserName),
    ("user_domain_id", Attribute::UserDomainId),
    ("project_id", Attribute::ProjectId),
    ("tenant", Attribute::ProjectId),
    ("project_name", Attribute::ProjectName),
    ("project_domain_id", Attribute::ProjectDomainId),
    ("domain_id", Attribute::DomainId),
    ("system_scope", Attribute::SystemScope),
    ("is_admin", Attribute::IsAdmin),
    ("is_admin_project", Attribute::IsAdminProject),
    ("is_public_api", Attribute::IsPublicApi),
];

impl Attribute {
    /// By its name.
    pub(super) fn named(name: &str) -> Option<Self> {
        let found = ATTRIBUTES.iter().find(|(known, _)| *known == name);
        found.map(|(_, attribute)| *attribute)
    }
}

/// What of a rule cannot be read, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The character, counted from 1.
    pub(super) at: usize,
    pub(super) what: String,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "at character {}: {}", self.at, self.what)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    And,
    Or,
    Not,
    Check(String),
}

/// The tokens of a rule and where they begin.
fn tokens(text: &str) -> Vec<(usize, Token)> {
    let mut out = Vec::new();
    let mut rest = text.chars().zip(1..).peekable();
    while let Some((first, at)) = rest.next() {
        match first {
            space if space.is_whitespace() => {}
            '(' => out.push((at, Token::Open)),
            ')' => out.push((at, Token::Close)),
            first => {
                let quote = Some(first).filter(|c| matches!(c, '\'' | '"'));
                let mut word = String::from(first);
                // A quoted text may have spaces; `%(key)s` has parentheses of its own.
                let (mut is_quoted, mut is_place) = (quote.is_some(), false);
                while let Some((next, _)) = rest.peek().copied() {
                    let is_end = next.is_whitespace() || matches!(next, '(' | ')');
                    let is_place_open = next == '(' && word.ends_with('%');
                    if is_end && !is_quoted && !is_place && !is_place_open {
                        break;
                    }
                    if is_quoted && Some(next) == quote {
                        is_quoted = false;
                    }
                    if is_place_open {
                        is_place = true;
                    } else if next == ')' {
                        is_place = false;
                    }
                    word.push(next);
                    rest.next();
                }
                out.push((at, word_token(word)));
            }
        }
    }
    out
}

fn word_token(word: String) -> Token {
    match word.to_ascii_lowercase().as_str() {
        "and" => Token::And,
        "or" => Token::Or,
        "not" => Token::Not,
        _ => Token::Check(word),
    }
}

/// Reads a rule. An empty one is passed by everybody.
pub(super) fn parse(text: &str) -> Result<Expression, SyntaxError> {
    let tokens = tokens(text);
    if tokens.is_empty() {
        return Ok(Expression::Always);
    }
    let end = text.chars().count() + 1;
    let mut parser = Parser {
        tokens: tokens.into_iter().peekable(),
        end,
    };
    let expression = parser.any(0)?;
    match parser.tokens.next() {
        None => Ok(expression),
        Some((at, Token::Close)) => Err(error(at, "there is no ( before this ): remove it")),
        Some((at, _)) => Err(error(at, "put and or or between two checks")),
    }
}

fn error(at: usize, what: impl Into<String>) -> SyntaxError {
    SyntaxError {
        at,
        what: what.into(),
    }
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<(usize, Token)>>,
    end: usize,
}

impl Parser {
    fn takes(&mut self, wanted: &Token) -> bool {
        self.tokens.next_if(|(_, token)| token == wanted).is_some()
    }

    fn any(&mut self, depth: usize) -> Result<Expression, SyntaxError> {
        let mut parts = vec![self.all(depth)?];
        while self.takes(&Token::Or) {
            parts.push(self.all(depth)?);
        }
        Ok(one_or(parts, Expression::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Expression, SyntaxError> {
        let mut parts = vec![self.one(depth)?];
        while self.takes(&Token::And) {
            parts.push(self.one(depth)?);
        }
        Ok(one_or(parts, Expression::All))
    }

    fn one(&mut self, depth: usize) -> Result<Expression, SyntaxError> {
        let Some((at, token)) = self.tokens.next() else {
            return Err(error(
                self.end,
                "a check is missing here, such as role:member",
            ));
        };
        if depth >= DEPTH {
            let what = format!("more than {DEPTH} levels: split it into rules and use rule:NAME");
            return Err(error(at, what));
        }
        match token {
            Token::Not => Ok(Expression::Not(Box::new(self.one(depth + 1)?))),
            Token::Open => {
                let inner = self.any(depth + 1)?;
                match self.tokens.next() {
                    Some((_, Token::Close)) => Ok(inner),
                    Some((at, _)) => Err(error(at, "put and or or between two checks")),
                    None => Err(error(at, "there is no ) for this (: add it")),
                }
            }
            Token::Check(word) => check(at, &word),
            Token::And | Token::Or | Token::Close => {
                Err(error(at, "a check is missing here, such as role:member"))
            }
        }
    }
}

fn one_or(parts: Vec<Expression>, several: fn(Vec<Expression>) -> Expression) -> Expression {
    match <[Expression; 1]>::try_from(parts) {
        Ok([only]) => only,
        Err(parts) => several(parts),
    }
}

fn check(at: usize, word: &str) -> Result<Expression, SyntaxError> {
    match word {
        "@" => return Ok(Expression::Always),
        "!" => return Ok(Expression::Never),
        _ => {}
    }
    if let Some((literal, rest)) = quoted(word) {
        let Some(value) = rest.strip_prefix(':') else {
            return Err(error(at, format!("write {literal:?}:VALUE, with a colon")));
        };
        return Ok(Expression::Literal(literal.to_owned(), text(at, value)?));
    }
    let Some((kind, value)) = word.split_once(':') else {
        let what = format!("{word} is no check: write KIND:VALUE, such as role:member, or @ or !");
        return Err(error(at, what));
    };
    match kind {
        "rule" if !value.is_empty() => Ok(Expression::Rule(value.to_owned())),
        "role" if !value.is_empty() => Ok(Expression::Role(text(at, &value.to_lowercase())?)),
        "rule" | "role" => Err(error(at, format!("{kind}: needs a name behind the colon"))),
        "http" | "https" => Err(error(
            at,
            "http: and https: ask another service, for which every request would wait; that is not \
             done: write who passes, by roles and projects",
        )),
        "True" | "False" | "None" => Ok(Expression::Literal(kind.to_owned(), text(at, value)?)),
        kind if is_number(kind) => Ok(Expression::Literal(kind.to_owned(), text(at, value)?)),
        kind => match Attribute::named(kind) {
            Some(attribute) => Ok(Expression::Attribute(attribute, text(at, value)?)),
            None => {
                let known: Vec<_> = ATTRIBUTES.iter().map(|(name, _)| *name).collect();
                let what = format!(
                    "a token has no {kind}: use role, rule, a quoted text or one of {}",
                    known.join(", ")
                );
                Err(error(at, what))
            }
        },
    }
}

fn is_number(kind: &str) -> bool {
    !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_digit())
}

/// A quoted text, and what follows it.
fn quoted(word: &str) -> Option<(&str, &str)> {
    let quote = word.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    word.get(1..)?.split_once(quote)
}

/// What places can stand for besides the attributes of the token: what the request is about, and the
/// project of services (Ironic's `ironic/common/policy.py`).
pub(super) const TARGETS: [&str; 5] = [
    "node.owner",
    "node.lessee",
    "allocation.owner",
    "runbook.owner",
    "config.service_project_name",
];

/// How much of a name is looked at to tell what was meant, in characters.
const LONGEST_TARGET: usize = 64;

/// A name that stands for nothing: it equals nothing, so that nobody, or with `not` everybody, would
/// pass.
fn no_target(at: usize, key: &str) -> SyntaxError {
    let own = ATTRIBUTES.iter().map(|(name, _)| *name);
    let known: Vec<String> = TARGETS.into_iter().chain(own).map(str::to_owned).collect();
    // Nobody misspells one as something much longer, and comparing would cost its length many times.
    let key: String = key.chars().take(LONGEST_TARGET).collect();
    let advice = match nearest(&key, known.clone()) {
        Some(near) => format!("is %({near})s meant?"),
        None => format!("there are {}", known.join(", ")),
    };
    error(at, format!("there is no target %({key})s: {advice}"))
}

/// Reads a text with its places.
fn text(at: usize, text: &str) -> Result<Text, SyntaxError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, place)) = rest.split_once("%(") {
        let Some((key, after)) = place.split_once(")s") else {
            return Err(error(at, "a place is written %(name)s"));
        };
        if !TARGETS.contains(&key) && Attribute::named(key).is_none() {
            return Err(no_target(at, key));
        }
        if !before.is_empty() {
            pieces.push(Piece::Plain(before.to_owned()));
        }
        pieces.push(Piece::Place(key.to_owned()));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Plain(rest.to_owned()));
    }
    Ok(Text(pieces))
}

impl fmt::Display for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Plain(text) => out.write_str(text),
            Piece::Place(key) => write!(out, "%({key})s"),
        })
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let several = |out: &mut fmt::Formatter<'_>, parts: &[Self], word: &str| {
            out.write_str("(")?;
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    write!(out, " {word} ")?;
                }
                write!(out, "{part}")?;
            }
            out.write_str(")")
        };
        match self {
            Self::Always => out.write_str("@"),
            Self::Never => out.write_str("!"),
            Self::Not(inner) => write!(out, "not {inner}"),
            Self::All(parts) => several(out, parts, "and"),
            Self::Any(parts) => several(out, parts, "or"),
            Self::Rule(name) => write!(out, "rule:{name}"),
            Self::Role(role) => write!(out, "role:{role}"),
            Self::Attribute(attribute, text) => {
                let name = ATTRIBUTES.iter().find(|(_, known)| known == attribute);
                write!(out, "{}:{text}", name.map_or("", |(name, _)| name))
            }
            Self::Literal(literal, text) if literal.contains('\'') => {
                write!(out, "\"{literal}\":{text}")
            }
            Self::Literal(literal, text) => write!(out, "'{literal}':{text}"),
        }
    }
}

#[cfg(test)]
mod tests;
