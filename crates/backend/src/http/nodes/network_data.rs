//! `network_data` of a node: the links, networks and services that its ramdisk configures, in the
//! form of Nova's network metadata. What is checked is the form alone, not whether it fits the node.

use std::net::{Ipv4Addr, Ipv6Addr};

use cupola_api::fault::ApiFault;
use cupola_api::node::Object;
use cupola_api::patch::{PatchOperation, PatchVerb};
use serde_json::Value;

use super::super::repr::repr;
use super::super::schema::fault;

/// What the top of the document must have, each a list.
const PARTS: [&str; 3] = ["links", "networks", "services"];

/// Kinds of links that are an interface of their own.
const INTERFACES: [&str; 9] = [
    "bridge",
    "dvs",
    "hw_veb",
    "hyperv",
    "ovs",
    "tap",
    "vhostuser",
    "vif",
    "phy",
];

const BOND_MODES: [&str; 7] = [
    "802.3ad",
    "balance-rr",
    "active-backup",
    "balance-xor",
    "broadcast",
    "balance-tlb",
    "balance-alb",
];

/// What does not fit: a value within the document, and why.
struct Misfit<'v> {
    item: Option<&'v Value>,
    reason: String,
}

/// Checks the network data of a new node. Nothing is taken as well.
///
/// # Errors
/// What does not fit, in the words of a schema.
pub(super) fn check_new(data: Option<&Value>) -> Result<(), ApiFault> {
    match data {
        None | Some(Value::Null) => Ok(()),
        Some(data) => check_inside(data, "node"),
    }
}

/// The same of a document of which a part was set.
fn check_inside(data: &Value, what: &str) -> Result<(), ApiFault> {
    if data.as_object().is_some_and(Object::is_empty) {
        return Ok(());
    }
    match misfit(data) {
        None => Ok(()),
        Some(Misfit { item, reason }) => {
            let shown = repr(item.unwrap_or(data));
            let reason = item.map_or_else(|| format!("{shown} is not of type 'null'"), |_| reason);
            Err(fault(
                what,
                format_args!(
                    "{shown} is not valid under any of the given schemas. Possible root cause: {reason}"
                ),
            ))
        }
    }
}

/// Checks what a patch gives as network data; `after` is what comes of it.
///
/// # Errors
/// What does not fit.
pub(super) fn check_patch(patch: &[PatchOperation], after: Option<&Value>) -> Result<(), ApiFault> {
    for operation in patch.iter().filter(|o| o.op != PatchVerb::Remove) {
        let value = operation.value.as_ref().unwrap_or(&Value::Null);
        let is_empty = value.as_object().is_some_and(Object::is_empty);
        if operation.path != "/network_data" || is_empty {
            continue;
        }
        if let Some(Misfit { reason, .. }) = misfit(value) {
            let text = format!("Invalid network_data: {reason} ");
            return Err(ApiFault::bad_request(text));
        }
    }
    let is_inside = |o: &PatchOperation| o.path.starts_with("/network_data/");
    match after.filter(|_| patch.iter().any(is_inside)) {
        Some(after) => check_inside(after, "patch"),
        None => Ok(()),
    }
}

fn misfit(data: &Value) -> Option<Misfit<'_>> {
    let whole = |reason: String| Misfit { item: None, reason };
    let Some(members) = data.as_object() else {
        return Some(whole(format!("{} is not of type 'object'", repr(data))));
    };
    if let Some(name) = PARTS.iter().find(|name| !members.contains_key(**name)) {
        return Some(whole(format!("'{name}' is a required property")));
    }
    for name in PARTS {
        let part = members.get(name).unwrap_or(&Value::Null);
        let Some(items) = part.as_array() else {
            return Some(whole(format!("{} is not of type 'array'", repr(part))));
        };
        for item in items {
            let reason = match (item.as_object(), name) {
                (None, _) => Err(format!("{} is not of type 'object'", repr(item))),
                (Some(members), "links") => link(members),
                (Some(members), "networks") => network(members),
                (Some(members), _) => service(members),
            };
            if let Err(reason) = reason {
                let item = Some(item);
                return Some(Misfit { item, reason });
            }
        }
    }
    None
}

fn required(members: &Object, names: &[&str]) -> Result<(), String> {
    match names.iter().find(|name| !members.contains_key(**name)) {
        Some(name) => Err(format!("'{name}' is a required property")),
        None => Ok(()),
    }
}

/// A member that is a text, if it is there.
fn text<'m>(members: &'m Object, name: &str) -> Result<Option<&'m str>, String> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(format!("{} is not of type 'string'", repr(other))),
    }
}

/// A member that is a text of this form, if it is there.
fn formed(members: &Object, name: &str, fits: impl Fn(&str) -> bool) -> Result<(), String> {
    match text(members, name)? {
        Some(text) if !fits(text) => Err(format!("'{text}' is no {name}")),
        Some(_) | None => Ok(()),
    }
}

fn link(members: &Object) -> Result<(), String> {
    let kind = members.get("type").and_then(Value::as_str);
    let (address, more): (_, &[&str]) = match kind {
        Some("vlan") => ("vlan_mac_address", &["vlan_link", "vlan_id"]),
        Some("bond") => ("ethernet_mac_address", &["bond_mode", "bond_links"]),
        _ => ("ethernet_mac_address", &[]),
    };
    required(members, &[address, "id", "type"])?;
    required(members, more)?;
    text(members, "id")?;
    text(members, "vif_id")?;
    text(members, "vlan_link")?;
    formed(members, address, is_mac)?;
    let known = |kind: &str| INTERFACES.contains(&kind) || matches!(kind, "bond" | "vlan");
    formed(members, "type", known)?;
    match members.get("mtu") {
        None | Some(Value::Null) => {}
        Some(mtu) if mtu.as_f64().is_some_and(|n| (1.0..=65535.0).contains(&n)) => {}
        Some(other) => return Err(format!("{} is no mtu", repr(other))),
    }
    match kind {
        Some("bond") => {
            formed(members, "bond_mode", |mode| BOND_MODES.contains(&mode))?;
            let links = members.get("bond_links").and_then(Value::as_array);
            let are_texts = links.is_some_and(|links| links.iter().all(Value::is_string));
            are_texts
                .then_some(())
                .ok_or_else(|| "'bond_links' is no list of texts".to_owned())
        }
        Some("vlan") if !members.get("vlan_id").is_some_and(Value::is_i64) => {
            Err("'vlan_id' is not of type 'integer'".to_owned())
        }
        _ => Ok(()),
    }
}

fn network(members: &Object) -> Result<(), String> {
    required(members, &["id", "link", "network_id", "type"])?;
    for name in ["id", "link", "network_id"] {
        text(members, name)?;
    }
    let kind = text(members, "type")?.unwrap_or_default();
    let is_v4 = match kind {
        "ipv4" | "ipv4_dhcp" => true,
        "ipv6" | "ipv6_dhcp" | "ipv6_slaac" => false,
        other => return Err(format!("'{other}' is no type")),
    };
    let address = if is_v4 { is_v4_address } else { is_v6_address };
    formed(members, "ip_address", address)?;
    let mask = if is_v4 { is_v4_mask } else { is_v6_plain };
    formed(members, "netmask", mask)?;
    let Some(routes) = members.get("routes") else {
        return Ok(());
    };
    let Some(routes) = routes.as_array() else {
        return Err(format!("{} is not of type 'array'", repr(routes)));
    };
    for route in routes {
        let Some(route) = route.as_object() else {
            return Err(format!("{} is not of type 'object'", repr(route)));
        };
        required(route, &["gateway", "netmask", "network"])?;
        formed(
            route,
            "network",
            if is_v4 { is_v4_address } else { is_v6_plain },
        )?;
        formed(route, "netmask", mask)?;
        formed(route, "gateway", address)?;
    }
    Ok(())
}

fn service(members: &Object) -> Result<(), String> {
    required(members, &["address", "type"])?;
    formed(members, "address", |text| {
        is_v4_address(text) || is_v6_address(text)
    })?;
    formed(members, "type", |kind| kind == "dns")
}

/// With colons or with dashes.
fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split([':', '-']).collect();
    let is_octet = |part: &&str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
    parts.len() == 6 && parts.iter().all(is_octet)
}

fn is_v4_address(text: &str) -> bool {
    text.parse::<Ipv4Addr>().is_ok()
}

fn is_v4_mask(text: &str) -> bool {
    let mask = text.parse::<Ipv4Addr>().map(u32::from);
    mask.is_ok_and(|mask| mask.leading_ones() + mask.trailing_zeros() == 32 || mask == 0)
}

fn is_v6_plain(text: &str) -> bool {
    text.parse::<Ipv6Addr>().is_ok()
}

/// With the length of its prefix behind it, or without.
fn is_v6_address(text: &str) -> bool {
    let (address, prefix) = text.split_once('/').unwrap_or((text, "0"));
    let zone = address
        .split_once('%')
        .map_or(address, |(address, _)| address);
    is_v6_plain(zone) && prefix.parse::<u8>().is_ok_and(|bits| bits <= 128)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn whole_documents() {
        let good = json!({
            "links": [
                {"id": "a", "type": "phy", "ethernet_mac_address": "aa:bb:cc:dd:ee:ff", "mtu": null},
                {"id": "b", "type": "vlan", "vlan_mac_address": "aa-bb-cc-dd-ee-ff",
                 "vlan_link": "a", "vlan_id": 7},
            ],
            "networks": [
                {"id": "n", "link": "a", "network_id": "x", "type": "ipv4",
                 "ip_address": "192.0.2.7", "netmask": "255.255.255.0",
                 "routes": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "192.0.2.1"}]},
                {"id": "m", "link": "b", "network_id": "y", "type": "ipv6",
                 "ip_address": "2001:db8::7/64"},
            ],
            "services": [{"type": "dns", "address": "192.0.2.53"}],
        });
        assert!(misfit(&good).is_none());
        for (part, item) in [
            ("links", json!({"id": "l"})),
            ("links", json!(5)),
            (
                "networks",
                json!({"id": "n", "link": "a", "network_id": "x", "type": "ipx"}),
            ),
            ("services", json!({"type": "ntp", "address": "192.0.2.1"})),
        ] {
            let mut bad = good.clone();
            bad[part] = json!([item]);
            assert!(
                misfit(&bad).is_some_and(|m| m.item.is_some()),
                "{part} {item}"
            );
        }
    }

    #[test]
    fn refusals_in_ironics_words() {
        let refused = |data: Value| check_new(Some(&data)).map_err(|fault| fault.message);
        assert_eq!(refused(json!(null)), Ok(()));
        assert_eq!(refused(json!({})), Ok(()));
        assert_eq!(
            refused(json!({"links": []})),
            Err(
                "Schema error for node: {'links': []} is not valid under any of the given schemas. \
                 Possible root cause: {'links': []} is not of type 'null'"
                    .to_owned()
            )
        );
        let patch = [PatchOperation::add("/network_data", json!({"links": []}))];
        let text = check_patch(&patch, None).map_err(|fault| fault.message);
        let want = "Invalid network_data: 'networks' is a required property ";
        assert_eq!(text, Err(want.to_owned()));
    }
}
