//! Reading nodes: lists and one node. Served from rendered bytes where they are still right.

use cupola_api::chassis::Chassis;
use cupola_api::fault::ApiFault;
use cupola_api::node::Node;
use cupola_api::policy::{Rule, SHOW_INSTANCE_SECRETS, SHOW_PASSWORD};
use http::StatusCode;

use super::super::answer::{Answer, Failure, with_body, with_chunks};
use super::super::call::Call;
use super::super::chunks::{Chunks, Writer};
use super::super::collection;
use super::super::rendered::Look;
use super::super::shape::NodeShape;
use super::super::text::value;
use super::query::{self, ListQuery};
use super::redact;
use crate::policy::Target;
use crate::store::{Listed, NodePage, StoreError, StoredNode};

/// `GET /v1/nodes`, or `/v1/nodes/detail`.
pub(in super::super) async fn list(call: &mut Call, is_detail_path: bool) -> Answer {
    let path = if is_detail_path {
        "nodes/detail"
    } else {
        "nodes"
    };
    let max = call.state.options.max_limit;
    let mut query = query::parse(&mut call.arguments, call.version, is_detail_path, max)?;
    restrict(call, &mut query.page).await?;
    if let Some(chassis) = query.page.filter.chassis_uuid {
        call.state.store.document::<Chassis>(chassis).await?;
    }
    page(call, path, &query).await
}

/// `GET /v1/chassis/{uuid}/nodes`, or its `/detail`.
pub(in super::super) async fn of_chassis(
    call: &mut Call,
    chassis: &str,
    is_detail_path: bool,
) -> Answer {
    let tail = if is_detail_path { "/detail" } else { "" };
    let path = format!("chassis/{chassis}/nodes{tail}");
    let max = call.state.options.max_limit;
    let mut query = query::parse(&mut call.arguments, call.version, is_detail_path, max)?;
    restrict(call, &mut query.page).await?;
    let chassis: Chassis = collection::find(call, super::super::chassis::ARGUMENT, chassis).await?;
    query.page.filter.chassis_uuid = Some(chassis.uuid.0);
    page(call, &path, &query).await
}

/// The page that a query asks for; `path` is the one called.
async fn page(call: &Call, path: &str, query: &ListQuery) -> Answer {
    let look = Look {
        shape: query.shape,
        base: call.base.clone(),
    };
    // The version is read before the nodes: a page that is newer than its label is served to nobody.
    let assignment = call.state.rpc.assignment_version();
    let nodes = call.state.store.snapshot().map(|s| s.version());
    // What is kept is everybody's: what a caller may not see, or only in part, is written anew.
    let is_whole =
        call.only_project().is_none() && !redact::is_asked(call) && !call.may_show_secrets();
    let version = nodes.filter(|_| is_whole).map(|nodes| nodes + assignment);
    // Two paths may ask for the same query: the path is part of the links.
    let key = (look, format!("{path}?{}", call.query));
    if let Some(page) = version.and_then(|v| call.state.rendered.page(&key, v)) {
        return Ok(with_chunks(page));
    }
    if let Some(version) = version {
        call.state.rendered.make_place(version);
    }
    let nodes = select(call, query).await?;
    let next = nodes.last().filter(|_| query.has_next).and_then(|last| {
        let collection = call.url(format_args!("{path}"));
        query
            .paging
            .next(&collection, nodes.len(), &last.uuid().to_string())
    });
    let assignment = is_whole.then_some(assignment);
    let body = render(call, &nodes, &key.0, assignment, next);
    if let Some(version) = version {
        call.state.rendered.keep_page(key, version, body.clone());
    }
    Ok(with_chunks(body))
}

async fn select(call: &Call, query: &ListQuery) -> Result<Vec<Listed>, Failure> {
    if query.nothing {
        return Ok(Vec::new());
    }
    let mut nodes = call.state.store.node_page(&query.page).await?;
    if let Some(wanted) = &query.conductor {
        nodes.retain(|listed| {
            let node = listed.node();
            node.is_some_and(|node| conductor_of(call, &node).as_ref() == Some(wanted))
        });
        nodes.truncate(query.paging.limit);
    }
    Ok(nodes)
}

/// Lists what the caller's project owns or leases, where it may not see all, after a node that it owns
/// or leases.
async fn restrict(call: &Call, page: &mut NodePage) -> Result<(), Failure> {
    // The order of what is redacted tells what it is.
    if ["last_error", "reservation"].contains(&page.sort_key.name()) {
        let what = format_args!("the order of nodes by {}", page.sort_key.name());
        call.must(Rule::NodeGetFilterThreshold, Target::default(), what)?;
    }
    let Some(own) = call.only_project() else {
        return Ok(());
    };
    let filter = &mut page.filter;
    if filter.project.as_deref().is_some_and(|asked| asked != own) {
        let what = "nodes of another project";
        return Ok(call.must(Rule::NodeListAll, Target::default(), what)?);
    }
    filter.project = Some(own.to_owned());
    if let Some(marker) = page.marker {
        let node = call.state.store.node_by_id(marker).await?;
        let of = [&node.owner, &node.lessee];
        if !of
            .into_iter()
            .any(|project| project.as_deref() == Some(own))
        {
            return Err(StoreError::not_found("Node", marker).into());
        }
    }
    Ok(())
}

/// The nodes as JSON. Without `assignment`, which what is kept is labelled by, each as far as the
/// caller may see it.
fn render(
    call: &Call,
    nodes: &[Listed],
    look: &Look,
    assignment: Option<u64>,
    next: Option<String>,
) -> Chunks {
    let mut out = Writer::new(512 * nodes.len() + 128);
    out.open().extend_from_slice(b"{\"nodes\":[");
    match assignment {
        Some(assignment) => {
            let conductor = |node: &StoredNode| conductor_of(call, node);
            let rendered = &call.state.rendered;
            rendered.write(&mut out, nodes, look, assignment, conductor);
        }
        None => {
            let shown = nodes.iter().filter_map(Listed::node);
            for (index, node) in shown.enumerate() {
                let piece = out.open();
                if index > 0 {
                    piece.push(b',');
                }
                piece.extend_from_slice(&self::shown(call, &node, look.shape));
            }
        }
    }
    let end = out.open();
    end.push(b']');
    if let Some(next) = next {
        end.extend_from_slice(b",\"next\":");
        value(end, &next);
    }
    end.push(b'}');
    out.finish()
}

/// `GET /v1/nodes/{node}`.
pub(in super::super) async fn show(call: &mut Call, node: &str) -> Answer {
    let shape = match call.arguments.list("fields") {
        Some(_) if !call.is_since(8) => return Err(ApiFault::not_acceptable().into()),
        Some(names) => NodeShape::selected(&names, call.version)?,
        None => NodeShape::full(call.version),
    };
    let node = call.node(node).await?;
    Ok(with_body(StatusCode::OK, shown(call, &node, shape)))
}

/// One node as JSON, without what the caller may not see.
pub(super) fn shown(call: &Call, node: &Node, shape: NodeShape) -> Vec<u8> {
    let shape = shape.revealing(
        call.shows(SHOW_PASSWORD, node),
        call.shows(SHOW_INSTANCE_SECRETS, node),
    );
    match redact::one(call, node) {
        Some(redacted) => object(call, &redacted, shape),
        None => object(call, node, shape),
    }
}

/// One node as JSON, with all that it has.
fn object(call: &Call, node: &Node, shape: NodeShape) -> Vec<u8> {
    let mut out = Vec::with_capacity(4096);
    let conductor = if shape.shows_conductor() {
        conductor_of(call, node)
    } else {
        None
    };
    shape.write(&mut out, node, conductor.as_deref(), &call.base);
    out
}

fn conductor_of(call: &Call, node: &Node) -> Option<String> {
    call.state
        .rpc
        .conductor_of(node.uuid, &node.driver, &node.conductor_group)
}
