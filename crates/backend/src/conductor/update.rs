//! Changes that users make to nodes: the guards that need the lock (wire reference §8.3, §8.4), and
//! the change itself ([`super::changes`]).

use cupola_api::event::EventKind;
use cupola_api::fault::ApiFault;
use cupola_api::id::NodeId;
use cupola_api::node::Node;
use cupola_api::state::provision::ProvisionState as S;
use cupola_drivers::interface::InterfaceKind;

use super::Conductor;
use super::changes::Changes;
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
        let changes = Changes::between(before, &after)?;
        let hands_off = changes.names().all(|name| MAINTENANCE.contains(&name));
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
        changes: &Changes,
        after: Node,
        reset_interfaces: bool,
    ) -> Result<Node, ApiFault> {
        let now = held.work.node().await.map_err(WorkError::from)?;
        guard(&now, &after, changes)?;
        let mut wanted = changes.applied_to(&now)?;
        let mut changes = changes.clone();
        if changes.contains("conductor_group") {
            self.check_served(&wanted)?;
        }
        if touches_hardware(&changes) || reset_interfaces {
            self.registry()
                .hardware_type(&wanted.driver)
                .map_err(|_| unserved(&wanted))?;
            if reset_interfaces {
                for kind in InterfaceKind::ALL {
                    if !changes.contains(&format!("{kind}_interface")) {
                        *kind.slot(&mut wanted.interfaces) = None;
                    }
                }
            }
            self.registry()
                .choose_interfaces(&mut wanted, false)
                .map_err(|error| ApiFault::bad_request(error.to_string()))?;
            changes = Changes::between(&now, &wanted)?;
        }
        if changes.contains("instance_uuid") && wanted.instance_uuid.is_none() {
            held.work.end_allocation().await.map_err(WorkError::from)?;
        }
        self.write_changes(now.uuid, &changes, &wanted).await
    }

    async fn write_changes(
        &self,
        id: NodeId,
        changes: &Changes,
        after: &Node,
    ) -> Result<Node, ApiFault> {
        let work = super::work::Work::new(self.clone(), id);
        if changes.contains("traits") {
            let stored = self
                .store()
                .set_traits(id, &after.traits)
                .await
                .map_err(|error| store_fault(&error))?;
            self.events().node_changed(&stored);
        }
        let mut failed = None;
        let stored = work
            .modify(|node| match changes.applied_to(node) {
                Ok(merged) => *node = merged,
                Err(fault) => failed = Some(fault),
            })
            .await
            .map_err(WorkError::from)?;
        if let Some(fault) = failed {
            return Err(fault);
        }
        if changes.contains("maintenance") {
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
            let freed = self
                .store()
                .delete_node(id)
                .await
                .map_err(|error| store_fault(&error))?;
            for child in freed {
                self.events().node_changed(&child);
            }
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

fn touches_hardware(changes: &Changes) -> bool {
    changes.names().any(is_hardware)
}

fn is_hardware(name: &str) -> bool {
    name == "driver" || name.ends_with("_interface")
}

fn guard(now: &Node, after: &Node, changes: &Changes) -> Result<(), ApiFault> {
    let conflict = |text: String| Err(ApiFault::conflict(text));
    let state = now.provision_state;
    let open = matches!(
        state,
        S::Enroll | S::Inspecting | S::InspectWait | S::Manageable | S::Available
    );
    if changes.contains("protected") && after.protected && !matches!(state, S::Active | S::Rescue) {
        return conflict(format!(
            "Node {} can only be made protected in provision states 'active' or 'rescue', the current \
             state is '{state}'",
            now.uuid
        ));
    }
    if changes.contains("retired") && after.retired && state == S::Available {
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
        let is_changed = changes.contains(&format!("{flag}_reason"));
        if is_changed && !set && reason.as_deref().is_some_and(|r| !r.is_empty()) {
            return Err(ApiFault::bad_request(format!(
                "The {flag}_reason field can only be set when {flag} is True"
            )));
        }
    }
    if touches_hardware(changes) && !open && !now.maintenance {
        let mut names = changes.names().filter(|name| is_hardware(name));
        return conflict(format!(
            "Node {} can not have {} updated unless it is in one of allowed (enroll, inspecting, \
             inspect wait, manageable, available) states or in maintenance mode. Current state is '{}'.",
            now.uuid,
            names.next().unwrap_or("its driver"),
            state.as_str()
        ));
    }
    if let (true, Some(allocation)) = (changes.contains("instance_uuid"), now.allocation_uuid)
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
    if let (true, Some(instance)) = (changes.contains("instance_uuid"), now.instance_uuid)
        && after.instance_uuid.is_some()
    {
        return conflict(format!(
            "Node {} is associated with instance {instance}.",
            now.uuid
        ));
    }
    if changes.contains("resource_class") && now.resource_class.is_some() && !open {
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
