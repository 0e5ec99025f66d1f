//! YAML and JSON: a list of machines, and errors that show nothing of them.

use std::fmt;

use cupola_api::node::Object;
use cupola_api::secret::Secret;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::{Error as YamlError, Spanned};

use super::{Given, problem};

/// A machine of the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Item {
    name: Option<String>,
    driver: Option<String>,
    #[serde(alias = "bmc")]
    address: Option<String>,
    port: Option<u16>,
    user: Option<String>,
    password: Option<Secret>,
    #[serde(alias = "mac")]
    macs: Texts,
    resource_class: Option<String>,
    properties: Object,
    driver_info: Object,
}

/// A text, or a list of them.
#[derive(Default)]
struct Texts(Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Texts;

            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("a MAC address as text, or a list of them")
            }

            fn visit_unit<E>(self) -> Result<Texts, E> {
                Ok(Texts::default())
            }

            fn visit_str<E>(self, text: &str) -> Result<Texts, E> {
                Ok(Texts(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Texts, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = list.next_element()? {
                    texts.push(text);
                }
                Ok(Texts(texts))
            }
        }
        from.deserialize_any(OneOrMany)
    }
}

fn given(line: u64, item: Item) -> Given {
    Given {
        line,
        name: item.name,
        driver: item.driver,
        address: item.address,
        port: item.port,
        user: item.user,
        password: item.password,
        macs: item.macs.0,
        resource_class: item.resource_class,
        properties: item.properties,
        driver_info: item.driver_info,
    }
}

/// Machines of a YAML file.
pub(super) fn yaml(text: &str) -> Result<Vec<Given>, String> {
    let items: Vec<Spanned<Item>> =
        serde_saphyr::from_str(text).map_err(|error| yaml_problem(text, &error))?;
    let line = |item: &Spanned<Item>| item.referenced.line();
    Ok(items
        .into_iter()
        .map(|item| given(line(&item), item.value))
        .collect())
}

fn yaml_problem(text: &str, error: &YamlError) -> String {
    // With the snippet goes the source around the place, and with it passwords.
    let error = error.without_snippet();
    let problem = match error {
        YamlError::SerdeUnknownField { field, .. } => problem::unknown_field(field),
        YamlError::SerdeInvalidType { expected, .. }
        | YamlError::SerdeInvalidValue { expected, .. } => wanted(expected),
        YamlError::Eof { .. } => "the file ends too early".to_owned(),
        YamlError::DuplicateMappingKey { .. } => "this field stands twice".to_owned(),
        _ => "this is no YAML list of machines; look for a missing blank after a colon, a quote \
              that is not closed, or a wrong indent"
            .to_owned(),
    };
    match error.location() {
        Some(at) => problem::at(text, at.line(), at.column(), problem),
        None => format!("line 1: {problem}"),
    }
}

/// Machines of a JSON file.
pub(super) fn json(text: &str) -> Result<Vec<Given>, String> {
    let items: Vec<Item> =
        serde_json::from_str(text).map_err(|error| json_problem(text, &error))?;
    let lines = lines_of_items(text);
    let items = lines.into_iter().zip(items);
    Ok(items.map(|(line, item)| given(line, item)).collect())
}

fn json_problem(text: &str, error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    let whole = error.to_string();
    let problem = match error.classify() {
        Category::Data => match whole.strip_prefix("unknown field `") {
            Some(rest) => problem::unknown_field(rest.split('`').next().unwrap_or_default()),
            None if whole.starts_with("duplicate field") => "this field stands twice".to_owned(),
            // What is expected comes from this program, what stands before it from the file.
            None => {
                let expected = whole
                    .rsplit_once(", expected ")
                    .map_or("another value", |e| e.1);
                wanted(expected.split(" at line ").next().unwrap_or_default())
            }
        },
        Category::Eof => "the file ends too early".to_owned(),
        Category::Syntax | Category::Io => "this is no JSON".to_owned(),
    };
    let (line, column) = (error.line() as u64, error.column() as u64);
    problem::at(text, line, column, problem)
}

fn wanted(expected: &str) -> String {
    let quotes = if expected.contains("string") || expected.contains("text") {
        "; put it between quotes"
    } else {
        ""
    };
    // The names of this program's types say nothing to a person.
    let expected = match expected {
        text if text.starts_with("struct ") => "a machine with its fields",
        "a sequence" => "a list of machines",
        text => text,
    };
    format!("{expected} is needed here{quotes}")
}

/// The line on which each element of the outermost list begins; the text is known to be JSON.
fn lines_of_items(text: &str) -> Vec<u64> {
    let (mut lines, mut line, mut depth) = (Vec::new(), 1, 0_u32);
    let (mut quoted, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            b'\n' => line += 1,
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => {
                if depth == 1 {
                    lines.push(line);
                }
                depth += 1;
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    lines
}
