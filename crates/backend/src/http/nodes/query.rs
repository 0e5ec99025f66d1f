//! The arguments of a node list: filters, order, page and shape (wire reference §6.2, §6.3).

use cupola_api::Microversion;
use cupola_api::fault::ApiFault;
use cupola_api::node::{Fault, find_field};
use cupola_api::state::provision::ProvisionState;

use super::super::arguments::{Arguments, uuid_text};
use super::super::paging::{Paging, not_sortable};
use super::super::repr::repr_list;
use super::super::shape::NodeShape;
use crate::store::{NodeFilter, NodePage, SortDirection, SortKey};

/// What a list request asks for.
#[derive(Debug)]
pub(super) struct ListQuery {
    /// Which nodes, in which order, how many.
    pub(super) page: NodePage,
    /// The same as it was given, for the link to the next page.
    pub(super) paging: Paging,
    /// Only nodes of this conductor.
    pub(super) conductor: Option<String>,
    /// What to show of each.
    pub(super) shape: NodeShape,
    /// Whether a filter can match nothing at all.
    pub(super) nothing: bool,
    /// Whether the answer may have a link to the next page.
    pub(super) has_next: bool,
}

/// Reads the arguments of `GET /v1/nodes`, or of `/v1/nodes/detail`.
pub(super) fn parse(
    arguments: &mut Arguments,
    version: Microversion,
    is_detail_path: bool,
    max_limit: usize,
) -> Result<ListQuery, ApiFault> {
    let paging = Paging::take(arguments, max_limit)?;
    let shape = shape(arguments, version, is_detail_path)?;
    let (filter, nothing) = filter(arguments)?;
    let conductor = arguments.text("conductor")?;
    let sort_key = sort_key(paging.sort_key.as_deref(), version)?;
    let marker = match &paging.marker {
        Some(text) => Some(uuid_text("marker", text)?.into()),
        None => None,
    };
    let direction = if paging.descending {
        SortDirection::Descending
    } else {
        SortDirection::Ascending
    };
    let has_next = filter.instance_uuid.is_none();
    // A conductor is computed, not stored: pages are cut after it has been looked at.
    let limit = conductor.is_none().then_some(paging.limit);
    let page = NodePage {
        filter,
        sort_key,
        direction,
        limit,
        marker,
    };
    Ok(ListQuery {
        page,
        paging,
        conductor,
        shape,
        nothing,
        has_next,
    })
}

fn shape(
    arguments: &mut Arguments,
    version: Microversion,
    is_detail_path: bool,
) -> Result<NodeShape, ApiFault> {
    if is_detail_path {
        // What is left of `fields` and `detail` is refused as unexpected.
        return Ok(NodeShape::full(version));
    }
    let detail = arguments.boolean("detail")?.unwrap_or(false);
    if detail && version < Microversion::new(43) {
        return Err(ApiFault::bad_request(
            "Invalid query parameter ?detail=True received.",
        ));
    }
    match (arguments.list("fields"), detail) {
        (Some(_), true) => Err(ApiFault::bad_request(
            "Can not specify ?detail=True and fields in the same request.",
        )),
        (Some(names), false) => NodeShape::selected(&names, version),
        (None, true) => Ok(NodeShape::full(version)),
        (None, false) => Ok(NodeShape::list(version)),
    }
}

fn filter(arguments: &mut Arguments) -> Result<(NodeFilter, bool), ApiFault> {
    let provision_state = arguments
        .text("provision_state")?
        .map(|text| state(&text))
        .transpose()?;
    let fault = arguments
        .text("fault")?
        .map(|text| fault(&text))
        .transpose()?;
    let parent = arguments.text("parent_node")?;
    let parent_node = parent
        .as_deref()
        .and_then(|text| uuid_text("parent_node", text).ok());
    let include_children = arguments.boolean("include_children")?.unwrap_or(false);
    let filter = NodeFilter {
        chassis_uuid: arguments.uuid("chassis_uuid")?,
        instance_uuid: arguments.uuid("instance_uuid")?,
        associated: arguments.boolean("associated")?,
        maintenance: arguments.boolean("maintenance")?,
        provision_state,
        driver: arguments.text("driver")?,
        resource_class: arguments.text("resource_class")?,
        fault,
        conductor_group: arguments.text("conductor_group")?,
        owner: arguments.text("owner")?,
        lessee: arguments.text("lessee")?,
        project: arguments.text("project")?,
        description_contains: arguments.text("description_contains")?,
        retired: arguments.boolean("retired")?,
        shards: arguments.list("shard").unwrap_or_default(),
        sharded: arguments.boolean("sharded")?,
        parent_node,
        hide_children: parent.is_none() && !include_children,
        instance_name: arguments.text("instance_name")?,
        ..NodeFilter::default()
    };
    let nothing = parent.is_some() && parent_node.is_none();
    Ok((filter, nothing))
}

fn state(text: &str) -> Result<ProvisionState, ApiFault> {
    ProvisionState::parse(text)
        .ok_or_else(|| ApiFault::bad_request(format!("Provision state \"{text}\" is not valid")))
}

fn fault(text: &str) -> Result<Fault, ApiFault> {
    Fault::parse(text).ok_or_else(|| {
        let known = repr_list(Fault::ALL.map(Fault::as_str));
        let known = known.trim_matches(['[', ']']);
        ApiFault::bad_request(format!(
            "Unrecognized fault \"{text}\" is specified, allowed faults are ({known})"
        ))
    })
}

fn sort_key(name: Option<&str>, version: Microversion) -> Result<SortKey, ApiFault> {
    let Some(name) = name else {
        return Ok(SortKey::CREATION);
    };
    /// What is made for the answer.
    const COMPUTED: [&str; 3] = ["allocation_uuid", "chassis_uuid", "conductor"];
    const LINKS: [&str; 5] = ["links", "portgroups", "ports", "states", "volume"];
    let field = find_field(name).filter(|field| !LINKS.contains(&field.name));
    if field.is_some_and(|f| version < f.since) {
        return Err(ApiFault::not_acceptable());
    }
    if COMPUTED.contains(&name) || field.is_none() && name != "id" {
        return Err(not_sortable(name, false));
    }
    SortKey::parse(name).ok_or_else(|| not_sortable(name, field.is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str, minor: u16) -> Result<ListQuery, (u16, String)> {
        let mut arguments = Arguments::parse(Some(text));
        parse(&mut arguments, Microversion::new(minor), false, 1000)
            .map_err(|f| (f.status, f.message))
    }

    fn refused(text: &str, minor: u16) -> (u16, String) {
        query(text, minor).expect_err(text)
    }

    #[test]
    fn children_are_hidden_unless_asked_for() {
        let hides = |text| query(text, 115).map(|q| q.page.filter.hide_children).ok();
        assert_eq!(hides(""), Some(true));
        assert_eq!(hides("include_children=true"), Some(false));
        assert_eq!(
            hides("parent_node=6f3bc0f6-8a35-4a6f-8a7e-57a1b1c7f3d0"),
            Some(false)
        );
        assert_eq!(
            query("parent_node=name", 115).map(|q| q.nothing).ok(),
            Some(true)
        );
    }

    #[test]
    fn refusals() {
        let cases = [
            ("provision_state=zz", "Provision state \"zz\" is not valid"),
            ("marker=abc", "Expected UUID for marker: abc"),
            (
                "sort_key=foo",
                "The sort_key value \"foo\" is an invalid field for sorting",
            ),
            (
                "sort_key=properties",
                "The sort_key value properties is an invalid field for sorting",
            ),
            ("fields=zz", "Field zz is not a valid field."),
            (
                "fields=uuid&detail=true",
                "Can not specify ?detail=True and fields in the same request.",
            ),
        ];
        for (text, want) in cases {
            assert_eq!(refused(text, 115), (400, want.to_owned()));
        }
        assert_eq!(refused("detail=true", 42).0, 400);
        assert_eq!(refused("sort_key=owner", 49).0, 406);
        assert!(query("fields=uuid&detail=false&sort_key=name&sort_dir=desc", 115).is_ok());
    }
}
