//! Values as Ironic's error texts show them: the way Python prints a literal. Not for anything that
//! is parsed again.

use std::fmt::Write;

use serde_json::Value;

/// The longest literal that goes into an error text, in characters; the rest is cut.
const MAX: usize = 400;

/// `'text'`, `5`, `True`, `None`, `{'op': 'add'}`, `['a', 'b']`.
pub(super) fn repr(value: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, value);
    if out.chars().count() > MAX {
        out = out.chars().take(MAX).collect();
        out.push_str("...");
    }
    out
}

/// The same, but a text without its quotes: what Python's `str` prints.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => repr(value),
    }
}

/// A list of texts: `['a', 'b']`.
pub(super) fn repr_list<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    let mut out = String::from("[");
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write_text(&mut out, item);
    }
    out.push(']');
    out
}

fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Number(number) => {
            // Writing to a String cannot fail.
            let _ = write!(out, "{number}");
        }
        Value::String(text) => write_text(out, text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                separate(out, index);
                write_value(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (index, (key, member)) in members.iter().enumerate() {
                separate(out, index);
                write_text(out, key);
                out.push_str(": ");
                if cupola_api::secret::is_secret_key(key) {
                    write_text(out, cupola_api::secret::MASK);
                } else {
                    write_value(out, member);
                }
            }
            out.push('}');
        }
    }
}

fn separate(out: &mut String, index: usize) {
    if index > 0 {
        out.push_str(", ");
    }
}

fn write_text(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.push(quote);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out.push(quote);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn prints_as_python_does() {
        let cases = [
            (json!(null), "None"),
            (json!(true), "True"),
            (json!("it's"), "\"it's\""),
            (
                json!({"op": "add", "value": [1, "a"]}),
                "{'op': 'add', 'value': [1, 'a']}",
            ),
            (
                json!({"ipmi_password": "hunter2"}),
                "{'ipmi_password': '******'}",
            ),
        ];
        for (value, want) in cases {
            assert_eq!(repr(&value), want);
        }
    }
}
