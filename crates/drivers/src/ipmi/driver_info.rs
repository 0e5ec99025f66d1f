//! The IPMI part of a node's `driver_info` (wire reference §20.1): which keys there are, and what
//! they must hold. Talks to nobody.

use cupola_api::Secret;
use cupola_api::node::Object;
use serde_json::Value;

use super::wire::{RMCP_PORT, app::Privilege, crypto::Key, suite::CipherSuite};
use crate::interface::DriverError;

/// The keys of `driver_info`, each with its meaning.
pub(super) const PROPERTIES: &[(&str, &str)] = &[
    (
        "ipmi_address",
        "IP address or host name of the BMC. Required.",
    ),
    (
        "ipmi_port",
        "UDP port of the BMC; 623 when not given. Optional.",
    ),
    (
        "ipmi_username",
        "User name; the null user when not given. Optional.",
    ),
    ("ipmi_password", "Password; empty when not given. Optional."),
    (
        "ipmi_hex_kg_key",
        "BMC key (Kg) for two-key login, as 40 hexadecimal digits. Optional.",
    ),
    (
        "ipmi_priv_level",
        "Privilege level: ADMINISTRATOR (default), OPERATOR, USER or CALLBACK. Optional.",
    ),
    (
        "ipmi_protocol_version",
        "Version of the protocol; only 2.0 is spoken. Optional.",
    ),
    (
        "ipmi_cipher_suite",
        "Cipher suite: 3 or 17; the best that the BMC allows when not given. Optional.",
    ),
    (
        "ipmi_bridging",
        "Bridging to another controller; only \"no\" is supported. Optional.",
    ),
    (
        "ipmi_force_boot_device",
        "Whether the boot device is set again at every power on; false by default. Optional.",
    ),
    (
        "ipmi_disable_boot_timeout",
        "Whether the BMC is told to keep the boot device for more than 60 seconds; true by \
         default. Optional.",
    ),
];

/// What `driver_info` says.
#[derive(Debug, Clone)]
pub(super) struct DriverInfo {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) username: String,
    pub(super) password: Secret,
    pub(super) privilege: Privilege,
    pub(super) cipher_suite: Option<CipherSuite>,
    pub(super) kg: Option<Key>,
    pub(super) force_boot_device: bool,
    pub(super) disable_boot_timeout: bool,
}

impl DriverInfo {
    /// Reads and checks the keys.
    pub(super) fn read(info: &Object) -> Result<Self, DriverError> {
        let host = text(info, "ipmi_address").unwrap_or_default();
        if host.is_empty() {
            return Err(DriverError::MissingParameter(
                "Missing the following IPMI credentials in node's driver_info: ['ipmi_address']."
                    .to_owned(),
            ));
        }
        only(
            info,
            "ipmi_protocol_version",
            "2.0",
            "only IPMI 2.0 (RMCP+) is spoken",
        )?;
        only(info, "ipmi_bridging", "no", "bridging is not supported")?;
        let username = text(info, "ipmi_username").unwrap_or_default();
        if username.len() > super::wire::rakp::NAME_LENGTH {
            return Err(invalid("ipmi_username", "it is longer than 16 bytes"));
        }
        let password = Secret::new(text(info, "ipmi_password").unwrap_or_default());
        if Key::new(password.expose().as_bytes()).is_none() {
            return Err(invalid("ipmi_password", "it is longer than 20 bytes"));
        }
        Ok(Self {
            host,
            port: port(info)?,
            username,
            password,
            privilege: privilege(info)?,
            cipher_suite: cipher_suite(info)?,
            kg: kg(info)?,
            force_boot_device: flag(info, "ipmi_force_boot_device", false)?,
            disable_boot_timeout: flag(info, "ipmi_disable_boot_timeout", true)?,
        })
    }
}

fn invalid(key: &str, why: &str) -> DriverError {
    DriverError::InvalidParameter(format!("Invalid value of {key} in driver_info: {why}."))
}

/// A value as text; numbers may stand for their digits.
fn text(info: &Object, key: &str) -> Option<String> {
    match info.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn only(info: &Object, key: &str, allowed: &str, why: &str) -> Result<(), DriverError> {
    match text(info, key) {
        Some(found) if found != allowed => Err(invalid(
            key,
            &format!("{why}; leave it out or set it to {allowed}"),
        )),
        Some(_) | None => Ok(()),
    }
}

fn port(info: &Object) -> Result<u16, DriverError> {
    let Some(found) = text(info, "ipmi_port") else {
        return Ok(RMCP_PORT);
    };
    found
        .parse()
        .ok()
        .filter(|port| *port != 0)
        .ok_or_else(|| invalid("ipmi_port", "a port is a number from 1 to 65535"))
}

fn privilege(info: &Object) -> Result<Privilege, DriverError> {
    let Some(found) = text(info, "ipmi_priv_level") else {
        return Ok(Privilege::Administrator);
    };
    [
        Privilege::Administrator,
        Privilege::Operator,
        Privilege::User,
        Privilege::Callback,
    ]
    .into_iter()
    .find(|level| level.name() == found)
    .ok_or_else(|| {
        invalid(
            "ipmi_priv_level",
            "it is one of ADMINISTRATOR, OPERATOR, USER, CALLBACK",
        )
    })
}

fn cipher_suite(info: &Object) -> Result<Option<CipherSuite>, DriverError> {
    let Some(found) = text(info, "ipmi_cipher_suite") else {
        return Ok(None);
    };
    found
        .parse::<u8>()
        .ok()
        .and_then(|id| CipherSuite::try_from(id).ok())
        .map(Some)
        .ok_or_else(|| {
            invalid(
                "ipmi_cipher_suite",
                "3 and 17 are supported; leave it out to negotiate",
            )
        })
}

fn kg(info: &Object) -> Result<Option<Key>, DriverError> {
    let Some(found) = text(info, "ipmi_hex_kg_key").filter(|digits| !digits.is_empty()) else {
        return Ok(None);
    };
    let bytes = hex::decode(found.trim_start_matches("0x")).ok();
    bytes
        .and_then(|bytes| Key::new(&bytes))
        .map(Some)
        .ok_or_else(|| {
            invalid(
                "ipmi_hex_kg_key",
                "it is an even number of hexadecimal digits, at most 40",
            )
        })
}

fn flag(info: &Object, key: &str, default: bool) -> Result<bool, DriverError> {
    let Some(found) = text(info, key) else {
        return Ok(default);
    };
    match found.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Ok(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Ok(false),
        _ => Err(invalid(key, "it is true or false")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(info: Value) -> Result<DriverInfo, DriverError> {
        DriverInfo::read(info.as_object().unwrap())
    }

    #[test]
    fn an_address_is_enough() {
        let info = read(json!({"ipmi_address": "10.0.0.1"})).unwrap();
        assert_eq!((info.port, info.privilege), (623, Privilege::Administrator));
        assert!(info.disable_boot_timeout && !info.force_boot_device);
        assert_eq!(info.cipher_suite, None);
        assert!(matches!(
            read(json!({})),
            Err(DriverError::MissingParameter(_))
        ));
    }

    #[test]
    fn numbers_may_be_texts() {
        let info = read(json!({
            "ipmi_address": "bmc.example", "ipmi_port": "6230", "ipmi_cipher_suite": "17",
            "ipmi_hex_kg_key": "aabb", "ipmi_force_boot_device": "True",
        }))
        .unwrap();
        assert_eq!(info.port, 6230);
        assert_eq!(info.cipher_suite, Some(CipherSuite::Suite17));
        assert!(info.force_boot_device && info.kg.is_some());
    }

    #[test]
    fn what_cannot_work_is_refused_with_its_key() {
        for (key, value) in [
            ("ipmi_port", json!(70000)),
            ("ipmi_port", json!(0)),
            ("ipmi_priv_level", json!("ROOT")),
            ("ipmi_cipher_suite", json!(0)),
            ("ipmi_hex_kg_key", json!("abc")),
            ("ipmi_protocol_version", json!("1.5")),
            ("ipmi_bridging", json!("single")),
            ("ipmi_password", json!("123456789012345678901")),
        ] {
            let error = read(json!({"ipmi_address": "h", key: value}))
                .unwrap_err()
                .to_string();
            assert!(error.contains(key), "{error}");
            assert!(!error.contains("123456789"), "{error}");
        }
    }
}
