//! Which fields of a port an answer shows (wire reference §5.2), and writing them.

use cupola_api::Microversion;
use cupola_api::fault::ApiFault;
use cupola_api::node::Field;
use cupola_api::port::{ASKED_EARLY, FIELDS, Port};
use serde_json::{Map, Value, json};

use super::super::repr::repr_list;
use super::super::text::time_value;
use super::link;

/// The fields of a list entry.
const LIST: [&str; 3] = ["uuid", "address", "links"];

/// What an answer shows of a port.
#[derive(Clone, Debug)]
pub(super) struct PortShape {
    fields: Vec<&'static str>,
    version: Microversion,
}

impl PortShape {
    /// Every field of this version.
    pub(super) fn full(version: Microversion) -> Self {
        Self::of(version, |_| true)
    }

    /// What a list shows unless asked otherwise.
    pub(super) fn list(version: Microversion) -> Self {
        Self::of(version, |name| LIST.contains(&name))
    }

    /// The fields of a `fields=` argument, and the links.
    pub(super) fn selected(names: &[String], version: Microversion) -> Result<Self, ApiFault> {
        let names: Vec<String> = names.iter().map(|n| n.to_ascii_lowercase()).collect();
        let unknown: Vec<&str> = names
            .iter()
            .map(String::as_str)
            .filter(|name| !FIELDS.iter().any(|f| f.name == *name))
            .collect();
        if !unknown.is_empty() {
            let list = repr_list(unknown).replace('\'', "\"");
            let list = list.trim_matches(['[', ']']);
            return Err(ApiFault::bad_request(format!(
                "Field(s) {list} are not valid"
            )));
        }
        let is_newer = |f: &&Field| version < f.since && !ASKED_EARLY.takes(f.name);
        let mut newer = FIELDS.iter().filter(is_newer);
        if newer.any(|f| names.iter().any(|n| n == f.name)) {
            return Err(ApiFault::not_acceptable());
        }
        Ok(Self::of(version, |name| {
            name == "links" || names.iter().any(|n| n == name)
        }))
    }

    fn of(version: Microversion, wanted: impl Fn(&str) -> bool) -> Self {
        let fields = FIELDS
            .iter()
            .filter(|f| f.since <= version && wanted(f.name))
            .map(|f| f.name)
            .collect();
        Self { fields, version }
    }

    /// A port as JSON.
    pub(super) fn value(&self, port: &Port, base: &str) -> Value {
        let mut all = match serde_json::to_value(port) {
            Ok(Value::Object(members)) => members,
            Ok(_) | Err(_) => Map::new(),
        };
        let mut out = Map::new();
        for name in &self.fields {
            let value = match *name {
                "links" => json!([
                    { "href": format!("{base}/v1/ports/{}", port.uuid), "rel": "self" },
                    { "href": format!("{base}/ports/{}", port.uuid), "rel": "bookmark" },
                ]),
                "created_at" => time_value(port.created_at),
                "updated_at" => time_value(port.updated_at),
                "local_link_connection" => self.link(port),
                _ => all.remove(*name).unwrap_or_default(),
            };
            out.insert((*name).to_owned(), value);
        }
        Value::Object(out)
    }

    /// A link to a virtual tunnel endpoint is of 1.90 to 1.104; others see none.
    fn link(&self, port: &Port) -> Value {
        let link = port.local_link_connection.clone();
        if link.contains_key("vtep-logical-switch") && !link::knows_vtep(self.version) {
            return Value::Object(Map::new());
        }
        Value::Object(link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cupola_api::{MacAddress, NodeId, PortId};

    fn shown(shape: &PortShape) -> Map<String, Value> {
        let port = Port::new(PortId::random(), NodeId::random(), MacAddress::new([2; 6]));
        shape
            .value(&port, "http://h")
            .as_object()
            .cloned()
            .unwrap_or_default()
    }

    #[test]
    fn fields_by_version() {
        let at = |minor| shown(&PortShape::full(Microversion::new(minor)));
        assert_eq!(at(115).len(), FIELDS.len());
        assert!(at(18).get("pxe_enabled").is_none());
        assert_eq!(at(19).get("pxe_enabled"), Some(&json!(true)));
        assert_eq!(shown(&PortShape::list(Microversion::MAX)).len(), 3);
    }

    #[test]
    fn selections() {
        let select = |name: &str, minor| {
            PortShape::selected(&[name.to_owned()], Microversion::new(minor)).map_err(|f| f.message)
        };
        assert_eq!(
            select("zz", 115).err().as_deref(),
            Some("Field(s) \"zz\" are not valid")
        );
        assert_eq!(
            select("name", 87).err().as_deref(),
            Some("Request not acceptable.")
        );
        assert_eq!(select("address", 1).map(|s| shown(&s).len()), Ok(2));
    }
}
