//! The Redfish part of a node's `driver_info` (wire reference §20.1): which keys there are, and what
//! they must hold. Talks to nobody.

use cupola_api::node::{Node, Object};
use serde_json::Value;
use url::Url;

use crate::interface::DriverError;

/// The keys of `driver_info`, each with its meaning.
pub(super) const PROPERTIES: &[(&str, &str)] = &[
    (
        "redfish_address",
        "URL of the BMC, such as https://192.0.2.1; https where it names no scheme. A path in it is \
         where the service root is. Required.",
    ),
    (
        "redfish_system_id",
        "Path of the system, such as /redfish/v1/Systems/1; only needed where the BMC has several. \
         Optional.",
    ),
    ("redfish_username", "User name. Optional."),
    ("redfish_password", "Password. Optional."),
    (
        "redfish_verify_ca",
        "Who signs the BMC's certificate: true (default) for the authorities that this host trusts, \
         false for anybody, else the path of a file or a directory of certificates. Optional.",
    ),
    (
        "redfish_auth_type",
        "How to log in: auto (default), session or basic. Optional.",
    ),
    (
        "redfish_tls_minimum_version",
        "The oldest version of TLS that is spoken: 1.1, 1.2 or 1.3. Optional.",
    ),
    (
        "redfish_tls_ciphers",
        "Cipher suites for TLS, as a list of OpenSSL's. Optional.",
    ),
    (
        "firmware_update_unresponsive_bmc_wait",
        "Seconds that a BMC is left alone after its firmware was updated. Optional.",
    ),
];

/// Whether a value is one that a key may hold.
type Holds<'a> = &'a dyn Fn(&Value) -> bool;

/// Checks the keys.
pub(super) fn check(node: &Node) -> Result<(), DriverError> {
    let info = &node.driver_info;
    let invalid = |text: String| Err(DriverError::InvalidParameter(text));
    let address = match info.get("redfish_address") {
        None | Some(Value::Null) => "",
        Some(Value::String(text)) => text.as_str(),
        Some(_) => return invalid(bad_address(node)),
    };
    if address.is_empty() {
        return Err(DriverError::MissingParameter(format!(
            "Missing the following Redfish properties in node {} driver_info: ['redfish_address']",
            node.uuid
        )));
    }
    if !is_address(address) {
        return invalid(bad_address(node));
    }
    let is_wrong = |key: &str, good: Holds<'_>| {
        info.get(key)
            .is_some_and(|value| !value.is_null() && !good(value))
    };
    let among = |names: &'static [&'static str]| {
        move |value: &Value| value.as_str().is_some_and(|text| names.contains(&text))
    };
    let rules: [(&str, Holds<'_>, &str); 6] = [
        (
            "redfish_system_id",
            &Value::is_string,
            "a path, such as /redfish/v1/Systems/1",
        ),
        (
            "redfish_verify_ca",
            &is_trust,
            "true, false, or the path of a file or a directory that is there",
        ),
        (
            "redfish_auth_type",
            &among(&["auto", "basic", "session"]),
            "auto, basic or session",
        ),
        (
            "redfish_tls_minimum_version",
            &among(&["1.1", "1.2", "1.3"]),
            "\"1.1\", \"1.2\" or \"1.3\"",
        ),
        (
            "redfish_tls_ciphers",
            &Value::is_string,
            "a list of cipher suites as OpenSSL writes it",
        ),
        (
            "firmware_update_unresponsive_bmc_wait",
            &is_seconds,
            "a whole number of seconds, 0 or more",
        ),
    ];
    match rules.iter().find(|(key, good, _)| is_wrong(key, good)) {
        Some((key, _, wanted)) => invalid(format!(
            "Invalid value of {key} in driver_info of node {}: it is {wanted}",
            node.uuid
        )),
        None => Ok(()),
    }
}

/// What is wrong with it is not shown: it may hold a password.
fn bad_address(node: &Node) -> String {
    format!(
        "Invalid Redfish address set in driver_info/redfish_address on node {}: it is a URL such as \
         https://192.0.2.1",
        node.uuid
    )
}

fn is_address(text: &str) -> bool {
    let url = if text.contains("://") {
        Url::parse(text)
    } else {
        Url::parse(&format!("https://{text}"))
    };
    url.is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|h| !h.is_empty())
    })
}

fn is_trust(value: &Value) -> bool {
    match value {
        Value::Bool(_) => true,
        Value::String(text) => {
            matches!(
                text.to_ascii_lowercase().as_str(),
                "true" | "false" | "yes" | "no" | "on" | "off" | "1" | "0" | "t" | "f" | "y" | "n"
            ) || std::fs::metadata(text).is_ok()
        }
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

fn is_seconds(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_u64(),
        Value::String(digits) => digits.parse::<u64>().is_ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

/// The keys of an object that has no node yet.
pub(super) fn check_object(info: &Object) -> Result<(), DriverError> {
    let node = Node {
        driver_info: info.clone(),
        ..Node::default()
    };
    check(&node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn checked(info: &Value) -> Result<(), DriverError> {
        check_object(&info.as_object().cloned().unwrap_or_default())
    }

    #[test]
    fn the_address_is_a_url_or_a_host() {
        for good in [
            "https://bmc.example/redfish",
            "192.0.2.1",
            "[2001:db8::1]:8443",
            "http://b:80",
        ] {
            checked(&json!({"redfish_address": good})).unwrap();
        }
        for bad in [json!("https://"), json!("ftp://x"), json!(5), json!("a b")] {
            let error = checked(&json!({"redfish_address": bad})).unwrap_err();
            assert!(
                error.to_string().contains("driver_info/redfish_address"),
                "{error}"
            );
        }
        let error = checked(&json!({})).unwrap_err();
        assert!(matches!(error, DriverError::MissingParameter(_)), "{error}");
    }

    #[test]
    fn each_key_holds_what_it_may() {
        for (key, good, bad) in [
            ("redfish_auth_type", json!("basic"), json!("none")),
            ("redfish_verify_ca", json!(false), json!("/nonexistent")),
            ("redfish_verify_ca", json!("/"), json!(2)),
            ("redfish_tls_minimum_version", json!("1.2"), json!(1.2)),
            (
                "redfish_system_id",
                json!("/redfish/v1/Systems/1"),
                json!(1),
            ),
            (
                "firmware_update_unresponsive_bmc_wait",
                json!("30"),
                json!(-1),
            ),
        ] {
            checked(&json!({"redfish_address": "h", key: good})).unwrap();
            let error = checked(&json!({"redfish_address": "h", key: bad})).unwrap_err();
            assert!(
                error.is_bad_request() && error.to_string().contains(key),
                "{error}"
            );
        }
    }

    proptest! {
        #[test]
        fn an_address_that_is_refused_is_not_shown(text in "[ \\\\^a-z:@/]{6,20}") {
            if let Err(error) = checked(&json!({"redfish_address": text})) {
                prop_assert!(!error.to_string().contains(&text));
            }
        }
    }
}
