//! The `{...}` in arguments of inspection rules: `{inventory[cpu][count]}`, `{node.driver_info[x]}`,
//! `{item}` (wire reference §14.3). A text whose replacement is not there stays as it is, as upstream
//! leaves it.

use std::fmt::Write;

use serde_json::Value;

/// What `{...}` can name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names<'v> {
    pub(super) node: &'v Value,
    pub(super) inventory: &'v Value,
    pub(super) plugin_data: &'v Value,
    /// The item of a loop.
    pub(super) item: Option<&'v Value>,
}

/// Why a text cannot be filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// A name or member is not there.
    Missing,
    /// It is no replacement at all.
    Malformed,
}

impl Names<'_> {
    /// The value with every text in it filled in. `missing` stands for a text that names what is not
    /// there; without it such a text stays.
    pub(super) fn fill(&self, value: &Value, missing: Option<&Value>) -> Value {
        match value {
            Value::String(text) => self.fill_text(text, missing),
            Value::Array(items) => items.iter().map(|item| self.fill(item, missing)).collect(),
            Value::Object(members) => {
                let fill = |(key, member): (&String, &Value)| {
                    let key = match self.fill_text(key, None) {
                        Value::String(key) => key,
                        _ => key.clone(),
                    };
                    (key, self.fill(member, missing))
                };
                Value::Object(members.iter().map(fill).collect())
            }
            other => other.clone(),
        }
    }

    fn fill_text(&self, text: &str, missing: Option<&Value>) -> Value {
        match (self.filled(text), missing) {
            (Ok(filled), _) => Value::from(filled),
            (Err(Fault::Missing), Some(instead)) => instead.clone(),
            (Err(fault), _) => {
                tracing::debug!(?fault, text, "a text of an inspection rule stays as it is");
                Value::from(text)
            }
        }
    }

    fn filled(&self, text: &str) -> Result<String, Fault> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, found) = rest.split_at(at);
            out.push_str(before);
            if let Some(after) = found
                .strip_prefix("{{")
                .inspect(|_| out.push('{'))
                .or_else(|| found.strip_prefix("}}").inspect(|_| out.push('}')))
            {
                rest = after;
                continue;
            }
            let inner = found.strip_prefix('{').ok_or(Fault::Malformed)?;
            let (name, after) = inner.split_once('}').ok_or(Fault::Malformed)?;
            out.push_str(&shown(self.find(name)?));
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn find(&self, name: &str) -> Result<&Value, Fault> {
        let end = name.find(['.', '[']).unwrap_or(name.len());
        let (root, mut rest) = name.split_at(end);
        let mut value = match root {
            "node" => self.node,
            "inventory" => self.inventory,
            "plugin_data" => self.plugin_data,
            "item" => self.item.ok_or(Fault::Missing)?,
            _ => return Err(Fault::Missing),
        };
        let is_node = root == "node";
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('[') {
                let (key, after) = inner.split_once(']').ok_or(Fault::Malformed)?;
                value = member(value, key)?;
                rest = after;
            } else {
                // Only a node has attributes, which are its fields.
                let inner = rest.strip_prefix('.').ok_or(Fault::Malformed)?;
                let end = inner.find(['.', '[']).unwrap_or(inner.len());
                let (key, after) = inner.split_at(end);
                value = if is_node {
                    value.get(key).ok_or(Fault::Malformed)?
                } else {
                    return Err(Fault::Malformed);
                };
                rest = after;
            }
        }
        Ok(value)
    }
}

fn member<'v>(value: &'v Value, key: &str) -> Result<&'v Value, Fault> {
    match value {
        Value::Object(members) => members.get(key).ok_or(Fault::Missing),
        Value::Array(items) => {
            let at: usize = key.parse().map_err(|_| Fault::Malformed)?;
            items.get(at).ok_or(Fault::Malformed)
        }
        _ => Err(Fault::Malformed),
    }
}

/// The value as it is put into a text: as Python prints it, so that rules written for upstream find
/// what they look for.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => {
            let mut out = String::new();
            literal(&mut out, other);
            out
        }
    }
}

fn literal(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Number(number) => {
            // Writing to a String cannot fail.
            let _ = write!(out, "{number}");
        }
        Value::String(text) => {
            let quote = if text.contains('\'') && !text.contains('"') {
                '"'
            } else {
                '\''
            };
            let text = text.replace('\\', "\\\\").replace('\n', "\\n");
            let _ = write!(out, "{quote}{text}{quote}");
        }
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                literal(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (at, (key, member)) in members.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                literal(out, &Value::from(key.as_str()));
                out.push_str(": ");
                literal(out, member);
            }
            out.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn filled(value: Value, missing: Option<&Value>) -> Value {
        let node = json!({"name": "n1", "driver_info": {"a": "x"}});
        let inventory = json!({"cpu": {"count": 4, "flags": ["vmx", "aes"]}, "on": true});
        let names = Names {
            node: &node,
            inventory: &inventory,
            plugin_data: &json!({"lldp": null}),
            item: Some(&json!({"path": "extra/x"})),
        };
        names.fill(&value, missing)
    }

    #[test]
    fn names_are_replaced() {
        for (text, want) in [
            ("{inventory[cpu][count]}", "4"),
            ("{inventory[cpu][flags][1]}!", "aes!"),
            ("{inventory[cpu][flags]}", "['vmx', 'aes']"),
            ("{inventory[on]} {plugin_data[lldp]}", "True None"),
            ("{node.name}/{node.driver_info[a]}", "n1/x"),
            ("{item[path]}", "extra/x"),
            ("{{literal}}", "{literal}"),
            ("none", "none"),
        ] {
            assert_eq!(filled(json!(text), None), want, "{text}");
        }
        let nested = json!({"a": ["{node.name}", 1]});
        assert_eq!(filled(nested, None), json!({"a": ["n1", 1]}));
    }

    #[test]
    fn what_is_not_there_stays() {
        for text in [
            "{inventory[gpu]}",
            "{inventory.cpu}",
            "{other}",
            "{node.nothing}",
            "{unclosed",
            "}",
            "{inventory[cpu][count][x]}",
        ] {
            assert_eq!(filled(json!(text), None), text);
        }
        let nothing = Value::Null;
        assert_eq!(filled(json!("{inventory[gpu]}"), Some(&nothing)), nothing);
    }

    proptest! {
        #[test]
        fn any_text_is_safe(text in "[{}\\[\\]a-z.!:é]{0,24}") {
            let _ = filled(json!(text), None);
        }
    }
}
