//! `local_link_connection` of a port: which switch port it is cabled to (wire reference §12.1). The
//! texts are those of a schema with several forms, of which one must fit.

use cupola_api::Microversion;
use cupola_api::fault::ApiFault;
use cupola_api::node::Object;
use serde_json::Value;

use super::super::repr::repr;
use super::super::schema::{colons, fault};

const KEYS: [&str; 7] = [
    "port_id",
    "switch_id",
    "hostname",
    "switch_info",
    "network_type",
    VTEP_LOGICAL,
    VTEP_PHYSICAL,
];

const VTEP_LOGICAL: &str = "vtep-logical-switch";
const VTEP_PHYSICAL: &str = "vtep-physical-switch";

/// The members that each form must have. What is missing is told of the first.
const FORMS: [&[&str]; 3] = [
    &["port_id", "switch_id"],
    &["port_id", "hostname"],
    &["port_id", VTEP_LOGICAL, VTEP_PHYSICAL],
];

/// Checks the object and brings the switch's identifier into one form.
pub(super) fn check(link: &mut Object) -> Result<(), ApiFault> {
    if link.is_empty() {
        return Ok(());
    }
    let alone = (link.len() == 1)
        .then(|| link.get("network_type"))
        .flatten();
    if let Some(kind) = alone.filter(|kind| *kind == "managed") {
        let text = format_args!("{} is not one of ['unmanaged']", repr(kind));
        return Err(fault("local_link_connection", text));
    }
    if let Some(cause) = wrong(link) {
        let shown = repr(&Value::Object(link.clone()));
        return Err(ApiFault::bad_request(format!(
            "Schema error for local_link_connection: {shown} is not valid under any of the given \
             schemas. Possible root cause: {cause}"
        )));
    }
    if let Some(id) = link.get("switch_id") {
        let text = id.as_str().unwrap_or_default();
        let Some(id) = switch_id(text) else {
            return Err(ApiFault::bad_request(format!(
                "Expected a MAC address or OpenFlow datapath ID but received {text}."
            )));
        };
        link.insert("switch_id".to_owned(), Value::from(id));
    }
    Ok(())
}

/// Why no form fits.
fn wrong(link: &Object) -> Option<String> {
    if let Some(key) = link.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Some(format!(
            "Additional properties are not allowed ('{key}' was unexpected)"
        ));
    }
    let is_unmanaged = link.get("network_type").is_some_and(|t| t == "unmanaged");
    let has = |form: &&[&str]| form.iter().all(|name| link.contains_key(*name));
    if !is_unmanaged && !FORMS.iter().any(has) {
        let missing = FORMS
            .first()
            .and_then(|form| form.iter().find(|name| !link.contains_key(**name)));
        return missing.map(|name| format!("'{name}' is a required property"));
    }
    for (name, value) in link {
        match value.as_str() {
            // Of several forms that do not fit, upstream tells what another one lacks.
            None if !link.contains_key("hostname") => {
                return Some("'hostname' is a required property".to_owned());
            }
            None => return Some(format!("{} is not of type 'string'", repr(value))),
            Some("managed" | "unmanaged") => {}
            Some(other) if name == "network_type" => {
                return Some(format!("'{other}' is not one of ['managed', 'unmanaged']"));
            }
            Some(_) => {}
        }
    }
    None
}

/// Checks what a new port must have besides: members of its version, and what a Smart NIC needs.
pub(super) fn check_new(
    link: &Object,
    is_smartnic: bool,
    version: Microversion,
) -> Result<(), ApiFault> {
    let is_newer = link.contains_key("network_type") && version < Microversion::new(64);
    if is_newer || (link.contains_key(VTEP_LOGICAL) && !knows_vtep(version)) {
        return Err(ApiFault::not_acceptable());
    }
    let is_cabled = ["port_id", "hostname"]
        .iter()
        .all(|n| link.contains_key(*n));
    if is_smartnic && !is_cabled {
        return Err(ApiFault::bad_request(
            "Smart NIC port must have port_id and hostname in local_link_connection",
        ));
    }
    Ok(())
}

/// Whether the version has links to virtual tunnel endpoints.
pub(super) fn knows_vtep(version: Microversion) -> bool {
    (Microversion::new(90)..Microversion::new(105)).contains(&version)
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

    fn checked(link: Value) -> Result<Value, String> {
        let mut link = link.as_object().cloned().unwrap_or_default();
        check(&mut link).map_err(|f| f.message)?;
        Ok(Value::Object(link))
    }

    fn new(link: Value, is_smartnic: bool, minor: u16) -> Option<u16> {
        let link = link.as_object().cloned().unwrap_or_default();
        let checked = check_new(&link, is_smartnic, Microversion::new(minor));
        checked.err().map(|f| f.status)
    }

    #[test]
    fn forms() {
        for good in [
            json!({}),
            json!({"switch_id": "aa:bb:cc:dd:ee:ff", "port_id": "e1", "switch_info": "s"}),
            json!({"port_id": "e1", "hostname": "h"}),
            json!({"network_type": "unmanaged"}),
            json!({"port_id": "e1", "vtep-logical-switch": "a", "vtep-physical-switch": "b"}),
        ] {
            assert_eq!(checked(good.clone()), Ok(good));
        }
        let upper = json!({"switch_id": "AA:bb:cc:dd:ee:ff", "port_id": "e1"});
        let lower = json!({"switch_id": "aa:bb:cc:dd:ee:ff", "port_id": "e1"});
        assert_eq!(checked(upper), Ok(lower));
        for (bad, why) in [
            (
                json!({"port_id": "e1"}),
                "'switch_id' is a required property",
            ),
            (
                json!({"network_type": "managed", "port_id": "e1"}),
                "'switch_id' is a required property",
            ),
            (
                json!({"switch_id": "aa:bb:cc:dd:ee:ff", "port_id": 5}),
                "'hostname' is a required property",
            ),
            (
                json!({"foo": 1}),
                "Additional properties are not allowed ('foo' was unexpected)",
            ),
        ] {
            let text = checked(bad).expect_err("refused");
            assert!(
                text.ends_with(&format!("Possible root cause: {why}")),
                "{text}"
            );
        }
        assert!(checked(json!({"switch_id": "x", "port_id": "e1"})).is_err());
    }

    #[test]
    fn what_new_ports_need() {
        assert_eq!(
            new(json!({"network_type": "unmanaged"}), false, 63),
            Some(406)
        );
        assert_eq!(new(json!({"network_type": "unmanaged"}), false, 64), None);
        let vtep =
            json!({"port_id": "e1", "vtep-logical-switch": "a", "vtep-physical-switch": "b"});
        assert_eq!(new(vtep.clone(), false, 89), Some(406));
        assert_eq!(new(vtep.clone(), false, 90), None);
        assert_eq!(new(vtep, false, 105), Some(406));
        assert_eq!(new(json!({}), true, 115), Some(400));
        assert_eq!(
            new(json!({"port_id": "e1", "hostname": "h"}), true, 115),
            None
        );
    }
}
