//! Which nodes fit, in which order, and the texts when none does.

use super::*;
use crate::store::{Progress, Revision};
use cupola_api::state::power::PowerState;

fn node(name: &str) -> Arc<StoredNode> {
    let mut node = Node::new(NodeId::random(), "fake-hardware".to_owned());
    node.name = Some(name.to_owned());
    node.provision_state = S::Available;
    node.power_state = Some(PowerState::On);
    node.traits = vec!["CUSTOM_A".to_owned()];
    Arc::new(StoredNode {
        node,
        row: 1,
        revision: Revision(1),
        progress: Progress::default(),
    })
}

fn allocation() -> Allocation {
    Allocation {
        resource_class: Some("bm".to_owned()),
        ..Allocation::default()
    }
}

#[test]
fn the_node_of_the_same_name_comes_first() {
    let nodes: Vec<_> = ["a", "b", "c", "d"].map(node).into();
    let named = Allocation {
        name: Some("c".to_owned()),
        ..allocation()
    };
    for _ in 0..8 {
        let order = order(&named, nodes.clone()).unwrap();
        assert_eq!(order.len(), 4);
        assert_eq!(order[0], nodes[2].uuid);
    }
}

#[test]
fn what_does_not_fit_is_told() {
    let one = node("a");
    let mut unknown_power = (*one).clone();
    unknown_power.node.power_state = None;
    let text = order(&allocation(), vec![Arc::new(unknown_power)]);
    let want = "no available nodes match the resource class bm";
    assert_eq!(text, Err(want.to_owned()));
    let chosen = Allocation {
        candidate_nodes: vec![NodeId::random()],
        ..allocation()
    };
    let want = "none of the requested nodes are available and match the resource class bm";
    assert_eq!(order(&chosen, vec![one.clone()]), Err(want.to_owned()));
    let picky = Allocation {
        traits: vec!["CUSTOM_A".to_owned(), "CUSTOM_B".to_owned()],
        ..allocation()
    };
    let want = "no suitable nodes have the requested traits CUSTOM_A, CUSTOM_B";
    assert_eq!(order(&picky, vec![one]), Err(want.to_owned()));
}

#[test]
fn each_node_has_its_reasons() {
    let mut one = (*node("a")).clone().node;
    one.resource_class = Some("bm".to_owned());
    assert_eq!(unfit(&allocation(), &one), Vec::<String>::new());
    let picky = Allocation {
        traits: vec!["CUSTOM_A".to_owned(), "CUSTOM_B".to_owned()],
        owner: Some("p1".to_owned()),
        ..allocation()
    };
    one.provision_state = S::Active;
    one.maintenance = true;
    one.power_state = None;
    one.resource_class = None;
    one.reservation = Some("c1".to_owned());
    assert_eq!(
        unfit(&picky, &one),
        [
            "it is active, not available",
            "it is in maintenance",
            "its power state is not known; see whether its BMC answers",
            "it has no resource class, bm is asked for",
            "neither its owner nor its lessee is the allocation's owner",
            "it lacks the traits CUSTOM_B",
            "it is locked by c1",
        ]
    );
}

#[test]
fn a_node_in_use_keeps_its_allocation() {
    let id = AllocationId::random();
    let mut node = (*node("a")).clone().node;
    assert_eq!(check_removal(id, &node), Ok(()));
    node.provision_state = S::Active;
    assert_eq!(check_removal(id, &node).map_err(|f| f.status), Err(409));
    node.provision_state = S::Deploying;
    node.target_provision_state = Some(S::Active);
    assert_eq!(check_removal(id, &node).map_err(|f| f.status), Err(409));
    node.maintenance = true;
    assert_eq!(check_removal(id, &node), Ok(()));
    node.maintenance = false;
    node.provision_state = S::DeployFailed;
    assert_eq!(check_removal(id, &node), Ok(()));
}
