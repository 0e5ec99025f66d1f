//! A runbook in a provision request: whether it may be used on the node, and its steps put in the
//! place of those that the request would list (wire reference §10.3).

use cupola_api::Microversion;
use cupola_api::fault::ApiFault;
use cupola_api::node::Node;
use cupola_api::resource::ProvisionRequest;
use cupola_api::runbook::Runbook;
use cupola_api::state::provision::ProvisionVerb;
use serde_json::{Value, json};

use super::super::repr::repr_list;

/// Puts the steps of a runbook into the request.
///
/// # Errors
/// The node is none of those that the runbook is for, or the request lists steps itself.
pub(in super::super) fn apply(
    runbook: &Runbook,
    node: &Node,
    verb: ProvisionVerb,
    version: Microversion,
    request: &mut ProvisionRequest,
) -> Result<(), ApiFault> {
    check_traits(runbook, node, version)?;
    let (slot, name) = if verb == ProvisionVerb::Service {
        (&mut request.service_steps, "service_steps")
    } else {
        (&mut request.clean_steps, "clean_steps")
    };
    if slot.as_ref().is_some_and(|steps| !steps.is_empty()) {
        return Err(ApiFault::bad_request(format!(
            "Please provide either \"{name}\" or a runbook, but not both."
        )));
    }
    *slot = Some(in_order(runbook));
    request.disable_ramdisk = Some(runbook.disable_ramdisk);
    Ok(())
}

fn check_traits(runbook: &Runbook, node: &Node, version: Microversion) -> Result<(), ApiFault> {
    let has = |name: &String| node.traits.contains(name);
    if version < Microversion::new(112) {
        if has(&runbook.name) {
            return Ok(());
        }
        return Err(ApiFault::bad_request(format!(
            "This runbook has not been approved for use on this node {}. Please ask an administrator \
             to add it to your node traits.",
            node.uuid
        )));
    }
    if runbook.traits.is_empty() {
        return Err(ApiFault::bad_request(format!(
            "Runbook {} has no traits configured. Please ask an administrator to add traits to the \
             runbook.",
            runbook.uuid
        )));
    }
    if runbook.traits.iter().any(has) {
        return Ok(());
    }
    let traits = repr_list(runbook.traits.iter().map(String::as_str));
    Err(ApiFault::bad_request(format!(
        "This runbook has not been approved for use on this node {}. The node does not have any of \
         the runbook's traits {traits}. Please ask an administrator to add a matching trait to your \
         node.",
        node.uuid
    )))
}

/// The steps as a request would list them, in the order in which they run.
fn in_order(runbook: &Runbook) -> Vec<Value> {
    let mut steps: Vec<_> = runbook.steps.iter().collect();
    steps.sort_by_key(|step| step.order);
    let listed = steps
        .iter()
        .map(|s| json!({ "interface": s.interface, "step": s.step, "args": s.args }));
    listed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cupola_api::id::{NodeId, RunbookId};
    use cupola_api::node::Object;
    use cupola_api::runbook::RunbookStep;

    fn runbook(traits: &[&str]) -> Runbook {
        let step = |name: &str, order| RunbookStep {
            interface: "deploy".to_owned(),
            step: name.to_owned(),
            args: Object::new(),
            order,
        };
        Runbook {
            uuid: RunbookId::random(),
            name: "CUSTOM_BOOK".to_owned(),
            steps: vec![step("second", 7), step("first", 1)],
            disable_ramdisk: true,
            extra: Object::new(),
            public: false,
            owner: None,
            description: None,
            traits: traits.iter().map(ToString::to_string).collect(),
            created_at: None,
            updated_at: None,
        }
    }

    fn used(runbook: &Runbook, traits: &[&str], minor: u16) -> Result<ProvisionRequest, String> {
        let mut node = Node::new(NodeId::random(), "ipmi".to_owned());
        node.traits = traits.iter().map(ToString::to_string).collect();
        let mut request = ProvisionRequest::default();
        let version = Microversion::new(minor);
        let verb = ProvisionVerb::Clean;
        apply(runbook, &node, verb, version, &mut request).map_err(|f| f.message)?;
        Ok(request)
    }

    #[test]
    fn the_steps_come_in_their_order() {
        let request = used(&runbook(&["CUSTOM_A"]), &["CUSTOM_A"], 112).unwrap();
        let steps = request.clean_steps.unwrap();
        assert_eq!(steps[0]["step"], "first");
        assert_eq!(steps[1]["step"], "second");
        assert_eq!(request.disable_ramdisk, Some(true));
    }

    #[test]
    fn the_node_must_be_one_that_it_is_for() {
        let none = used(&runbook(&[]), &["CUSTOM_A"], 112);
        assert!(none.unwrap_err().contains("has no traits configured"));
        let other = used(&runbook(&["CUSTOM_B"]), &["CUSTOM_A"], 112);
        assert!(other.unwrap_err().contains("['CUSTOM_B']"));
        // Before, its name was the trait.
        assert!(used(&runbook(&[]), &["CUSTOM_BOOK"], 111).is_ok());
        assert!(used(&runbook(&["CUSTOM_A"]), &["CUSTOM_A"], 111).is_err());
    }

    #[test]
    fn steps_of_the_request_are_refused() {
        let node = Node {
            traits: vec!["CUSTOM_A".to_owned()],
            ..Node::default()
        };
        let mut request = ProvisionRequest {
            clean_steps: Some(vec![json!({})]),
            ..ProvisionRequest::default()
        };
        let book = runbook(&["CUSTOM_A"]);
        let newest = Microversion::MAX;
        let done = apply(&book, &node, ProvisionVerb::Clean, newest, &mut request);
        assert!(done.is_err_and(|f| f.message.contains("but not both")));
    }
}
