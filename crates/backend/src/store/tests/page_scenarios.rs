//! Lists: the same pages in memory and in SQL, for every filter, order and page size.

use cupola_api::id::NodeId;
use cupola_api::node::{Fault, Node};
use cupola_api::state::power::PowerState;
use cupola_api::state::provision::ProvisionState;
use uuid::Uuid;

use super::node;
use crate::store::column::COLUMNS;
use crate::store::{
    Listed, NodeFilter, NodePage, Snapshot, SortDirection, SortKey, Store, StoreError,
};

/// Nodes that differ in everything that lists look at; many of them alike in each.
fn varied(n: u128) -> Node {
    let pick = |of: u128| (n / 3).is_multiple_of(of);
    let mut node = node(&format!("node-{:02}", n * 7 % 40));
    node.name = node.name.filter(|_| !n.is_multiple_of(5));
    node.driver = if pick(2) { "ipmi" } else { "fake-hardware" }.to_owned();
    node.chassis_uuid = pick(4).then(|| Uuid::from_u128(n % 2));
    node.instance_uuid = (n.is_multiple_of(3)).then(|| Uuid::from_u128(n));
    node.instance_name = (n.is_multiple_of(4)).then(|| format!("i{}", n % 8));
    node.maintenance = n % 4 == 1;
    node.retired = n % 6 == 1;
    node.provision_state = ProvisionState::ALL[n as usize % 5];
    node.power_state = [None, Some(PowerState::On), Some(PowerState::Off)][n as usize % 3];
    node.fault = (n.is_multiple_of(7)).then_some(Fault::PowerFailure);
    node.resource_class = (n.is_multiple_of(2)).then(|| ["a", "B", "ä"][n as usize % 3].to_owned());
    node.conductor_group = if n.is_multiple_of(5) { "rack1" } else { "" }.to_owned();
    node.owner = (n % 3 == 1).then(|| "alice".to_owned());
    node.lessee = (n % 4 == 1).then(|| "alice".to_owned());
    node.description = (n % 2 == 1).then(|| format!("100%_{n} Rack"));
    node.shard = (n % 3 == 2).then(|| format!("s{}", n % 4));
    node.parent_node = (n % 8 == 3).then(|| Uuid::from_u128(1));
    node.reservation = (n % 9 == 1).then(|| "host".to_owned());
    node
}

fn filters() -> Vec<NodeFilter> {
    let text = |t: &str| Some(t.to_owned());
    let mut out = vec![NodeFilter::default()];
    macro_rules! with {
        ($($field:ident: $value:expr),*) => {
            out.push(NodeFilter { $($field: $value,)* ..NodeFilter::default() })
        };
    }
    with!(chassis_uuid: Some(Uuid::from_u128(0)));
    with!(instance_uuid: Some(Uuid::from_u128(3)));
    with!(associated: Some(true));
    with!(associated: Some(false), maintenance: Some(false));
    with!(maintenance: Some(true));
    with!(provision_state: Some(ProvisionState::Manageable));
    with!(provision_states: vec![ProvisionState::Enroll, ProvisionState::Available]);
    with!(driver: text("ipmi"));
    with!(resource_class: text("ä"));
    with!(resource_class: text("' OR 1=1 --"));
    with!(fault: Some(Fault::PowerFailure));
    with!(fault: Some(Fault::CleanFailure));
    with!(conductor_group: text(""));
    with!(owner: text("alice"));
    with!(lessee: text("alice"));
    with!(project: text("alice"));
    with!(description_contains: text("%_"));
    with!(description_contains: text("rack"));
    with!(description_contains: text(""));
    with!(retired: Some(true));
    with!(shards: vec!["s0".to_owned(), "s1".to_owned()]);
    with!(sharded: Some(false));
    with!(parent_node: Some(Uuid::from_u128(1)));
    with!(hide_children: true, driver: text("ipmi"));
    with!(instance_name: text("i4"));
    with!(reserved_by: text("host"));
    out
}

/// What a filter means, told apart from the code that is tested.
fn matches(filter: &NodeFilter, node: &Node) -> bool {
    let project = |p: &String| node.owner.as_ref() == Some(p) || node.lessee.as_ref() == Some(p);
    let described = |part: &String| {
        let text = node.description.as_ref();
        text.is_some_and(|text| text.contains(part.as_str()))
    };
    let states = &filter.provision_states;
    let shard = node.shard.clone().unwrap_or_default();
    filter
        .chassis_uuid
        .is_none_or(|u| node.chassis_uuid == Some(u))
        && filter
            .instance_uuid
            .is_none_or(|u| node.instance_uuid == Some(u))
        && filter
            .parent_node
            .is_none_or(|u| node.parent_node == Some(u))
        && (!filter.hide_children || node.parent_node.is_none())
        && filter
            .associated
            .is_none_or(|a| node.instance_uuid.is_some() == a)
        && filter.sharded.is_none_or(|s| node.shard.is_some() == s)
        && filter.maintenance.is_none_or(|m| node.maintenance == m)
        && filter.retired.is_none_or(|r| node.retired == r)
        && filter
            .provision_state
            .is_none_or(|s| node.provision_state == s)
        && (states.is_empty() || states.contains(&node.provision_state))
        && (filter.shards.is_empty() || filter.shards.contains(&shard))
        && filter.fault.is_none_or(|f| node.fault == Some(f))
        && filter.driver.as_ref().is_none_or(|d| node.driver == *d)
        && filter
            .conductor_group
            .as_ref()
            .is_none_or(|g| node.conductor_group == *g)
        && [
            (&filter.resource_class, &node.resource_class),
            (&filter.owner, &node.owner),
            (&filter.lessee, &node.lessee),
            (&filter.instance_name, &node.instance_name),
            (&filter.reserved_by, &node.reservation),
        ]
        .iter()
        .all(|(wanted, is)| wanted.is_none() || wanted == is)
        && filter.project.as_ref().is_none_or(project)
        && filter.description_contains.as_ref().is_none_or(described)
}

fn whole(page: Vec<Listed>) -> Vec<std::sync::Arc<crate::store::StoredNode>> {
    page.iter().filter_map(Listed::node).collect()
}

fn ids(nodes: &[std::sync::Arc<crate::store::StoredNode>]) -> Vec<NodeId> {
    nodes.iter().map(|n| n.uuid).collect()
}

pub(super) async fn pages_are_the_same_in_memory_and_in_sql(store: Store) {
    let mut nodes = Vec::new();
    for n in 0..40 {
        nodes.push(store.create_node(varied(n)).await.expect("created"));
    }
    let memory = Snapshot::of(&nodes);
    let mut matched = 0;
    for filter in filters() {
        let want: Vec<_> = nodes
            .iter()
            .filter(|n| matches(&filter, n))
            .cloned()
            .collect();
        let page = NodePage {
            filter,
            ..NodePage::default()
        };
        let listed = store.list_nodes(&page).await.expect("a list");
        assert_eq!(ids(&listed), ids(&want), "{:?}", page.filter);
        let in_memory = memory.page(&page).map(whole);
        assert_eq!(in_memory.as_deref(), Some(&*want));
        matched += usize::from(!want.is_empty() && want.len() < nodes.len());
    }
    assert!(matched >= 22, "{matched} filters divide the nodes");

    let filter = NodeFilter {
        retired: Some(false),
        ..NodeFilter::default()
    };
    let sortable = COLUMNS.iter().filter_map(|c| SortKey::parse(c.name));
    for sort_key in sortable.chain([SortKey::CREATION]) {
        for direction in [SortDirection::Ascending, SortDirection::Descending] {
            let mut page = NodePage {
                filter: filter.clone(),
                sort_key,
                direction,
                ..NodePage::default()
            };
            let want = memory.page(&page).map(whole).expect("a list");
            page.limit = Some(11);
            let mut walked = Vec::new();
            loop {
                let listed = store.list_nodes(&page).await.expect("a page");
                let same = memory.page(&page).map(whole).expect("a page");
                assert_eq!(ids(&listed), ids(&same), "{page:?}");
                walked.extend(listed.iter().cloned());
                match listed.last() {
                    Some(last) if listed.len() == 11 => page.marker = Some(last.uuid),
                    _ => break,
                }
            }
            assert_eq!(ids(&walked), ids(&want), "{sort_key:?} {direction:?}");
        }
    }
}

pub(super) async fn an_unknown_marker_is_not_found(store: Store) {
    let page = NodePage {
        marker: Some(NodeId::random()),
        ..NodePage::default()
    };
    let error = store.list_nodes(&page).await.expect_err("unknown");
    assert!(matches!(error, StoreError::NotFound { what: "Node", .. }));
    for name in ["driver_info", "traits", "extra", "deploy_step", "nonsense"] {
        assert!(SortKey::parse(name).is_none(), "{name}");
    }
}
