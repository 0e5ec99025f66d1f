//! `local_link_connection` of a port: which switch port it is cabled to (wire reference §12.1).

use cupola_api::Microversion;
use cupola_api::fault::ApiFault;
use cupola_api::node::Object;
use serde_json::Value;

use super::super::schema::colons;

const KEYS: [&str; 5] = [
    "switch_id",
    "port_id",
    "switch_info",
    "hostname",
    "network_type",
];

/// Checks the object and brings the switch's identifier into one form.
pub(super) fn check(
    link: &mut Object,
    is_smartnic: bool,
    version: Microversion,
) -> Result<(), ApiFault> {
    let fault = |text: String| ApiFault::bad_request(text);
    if link.is_empty() {
        return Ok(());
    }
    if let Some(key) = link.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(fault(format!(
            "Schema error for local_link_connection: Additional properties are not allowed ('{key}' \
             was unexpected)"
        )));
    }
    match link.get("network_type").and_then(Value::as_str) {
        Some(_) if version < Microversion::new(64) => return Err(ApiFault::not_acceptable()),
        Some("unmanaged") => return Ok(()),
        Some("managed") | None => {}
        Some(other) => {
            return Err(fault(format!(
                "Schema error for local_link_connection: '{other}' is not one of ['managed', \
                 'unmanaged']"
            )));
        }
    }
    let required: &[&str] = if is_smartnic {
        &["port_id", "hostname"]
    } else {
        &["switch_id", "port_id"]
    };
    let missing: Vec<&str> = required
        .iter()
        .copied()
        .filter(|k| !link.contains_key(*k))
        .collect();
    if !missing.is_empty() {
        return Err(fault(format!(
            "Missing mandatory keys in local_link_connection: {}",
            missing.join(", ")
        )));
    }
    if let Some(id) = link.get("switch_id") {
        let text = id.as_str().unwrap_or_default();
        let Some(id) = switch_id(text) else {
            return Err(fault(format!(
                "Expected a MAC address or OpenFlow datapath ID but received {text}."
            )));
        };
        link.insert("switch_id".to_owned(), Value::from(id));
    }
    Ok(())
}

/// A MAC address, or an OpenFlow datapath id (16 hexadecimal digits), in lower case.
fn switch_id(text: &str) -> Option<String> {
    let is_datapath = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if is_datapath {
        return Some(text.to_ascii_lowercase());
    }
    colons(text).map(|mac| mac.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status(link: Value, is_smartnic: bool, minor: u16) -> Result<Value, u16> {
        let mut link = link.as_object().cloned().unwrap_or_default();
        check(&mut link, is_smartnic, Microversion::new(minor)).map_err(|f| f.status)?;
        Ok(Value::Object(link))
    }

    #[test]
    fn forms() {
        assert_eq!(status(json!({}), false, 115), Ok(json!({})));
        let good = json!({"switch_id": "AA:bb:cc:dd:ee:ff", "port_id": "e1"});
        let low = json!({"switch_id": "aa:bb:cc:dd:ee:ff", "port_id": "e1"});
        assert_eq!(status(good, false, 115), Ok(low));
        assert_eq!(
            status(json!({"switch_id": "x", "port_id": "e1"}), false, 115),
            Err(400)
        );
        assert_eq!(status(json!({"port_id": "e1"}), false, 115), Err(400));
        assert!(status(json!({"port_id": "e1", "hostname": "h"}), true, 115).is_ok());
        assert!(status(json!({"network_type": "unmanaged"}), false, 64).is_ok());
        assert_eq!(
            status(json!({"network_type": "unmanaged"}), false, 63),
            Err(406)
        );
        assert_eq!(status(json!({"foo": 1}), false, 115), Err(400));
    }
}
