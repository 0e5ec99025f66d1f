//! Which fields of a resource an answer shows, by the table of its collection, and writing them.

use cupola_api::Microversion;
use cupola_api::collection::{Collection, Member, Newer, Wording};
use cupola_api::fault::ApiFault;
use cupola_api::node::Field;
use cupola_api::secret;
use serde_json::{Map, Value, json};

use super::super::arguments::Arguments;
use super::super::repr::repr_list;
use super::super::schema;
use super::super::text::time_value;

/// The refusal of a field that a collection has not.
fn unknown(name: &str, collection: &Collection, version: Microversion) -> ApiFault {
    if collection.words.fields == Wording::Plain {
        return ApiFault::bad_request(format!("Field(s) \"{name}\" are not valid"));
    }
    let mut known: Vec<&Field> = collection.fields.iter().collect();
    if collection.words.newer == Newer::Unknown {
        known.retain(|field| field.since <= version);
    }
    // What came later stands behind what was there before.
    let oldest = known.iter().map(|field| field.since).min();
    let is_later = |field: &Field| Some(field.since) > oldest;
    let sorts_later = collection.words.newer == Newer::Unknown;
    known.sort_by_key(|field| (sorts_later && is_later(field), field.name));
    let known = repr_list(known.iter().map(|field| field.name));
    schema::fault("", format_args!("'{name}' is not one of {known}"))
}

/// The fields of an answer.
#[derive(Clone, Debug)]
pub(in super::super) struct Shape(Vec<&'static str>);

impl Shape {
    /// Every field of this version.
    pub(in super::super) fn full(collection: &'static Collection, version: Microversion) -> Self {
        Self::of(collection, version, |_| true)
    }

    /// What `fields` asks for of one resource; everything when it is not given.
    pub(in super::super) fn of_one(
        arguments: &mut Arguments,
        collection: &'static Collection,
        version: Microversion,
    ) -> Result<Self, ApiFault> {
        match arguments.list("fields") {
            Some(names) => Self::selected(&names, collection, version),
            None => Ok(Self::full(collection, version)),
        }
    }

    /// What `fields` and `detail` ask for of a list; the usual few fields when neither is given.
    pub(super) fn of_list(
        arguments: &mut Arguments,
        collection: &'static Collection,
        version: Microversion,
    ) -> Result<Self, ApiFault> {
        let given = arguments.boolean("detail")?;
        let detail = given.unwrap_or(false);
        if given.is_some() && version < Microversion::new(collection.detail_since) {
            let word = if detail { "True" } else { "False" };
            let text = format!("Invalid query parameter ?detail={word} received.");
            return Err(ApiFault::bad_request(text));
        }
        match (arguments.list("fields"), detail) {
            (Some(_), true) => Err(ApiFault::bad_request(collection.fields_or_detail)),
            (Some(names), false) => Self::selected(&names, collection, version),
            (None, true) => Ok(Self::full(collection, version)),
            (None, false) => Ok(Self::of(collection, version, |name| {
                collection.listed.contains(&name)
            })),
        }
    }

    fn selected(
        names: &[String],
        collection: &'static Collection,
        version: Microversion,
    ) -> Result<Self, ApiFault> {
        let names: Vec<String> = names.iter().map(|n| n.to_ascii_lowercase()).collect();
        for name in &names {
            let newer = collection.words.newer;
            let is_known = |f: &&Field| newer != Newer::Unknown || f.since <= version;
            let field = collection
                .field(name)
                .filter(is_known)
                .ok_or_else(|| unknown(name, collection, version))?;
            if version < field.since && !newer.takes(name) {
                return Err(ApiFault::not_acceptable());
            }
        }
        Ok(Self::of(collection, version, |name| {
            names.iter().any(|wanted| wanted == name)
        }))
    }

    fn of(
        collection: &'static Collection,
        version: Microversion,
        wanted: impl Fn(&str) -> bool,
    ) -> Self {
        let fields = collection.fields.iter();
        let shown = fields.filter(|f| f.since <= version && (f.name == "links" || wanted(f.name)));
        Self(shown.map(|f| f.name).collect())
    }

    /// A resource as JSON, its secrets masked.
    pub(in super::super) fn value<M: Member>(&self, item: &M, base: &str) -> Value {
        let collection = M::COLLECTION;
        let mut all = super::object(item).unwrap_or_default();
        item.hide(&mut all);
        for name in collection.masked {
            if let Some(value) = all.get_mut(*name) {
                // Masked by what is in it: under its own name it is no secret.
                let mut alone = Map::new();
                alone.insert((*name).to_owned(), value.take());
                secret::mask(&mut alone);
                *value = alone.remove(*name).unwrap_or_default();
            }
        }
        let path = format!("{}/{}", collection.path, item.uuid());
        let mut out = Map::new();
        for name in &self.0 {
            let part = collection.parts.iter().find(|part| part.name == *name);
            let value = match (*name, part) {
                (_, Some(part)) => {
                    let links = links(base, &format!("{path}/{name}"));
                    if part.is_nested {
                        json!([links])
                    } else {
                        links
                    }
                }
                ("links", None) => links(base, &path),
                ("created_at", None) => time_value(item.created_at()),
                ("updated_at", None) => time_value(item.updated_at()),
                (_, None) => all.remove(*name).unwrap_or_default(),
            };
            out.insert((*name).to_owned(), value);
        }
        Value::Object(out)
    }
}

/// The two links to a path.
pub(in super::super) fn links(base: &str, path: &str) -> Value {
    json!([
        { "href": format!("{base}/v1/{path}"), "rel": "self" },
        { "href": format!("{base}/{path}"), "rel": "bookmark" },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use cupola_api::NodeId;
    use cupola_api::chassis::{CHASSIS, Chassis};
    use cupola_api::portgroup::{PORTGROUPS, Portgroup};
    use cupola_api::volume_target::{VOLUME_TARGETS, VolumeTarget};

    fn of_list(
        query: &str,
        collection: &'static Collection,
        minor: u16,
    ) -> Result<Shape, (u16, String)> {
        let mut arguments = Arguments::parse(Some(query));
        Shape::of_list(&mut arguments, collection, Microversion::new(minor))
            .map_err(|f| (f.status, f.message))
    }

    #[test]
    fn fields_by_version_and_request() {
        let names = |query: &str, minor| of_list(query, &PORTGROUPS, minor).map(|shape| shape.0);
        assert_eq!(names("", 115), Ok(vec!["uuid", "name", "address", "links"]));
        assert_eq!(names("fields=", 115), Ok(vec!["links"]));
        assert_eq!(names("fields=MODE", 26), Ok(vec!["links", "mode"]));
        assert_eq!(names("fields=mode", 25).map_err(|e| e.0), Err(406));
        assert_eq!(names("detail=true", 42).map_err(|e| e.0), Err(400));
        assert_eq!(names("detail=no", 42).map_err(|e| e.0), Err(400));
        let full = names("detail=true", 115).map(|names| names.len());
        assert_eq!(full, Ok(PORTGROUPS.fields.len()));
        assert_eq!(
            of_list("fields=zz", &CHASSIS, 115).map(|_| ()),
            Err((
                400,
                "Schema error: 'zz' is not one of ['created_at', 'description', 'extra', 'links', \
                 'nodes', 'updated_at', 'uuid']"
                    .to_owned()
            ))
        );
        assert_eq!(
            of_list("fields=uuid&detail=1", &VOLUME_TARGETS, 32).map(|_| ()),
            Err((
                400,
                "Can't fetch a subset of fields with 'detail' set".to_owned()
            ))
        );
    }

    #[test]
    fn links_are_as_upstreams() {
        let version = Microversion::MAX;
        let chassis = Chassis::default();
        let shown = Shape::full(&CHASSIS, version).value(&chassis, "http://h");
        let want = format!("http://h/v1/chassis/{}/nodes", chassis.uuid);
        assert_eq!(shown["nodes"][0][0]["href"], want);
        let group = Portgroup::new(NodeId::random());
        let shown = Shape::full(&PORTGROUPS, version).value(&group, "http://h");
        let want = format!("http://h/portgroups/{}/ports", group.uuid);
        assert_eq!(shown["ports"][1]["href"], want);
    }

    #[test]
    fn only_what_is_named_is_masked() {
        let mut target = VolumeTarget::new(NodeId::random(), "iscsi", 0, "v");
        for object in [&mut target.properties, &mut target.extra] {
            object.insert("auth_password".to_owned(), json!("hunter2"));
        }
        let shown = Shape::full(&VOLUME_TARGETS, Microversion::MAX).value(&target, "");
        assert_eq!(shown["properties"]["auth_password"], "******");
        assert_eq!(shown["extra"]["auth_password"], "hunter2");
    }
}
