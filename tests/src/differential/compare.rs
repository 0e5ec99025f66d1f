//! Finding what is not the same in two answers.

use serde_json::Value;

use super::peer::Reply;

/// What kind of difference it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The status.
    Status,
    /// A header.
    Header,
    /// The form of an error.
    Form,
    /// A member or item that upstream has.
    Missing,
    /// A member or item that upstream has not.
    Extra,
    /// A value of another type.
    Type,
    /// Another value.
    Value,
    /// The wording of an error.
    Text,
}

impl Kind {
    /// All of them, the gravest first.
    pub const ALL: [Self; 8] = [
        Self::Status,
        Self::Header,
        Self::Form,
        Self::Missing,
        Self::Extra,
        Self::Type,
        Self::Value,
        Self::Text,
    ];

    /// Its name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Header => "header",
            Self::Form => "form",
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Type => "type",
            Self::Value => "value",
            Self::Text => "text",
        }
    }
}

/// One difference between two answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its kind.
    pub kind: Kind,
    /// Where: a header's name, or a path in the body with `*` for the index of a list.
    pub place: String,
    /// What upstream has.
    pub upstream: String,
    /// What Cupola has.
    pub cupola: String,
}

impl Difference {
    fn new(kind: Kind, place: &str, upstream: &str, cupola: &str) -> Self {
        Self {
            kind,
            place: place.to_owned(),
            upstream: upstream.to_owned(),
            cupola: cupola.to_owned(),
        }
    }

    /// What the list of open differences holds of it: statuses, but no other values.
    #[must_use]
    pub fn key(&self) -> String {
        match self.kind {
            Kind::Status => {
                let number = |text: &str| text.chars().take(3).collect::<String>();
                format!(
                    "status {} not {}",
                    number(&self.cupola),
                    number(&self.upstream)
                )
            }
            kind => format!("{} {}", kind.as_str(), self.place),
        }
    }
}

/// Members whose texts are wording.
const WORDING: [&str; 4] = ["faultstring", "description", "last_error", "reason"];

/// What is not the same in two answers. Answers of different statuses are not looked into.
#[must_use]
pub fn compare(upstream: &Reply, cupola: &Reply) -> Vec<Difference> {
    if upstream.status != cupola.status {
        let text = |reply: &Reply| {
            let said = fault(&reply.body).unwrap_or_default();
            let text = format!("{} {said}", reply.status);
            text.trim().replace(['\n', '\r'], " ")
        };
        let mut found = Difference::new(Kind::Status, "", &text(upstream), &text(cupola));
        found
            .upstream
            .truncate(found.upstream.floor_char_boundary(300));
        found.cupola.truncate(found.cupola.floor_char_boundary(300));
        return vec![found];
    }
    let mut found = Vec::new();
    let names = upstream.headers.keys().chain(cupola.headers.keys());
    let mut names: Vec<&String> = names.collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let of = |reply: &Reply| reply.headers.get(name).cloned().unwrap_or_default();
        let (theirs, ours) = (of(upstream), of(cupola));
        if theirs != ours {
            found.push(Difference::new(Kind::Header, name, &theirs, &ours));
        }
    }
    let is_error = upstream.status >= 400;
    values("", &upstream.body, &cupola.body, is_error, &mut found);
    found.dedup();
    found
}

/// The text of an error.
fn fault(body: &Value) -> Option<&str> {
    let inner = body.get("error_message")?;
    let text = |name| inner.get(name).and_then(Value::as_str);
    text("faultstring").or_else(|| text("description"))
}

fn values(place: &str, theirs: &Value, ours: &Value, is_error: bool, found: &mut Vec<Difference>) {
    match (theirs, ours) {
        (Value::Object(left), Value::Object(right)) => {
            if is_error
                && place == "/error_message"
                && left.contains_key("faultstring") != right.contains_key("faultstring")
            {
                let (left, right) = (theirs.to_string(), ours.to_string());
                found.push(Difference::new(Kind::Form, place, &left, &right));
                return;
            }
            for (key, value) in left {
                let place = format!("{place}/{key}");
                match right.get(key) {
                    Some(other) => values(&place, value, other, is_error, found),
                    None => found.push(Difference::new(
                        Kind::Missing,
                        &place,
                        &value.to_string(),
                        "",
                    )),
                }
            }
            for (key, value) in right.iter().filter(|(key, _)| !left.contains_key(*key)) {
                let place = format!("{place}/{key}");
                found.push(Difference::new(Kind::Extra, &place, "", &value.to_string()));
            }
        }
        (Value::Array(left), Value::Array(right)) => {
            let place = format!("{place}/*");
            for pair in left.iter().zip(right) {
                let mut inner = Vec::new();
                values(&place, pair.0, pair.1, is_error, &mut inner);
                // Ten items that lack the same member are one difference.
                inner.retain(|d| !found.iter().any(|f| f.kind == d.kind && f.place == d.place));
                found.append(&mut inner);
            }
            for item in left.iter().skip(right.len()).take(1) {
                found.push(Difference::new(
                    Kind::Missing,
                    &place,
                    &item.to_string(),
                    "",
                ));
            }
            for item in right.iter().skip(left.len()).take(1) {
                found.push(Difference::new(Kind::Extra, &place, "", &item.to_string()));
            }
        }
        (left, right) if left == right => {}
        (left, right) => {
            let name = place.rsplit('/').next().unwrap_or_default();
            let is_wording = WORDING.contains(&name) && left.is_string() && right.is_string();
            let kind = if is_wording {
                Kind::Text
            } else if std::mem::discriminant(left) == std::mem::discriminant(right) {
                Kind::Value
            } else {
                Kind::Type
            };
            found.push(Difference::new(
                kind,
                place,
                &left.to_string(),
                &right.to_string(),
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(theirs: Value, ours: Value) -> Vec<String> {
        let reply = |body| Reply {
            status: 200,
            headers: std::collections::BTreeMap::default(),
            body,
            made: None,
        };
        let found = compare(&reply(theirs), &reply(ours));
        found.iter().map(Difference::key).collect()
    }

    #[test]
    fn every_kind() {
        assert!(found(json!({"a": [1]}), json!({"a": [1]})).is_empty());
        assert_eq!(found(json!({"a": 1}), json!({})), ["missing /a"]);
        assert_eq!(found(json!({}), json!({"a": 1})), ["extra /a"]);
        assert_eq!(found(json!({"a": 1}), json!({"a": "1"})), ["type /a"]);
        assert_eq!(
            found(json!({"a": [1, 2]}), json!({"a": [2, 1]})),
            ["value /a/*"]
        );
        assert_eq!(
            found(json!({"faultstring": "x"}), json!({"faultstring": "y"})),
            ["text /faultstring"]
        );
    }
}
