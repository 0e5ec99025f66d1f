//! What of a node a caller may not see although it may see the node: its place is taken by a text that
//! names the rule. Secrets are masked for everybody, elsewhere.

use cupola_api::node::{Node, Object};
use cupola_api::policy::Rule;
use serde_json::Value;

use super::super::call::Call;
use crate::policy::Target;

/// Whether fields of nodes are asked for one by one.
pub(super) fn is_asked(call: &Call) -> bool {
    !call.may(Rule::NodeGetFilterThreshold, Target::default())
}

/// The node without what the caller may not see; none where it may see all.
pub(in super::super) fn one(call: &Call, node: &Node) -> Option<Node> {
    if call.may_on(Rule::NodeGetFilterThreshold, node) {
        return None;
    }
    let mut shown = node.clone();
    let hides = |rule| !call.may_on(rule, node);
    if node.last_error.is_some() && hides(Rule::NodeGetLastError) {
        shown.last_error = Some(
            "** Value Redacted - Requires baremetal:node:get:last_error permission. **".to_owned(),
        );
    }
    if node.reservation.is_some() && hides(Rule::NodeGetReservation) {
        shown.reservation =
            Some("** Redacted - requires baremetal:node:get:reservation permission. **".to_owned());
    }
    if hides(Rule::NodeGetDriverInternalInfo) {
        shown.driver_internal_info = content(
            "** Redacted - Requires baremetal:node:get:driver_internal_info permission. **",
        );
    }
    if hides(Rule::NodeGetDriverInfo) {
        shown.driver_info =
            content("** Redacted - requires baremetal:node:get:driver_info permission. **");
    }
    Some(shown)
}

fn content(text: &str) -> Object {
    Object::from_iter([("content".to_owned(), Value::from(text))])
}
