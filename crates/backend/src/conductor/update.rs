//! Changes that users make to nodes: the guards that need the lock (wire reference §8.3, §8.4), and
//! the change itself, member by member over the node as it is then.

use cupola_api::event::EventKind;
use cupola_api::fault::ApiFault;
use cupola_api::id::NodeId;
use cupola_api::node::{Node, Object};
use cupola_api::state::provision::ProvisionState as S;
use cupola_drivers::interface::InterfaceKind;
use serde_json::Value;

use super::Conductor;
use super::error::{WorkError, store_fault};
use super::locks::Held;

/// Members that may be set whoever holds the node: saying "hands off" must always be possible.
const MAINTENANCE: &[&str] = &["maintenance", "maintenance_reason", "fault"];

fn unserved(node: &Node) -> ApiFault {
    ApiFault::bad_request(format!(
        "No valid host was found. Reason: No conductor service registered which supports driver {} \
         for conductor group \"{}\". Ensure the driver is valid and enabled.",
        node.driver, node.conductor_group
    ))
}

impl Conductor {
    /// Chooses the interfaces of a node that is about to be enrolled.
    pub(super) fn choose_interfaces(&self, node: &mut Node) -> Result<(), ApiFault> {
        self.check_served(node)?;
        self.registry()
            .choose_interfaces(node, false)
            .map_err(|error| ApiFault::bad_request(error.to_string()))
    }

    /// Refuses a node whose driver and group no conductor has.
    fn check_served(&self, node: &Node) -> Result<(), ApiFault> {
        let group = node.conductor_group.to_ascii_lowercase();
        let served = self.registry().hardware_type(&node.driver).is_ok()
            && group == self.options().group.to_ascii_lowercase();
        served.then_some(()).ok_or_else(|| unserved(node))
    }

    pub(super) async fn change_node(
        &self,
        before: &Node,
        after: Node,
        reset_interfaces: bool,
    ) -> Result<Node, ApiFault> {
        let changes = differences(before, &after)?;
        let hands_off = changes
            .keys()
            .all(|key| MAINTENANCE.contains(&key.as_str()));
        if hands_off && !changes.is_empty() {
            return self.write_changes(before.uuid, &changes, &after).await;
        }
        let held = self.lock(before.uuid).await?;
        let changed = self
            .change_held(&held, &changes, after, reset_interfaces)
            .await;
        self.release(held).await;
        changed
    }

    async fn change_held(
        &self,
        held: &Held,
        changes: &Object,
        after: Node,
        reset_interfaces: bool,
    ) -> Result<Node, ApiFault> {
        let now = held.work.node().await.map_err(WorkError::from)?;
        guard(&now, &after, changes)?;
        let mut wanted = merged(&now, changes)?;
        let mut changes = changes.clone();
        if changes.contains_key("conductor_group") {
            self.check_served(&wanted)?;
        }
        if touches_hardware(&changes) || reset_interfaces {
            self.registry()
                .hardware_type(&wanted.driver)
                .map_err(|_| unserved(&wanted))?;
            if reset_interfaces {
                for kind in InterfaceKind::ALL {
                    if !changes.contains_key(&format!("{kind}_interface")) {
                        *kind.slot(&mut wanted.interfaces) = None;
                    }
                }
            }
            self.registry()
                .choose_interfaces(&mut wanted, false)
                .map_err(|error| ApiFault::bad_request(error.to_string()))?;
            changes = differences(&now, &wanted)?;
        }
        if changes.contains_key("instance_uuid") && wanted.instance_uuid.is_none() {
            held.work.end_allocation().await.map_err(WorkError::from)?;
        }
        self.write_changes(now.uuid, &changes, &wanted).await
    }

    async fn write_changes(
        &self,
        id: NodeId,
        changes: &Object,
        after: &Node,
    ) -> Result<Node, ApiFault> {
        let work = super::work::Work::new(self.clone(), id);
        if changes.contains_key("traits") {
            let stored = self
                .store()
                .set_traits(id, &after.traits)
                .await
                .map_err(|error| store_fault(&error))?;
            self.events().node_changed(&stored);
        }
        let mut failed = None;
        let stored = work
            .modify(|node| match merged(node, changes) {
                Ok(merged) => *node = merged,
                Err(fault) => failed = Some(fault),
            })
            .await
            .map_err(WorkError::from)?;
        if let Some(fault) = failed {
            return Err(fault);
        }
        if changes.contains_key("maintenance") {
            work.publish(EventKind::Maintenance {
                on: stored.maintenance,
                reason: stored.maintenance_reason.clone(),
            });
        }
        Ok(stored.node.clone())
    }

    pub(super) async fn delete_node(&self, id: NodeId) -> Result<(), ApiFault> {
        let held = self.lock(id).await?;
        let deleted = async {
            let node = held.work.node().await.map_err(WorkError::from)?;
            guard_delete(&node, self.options().allow_deleting_available_nodes)?;
            self.store()
                .delete_node(id)
                .await
                .map_err(|error| store_fault(&error))?;
            Ok::<_, ApiFault>(node.name.clone())
        };
        match deleted.await {
            Ok(name) => {
                self.inner.power_failures.lock().remove(&id);
                self.inner.progress.lock().remove(&id);
                self.end_recording(id);
                self.events()
                    .publish(Some(id), EventKind::NodeDeleted { name });
                Ok(())
            }
            Err(fault) => {
                self.release(held).await;
                Err(fault)
            }
        }
    }
}

fn object(node: &Node) -> Result<Object, ApiFault> {
    match serde_json::to_value(node) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Ok(Object::new()),
        Err(error) => Err(ApiFault::internal(error.to_string())),
    }
}

/// The members that differ, with their new values.
pub(super) fn differences(before: &Node, after: &Node) -> Result<Object, ApiFault> {
    let before = object(before)?;
    Ok(object(after)?
        .into_iter()
        .filter(|(key, value)| before.get(key) != Some(value))
        .collect())
}

/// The node with these members in place of its own.
pub(super) fn merged(node: &Node, changes: &Object) -> Result<Node, ApiFault> {
    let mut object = object(node)?;
    object.extend(changes.clone());
    serde_json::from_value(Value::Object(object))
        .map_err(|error| ApiFault::bad_request(error.to_string()))
}

fn touches_hardware(changes: &Object) -> bool {
    changes.keys().any(|key| is_hardware(key))
}

fn is_hardware(name: &str) -> bool {
    name == "driver" || name.ends_with("_interface")
}

fn guard(now: &Node, after: &Node, changes: &Object) -> Result<(), ApiFault> {
    let conflict = |text: String| Err(ApiFault::conflict(text));
    let state = now.provision_state;
    let open = matches!(
        state,
        S::Enroll | S::Inspecting | S::InspectWait | S::Manageable | S::Available
    );
    if changes.contains_key("protected")
        && after.protected
        && !matches!(state, S::Active | S::Rescue)
    {
        return conflict(format!(
            "Node {} can only be made protected in provision states 'active' or 'rescue', the current \
             state is '{state}'",
            now.uuid
        ));
    }
    if changes.contains_key("retired") && after.retired && state == S::Available {
        return conflict(format!(
            "Node {} can not have 'retired' set in provision state 'available', the current state is \
             '{state}'",
            now.uuid
        ));
    }
    for (reason, flag, set) in [
        (&after.protected_reason, "protected", after.protected),
        (&after.retired_reason, "retired", after.retired),
    ] {
        let is_changed = changes.contains_key(&format!("{flag}_reason"));
        if is_changed && !set && reason.as_deref().is_some_and(|r| !r.is_empty()) {
            return Err(ApiFault::bad_request(format!(
                "The {flag}_reason field can only be set when {flag} is True"
            )));
        }
    }
    if touches_hardware(changes) && !open && !now.maintenance {
        let mut names = changes.keys().filter(|name| is_hardware(name));
        return conflict(format!(
            "Node {} can not have {} updated unless it is in one of allowed (enroll, inspecting, \
             inspect wait, manageable, available) states or in maintenance mode. Current state is '{}'.",
            now.uuid,
            names.next().map_or("its driver", String::as_str),
            state.as_str()
        ));
    }
    if let (true, Some(allocation)) = (changes.contains_key("instance_uuid"), now.allocation_uuid)
        && after.instance_uuid.is_none()
        && !open
        && !now.maintenance
    {
        return conflict(format!(
            "Cannot remove instance_uuid of node {} with allocation {allocation} while it is in \
             state \"{state}\"; undeploy the node, or set it into maintenance mode first.",
            now.uuid
        ));
    }
    if let (true, Some(instance)) = (changes.contains_key("instance_uuid"), now.instance_uuid)
        && after.instance_uuid.is_some()
    {
        return conflict(format!(
            "Node {} is associated with instance {instance}.",
            now.uuid
        ));
    }
    if changes.contains_key("resource_class") && now.resource_class.is_some() && !open {
        return conflict(format!(
            "Node {} can not have resource_class updated unless it is in one of allowed (enroll, \
             inspecting, inspect wait, manageable, available) states.",
            now.uuid
        ));
    }
    Ok(())
}

fn guard_delete(node: &Node, allow_available: bool) -> Result<(), ApiFault> {
    if node.protected {
        return Err(ApiFault::new(
            403,
            format!(
                "Node {} is protected and cannot be undeployed, rebuilt or deleted",
                node.uuid
            ),
        ));
    }
    if node.maintenance {
        return Ok(());
    }
    if let Some(instance) = node.instance_uuid {
        return Err(ApiFault::conflict(format!(
            "Node {} is associated with instance {instance}.",
            node.uuid
        )));
    }
    let allowed = match node.provision_state {
        S::Enroll | S::Manageable | S::AdoptFailed => true,
        S::Available => allow_available,
        _ => false,
    };
    if allowed {
        return Ok(());
    }
    Err(ApiFault::conflict(format!(
        "Can not delete node \"{}\" while it is in provision state \"{}\". Valid provision states \
         to perform deletion are: enroll, manageable, adopt failed, available. Setting maintenance \
         mode allows deletion in any state.",
        node.uuid, node.provision_state
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moved_meanwhile_is_kept() {
        let before = Node::default();
        let mut after = before.clone();
        after.description = Some("rack 5".to_owned());
        let mut now = before.clone();
        now.provision_state = S::Available;
        now.driver_internal_info
            .insert("agent_url".to_owned(), Value::from("x"));
        let merged = merged(&now, &differences(&before, &after).unwrap()).unwrap();
        assert_eq!(merged.provision_state, S::Available);
        assert_eq!(merged.description.as_deref(), Some("rack 5"));
        assert!(merged.driver_internal_info.contains_key("agent_url"));
    }
}
