//! The conditions of inspection rules (wire reference §14.3).

use std::cmp::Ordering;
use std::net::IpAddr;

use cupola_api::inspection_rule::{Multiple, RuleCondition, RuleOperation};
use cupola_api::node::Object;
use ipnet::IpNet;
use regex::Regex;
use serde_json::Value;

use super::format::{Names, shown};
use super::{arguments, items};

/// How much of a pattern stands in an error.
const LONGEST_SHOWN: usize = 200;

/// Whether the condition holds.
///
/// # Errors
/// Why that cannot be told.
pub(super) fn holds(condition: &RuleCondition, names: Names<'_>) -> Result<bool, String> {
    let Some(looped) = items(condition.items.as_ref()) else {
        return once(condition, names);
    };
    let multiple = condition.multiple.unwrap_or_default();
    let mut last = false;
    let mut all = true;
    for item in looped {
        let names = Names {
            item: Some(item),
            ..names
        };
        last = once(condition, names)?;
        all &= last;
        if last && matches!(multiple, Multiple::Any | Multiple::First) {
            return Ok(true);
        }
    }
    Ok(match multiple {
        Multiple::All => all,
        Multiple::Last => last,
        Multiple::Any | Multiple::First => false,
    })
}

fn once(condition: &RuleCondition, names: Names<'_>) -> Result<bool, String> {
    let (operation, is_inverted) = RuleOperation::condition(&condition.op)
        .ok_or_else(|| format!("there is no condition {}", condition.op))?;
    // What is not there is empty.
    let missing = (operation.name == "is-empty").then_some(&Value::Null);
    let mut args = arguments(operation, &condition.args, names, missing)?;
    if names.item.is_some() && operation.optional.contains(&"force_strings") {
        // Items that were filled in are texts.
        args.insert("force_strings".to_owned(), Value::Bool(true));
    }
    Ok(check(operation.name, &args)? != is_inverted)
}

fn check(name: &str, args: &Object) -> Result<bool, String> {
    let value = args.get("value").unwrap_or(&Value::Null);
    let text = |key: &str| shown(args.get(key).unwrap_or(&Value::Null));
    match name {
        "eq" => compare(args, |a, b| Ok(is_equal(a, b))),
        "lt" => compare(args, |a, b| Ok(order(a, b)?.is_lt())),
        "gt" => compare(args, |a, b| Ok(order(a, b)?.is_gt())),
        "is-empty" => Ok(matches!(shown(value).as_str(), "" | "None" | "[]" | "{}")),
        "in-net" => in_net(&text("address"), &text("subnet")),
        "matches" => {
            let regex = text("regex");
            let end = if regex.ends_with('$') { "" } else { "$" };
            pattern(&regex)?;
            let found = pattern(&format!("{regex}{end}"))?
                .find(&shown(value))
                .is_some_and(|found| found.start() == 0);
            Ok(found)
        }
        "contains" => Ok(pattern(&text("regex"))?.is_match(&shown(value))),
        "one-of" => Ok(match args.get("values") {
            Some(Value::Array(values)) => values.iter().any(|one| is_equal(one, value)),
            Some(Value::String(whole)) => whole.contains(&shown(value)),
            Some(Value::Object(members)) => members.contains_key(&shown(value)),
            _ => false,
        }),
        "is-none" => Ok(value.is_null()),
        "is-true" => Ok(truth(value, ["yes", "true"]) == Some(true)),
        "is-false" => Ok(value.is_null() || truth(value, ["no", "false"]) == Some(false)),
        other => Err(format!("there is no condition {other}")),
    }
}

/// A boolean, a number that is zero or not, or one of the two words, which stand for their result.
fn truth(value: &Value, words: [&str; 2]) -> Option<bool> {
    match value {
        Value::Bool(on) => Some(*on),
        Value::Number(number) => Some(number.as_f64() != Some(0.0)),
        Value::String(text) => {
            let word = text.to_ascii_lowercase();
            words
                .contains(&word.as_str())
                .then_some(words.contains(&"true"))
        }
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether each neighbouring pair of the values compares so.
fn compare(
    args: &Object,
    fits: impl Fn(&Value, &Value) -> Result<bool, String>,
) -> Result<bool, String> {
    let Some(Value::Array(values)) = args.get("values") else {
        return Err("argument values is no list; write the values to compare as a list".to_owned());
    };
    let forced: Vec<Value>;
    let is_forced = args.get("force_strings").is_some_and(truthy);
    let values = if is_forced {
        forced = values.iter().map(|value| shown(value).into()).collect();
        &forced
    } else {
        values
    };
    for pair in values.windows(2) {
        if let [a, b] = pair
            && !fits(a, b)?
        {
            return Ok(false);
        }
    }
    Ok(true)
}

fn truthy(value: &Value) -> bool {
    truth(value, ["yes", "true"]) == Some(true)
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::Bool(on) => Some(f64::from(u8::from(*on))),
        _ => None,
    }
}

#[allow(
    clippy::float_cmp,
    reason = "rules compare what they are given, digit by digit"
)]
fn is_equal(a: &Value, b: &Value) -> bool {
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

fn order(a: &Value, b: &Value) -> Result<Ordering, String> {
    let ordered = match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => match (number(a), number(b)) {
            (Some(a), Some(b)) => a.partial_cmp(&b),
            _ => None,
        },
    };
    ordered.ok_or_else(|| {
        "a number and a text cannot be compared; with force_strings both are texts".to_owned()
    })
}

fn in_net(address: &str, subnet: &str) -> Result<bool, String> {
    let bad = |what: &str| {
        format!(
            "`{what}` is no address; write an IP address, and for the subnet one with its prefix \
             length"
        )
    };
    let net: IpNet = match subnet.parse() {
        Ok(net) => net,
        Err(_) => subnet
            .parse::<IpAddr>()
            .map(IpNet::from)
            .map_err(|_| bad(subnet))?,
    };
    let address: IpAddr = address.parse().map_err(|_| bad(address))?;
    Ok(net.contains(&address))
}

fn pattern(text: &str) -> Result<Regex, String> {
    let fault = |reason: String| {
        let short: String = text.chars().take(LONGEST_SHOWN).collect();
        format!(
            "invalid regular expression `{short}`: {reason}; mend it in the rule. Look-around and \
             back-references are not known here"
        )
    };
    Regex::new(text).map_err(|error| match error {
        // Its text is a drawing of several lines, the last of which says what is wrong.
        regex::Error::Syntax(drawn) => {
            let last = drawn.lines().last().unwrap_or_default();
            fault(last.trim().trim_start_matches("error: ").to_owned())
        }
        other => fault(other.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn checked(condition: Value) -> Result<bool, String> {
        let condition: RuleCondition = serde_json::from_value(condition).unwrap();
        let inventory = json!({"cpu": {"count": 4, "architecture": "x86_64"}, "bmc": "192.0.2.9"});
        let names = Names {
            node: &json!({"name": "n1"}),
            inventory: &inventory,
            plugin_data: &json!({}),
            item: None,
        };
        holds(&condition, names)
    }

    fn op(op: &str, args: Value) -> Result<bool, String> {
        checked(json!({"op": op, "args": args}))
    }

    #[test]
    fn each_condition_tells_what_it_says() {
        for (name, args, want) in [
            ("eq", json!({"values": [1, 1.0, true]}), true),
            (
                "eq",
                json!({"values": ["{inventory[cpu][count]}", 4]}),
                false,
            ),
            (
                "eq",
                json!({"values": ["{inventory[cpu][count]}", 4], "force_strings": true}),
                true,
            ),
            ("!eq", json!({"values": [1, 2]}), true),
            ("lt", json!({"values": [1, 2, 3]}), true),
            ("gt", json!({"values": ["b", "a"]}), true),
            ("is-empty", json!({"value": "{inventory[gpu]}"}), true),
            ("is-empty", json!({"value": []}), true),
            ("! is-empty", json!({"value": "{inventory[bmc]}"}), true),
            ("in-net", json!(["{inventory[bmc]}", "192.0.2.0/24"]), true),
            ("in-net", json!(["192.0.3.1", "192.0.2.0/24"]), false),
            (
                "matches",
                json!(["{inventory[cpu][architecture]}", "x86_\\d+"]),
                true,
            ),
            ("matches", json!(["ax86_64", "x86"]), false),
            ("contains", json!(["ax86_64", "86"]), true),
            ("one-of", json!({"value": "a", "values": ["a", "b"]}), true),
            ("one-of", json!({"value": "c", "values": ["a", "b"]}), false),
            ("is-none", json!([null]), true),
            ("is-true", json!(["Yes"]), true),
            ("is-true", json!(["no"]), false),
            ("is-false", json!(["no"]), true),
            ("is-false", json!([0]), true),
            ("is-false", json!(["yes"]), false),
        ] {
            assert_eq!(op(name, args.clone()), Ok(want), "{name} {args}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_an_error() {
        for (name, args) in [
            ("lt", json!({"values": [1, "a"]})),
            ("eq", json!({"values": 1})),
            ("matches", json!(["a", "("])),
            ("in-net", json!(["x", "192.0.2.0/24"])),
            ("in-net", json!(["192.0.2.1", "x"])),
        ] {
            assert!(op(name, args.clone()).is_err(), "{name} {args}");
        }
    }

    #[test]
    fn a_broken_pattern_is_named_on_one_line() {
        let text = op("contains", json!(["a", "x(y"])).unwrap_err();
        assert_eq!(
            text,
            "invalid regular expression `x(y`: unclosed group; mend it in the rule. Look-around and \
             back-references are not known here"
        );
        let text = op("matches", json!(["a", "(?=x)"])).unwrap_err();
        let start = "invalid regular expression `(?=x)`: look-around";
        assert!(text.starts_with(start) && !text.contains('\n'), "{text}");
    }

    #[test]
    fn loops_put_their_results_together() {
        let looped = |multiple: &str, items: Value| {
            checked(
                json!({"op": "eq", "args": {"values": ["{item}", "1"]}, "loop": items,
                           "multiple": multiple}),
            )
        };
        assert_eq!(looped("any", json!([0, 1])), Ok(true));
        assert_eq!(looped("all", json!([0, 1])), Ok(false));
        assert_eq!(looped("all", json!([1, 1])), Ok(true));
        assert_eq!(looped("first", json!([1, 0])), Ok(true));
        assert_eq!(looped("last", json!([1, 0])), Ok(false));
        assert_eq!(looped("last", json!([0, 1])), Ok(true));
    }
}
