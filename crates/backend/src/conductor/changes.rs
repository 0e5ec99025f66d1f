//! What is changed in a node: the members that differ between the node as it was read and as it is
//! wanted. They are put into the node as it is when its lock is held, so that two who change
//! different keys of one object (`extra`, `properties`, `driver_info` …) both keep what they wrote.

use cupola_api::fault::ApiFault;
use cupola_api::node::{Node, Object};
use serde_json::Value;

/// The members that differ: what they were, and what they are to be.
#[derive(Debug, Clone, Default)]
pub(super) struct Changes {
    before: Object,
    wanted: Object,
}

impl Changes {
    /// What has to be changed in `before` for it to become `after`.
    pub(super) fn between(before: &Node, after: &Node) -> Result<Self, ApiFault> {
        let (mut before, mut wanted) = (object(before)?, object(after)?);
        wanted.retain(|name, value| before.get(name) != Some(value));
        before.retain(|name, _| wanted.contains_key(name));
        Ok(Self { before, wanted })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.wanted.contains_key(name)
    }

    /// The names of the members that differ.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.wanted.keys().map(String::as_str)
    }

    /// Takes a member out; whether it was there.
    pub(super) fn take(&mut self, name: &str) -> bool {
        self.before.shift_remove(name);
        self.wanted.shift_remove(name).is_some()
    }

    /// The node with the changes made in it. Of objects those keys alone are touched that differ;
    /// lists and all else are replaced as a whole.
    pub(super) fn applied_to(&self, node: &Node) -> Result<Node, ApiFault> {
        let mut object = object(node)?;
        merge_members(&self.before, &self.wanted, &mut object);
        serde_json::from_value(Value::Object(object))
            .map_err(|error| ApiFault::bad_request(error.to_string()))
    }
}

fn object(node: &Node) -> Result<Object, ApiFault> {
    match serde_json::to_value(node) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Ok(Object::new()),
        Err(error) => Err(ApiFault::internal(error.to_string())),
    }
}

fn merge_members(before: &Object, wanted: &Object, now: &mut Object) {
    now.retain(|name, _| wanted.contains_key(name) || !before.contains_key(name));
    for (name, value) in wanted {
        let was = before.get(name);
        if was == Some(value) {
            continue;
        }
        match (was, value, now.get_mut(name)) {
            (Some(Value::Object(was)), Value::Object(value), Some(Value::Object(now))) => {
                merge_members(was, value, now);
            }
            _ => {
                now.insert(name.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cupola_api::state::provision::ProvisionState;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn extra(extra: Value) -> Node {
        let mut node = Node::default();
        if let Value::Object(extra) = extra {
            node.extra = extra;
        }
        node
    }

    fn merged(before: Value, wanted: Value, now: Value) -> Value {
        let changes = Changes::between(&extra(before), &extra(wanted)).unwrap();
        Value::Object(changes.applied_to(&extra(now)).unwrap().extra)
    }

    #[test]
    fn what_moved_meanwhile_is_kept() {
        let before = Node::default();
        let mut after = before.clone();
        after.description = Some("rack 5".to_owned());
        let mut now = before.clone();
        now.provision_state = ProvisionState::Available;
        now.driver_internal_info
            .insert("agent_url".to_owned(), Value::from("x"));
        let changes = Changes::between(&before, &after).unwrap();
        let merged = changes.applied_to(&now).unwrap();
        assert_eq!(merged.provision_state, ProvisionState::Available);
        assert_eq!(merged.description.as_deref(), Some("rack 5"));
        assert!(merged.driver_internal_info.contains_key("agent_url"));
    }

    #[test]
    fn keys_that_others_wrote_meanwhile_are_kept() {
        let now = json!({"old": 1, "theirs": 2, "deep": {"a": 1, "theirs": 2}});
        let before = json!({"old": 1, "deep": {"a": 1}});
        let wanted = json!({"mine": 3, "deep": {"a": 1, "mine": 3}});
        assert_eq!(
            merged(before, wanted, now),
            json!({"theirs": 2, "deep": {"a": 1, "theirs": 2, "mine": 3}, "mine": 3})
        );
    }

    #[test]
    fn a_key_that_both_wrote_is_the_last_ones() {
        assert_eq!(
            merged(json!({"k": 1}), json!({"k": [2]}), json!({"k": [3, 4]})),
            json!({"k": [2]})
        );
        assert_eq!(
            merged(
                json!({"k": {"a": 1}}),
                json!({"k": 2}),
                json!({"k": {"a": 3}})
            ),
            json!({"k": 2})
        );
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = (0..3_i64).prop_map(Value::from);
        let tree = leaf.prop_recursive(3, 12, 3, |inner| {
            proptest::collection::btree_map("[abc]", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect()))
        });
        proptest::collection::btree_map("[abc]", tree, 0..4)
            .prop_map(|members| Value::Object(members.into_iter().collect()))
    }

    proptest! {
        /// Where nobody else changed anything the result is what was wanted; where nothing was
        /// wanted it is what others made of it.
        #[test]
        fn one_who_is_alone_gets_what_was_wanted(before in values(), other in values()) {
            prop_assert_eq!(merged(before.clone(), other.clone(), before.clone()), other.clone());
            prop_assert_eq!(merged(before.clone(), before, other.clone()), other);
        }
    }
}
