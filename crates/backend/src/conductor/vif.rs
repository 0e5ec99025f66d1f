//! Virtual network interfaces (VIFs) of nodes: which port or port group carries which (wire
//! reference §11.6). With network interface `flat` an attachment is a note at the port or group that
//! whoever plumbs the network reads; with `noop` there is nothing to note.

use cupola_api::fault::ApiFault;
use cupola_api::id::NodeId;
use cupola_api::node::{Node, Object};
use cupola_api::port::{ATTACHED_VIF, Port, attached_vif};
use cupola_api::portgroup::Portgroup;
use cupola_api::resource::VifRequest;
use serde_json::Value;
use uuid::Uuid;

use super::Conductor;
use super::error::{WorkError, store_fault};
use crate::store::{Cell, Only, Store, StoreError};

/// What can carry a VIF.
#[derive(Clone, Debug)]
enum Carrier {
    Port(Port),
    Portgroup(Portgroup),
}

impl Carrier {
    fn uuid(&self) -> Uuid {
        match self {
            Self::Port(port) => port.uuid.0,
            Self::Portgroup(group) => group.uuid.0,
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Port(_) => "Port",
            Self::Portgroup(_) => "Portgroup",
        }
    }

    fn vif(&self) -> Option<&str> {
        match self {
            Self::Port(port) => attached_vif(&port.internal_info),
            Self::Portgroup(group) => attached_vif(&group.internal_info),
        }
    }

    /// Which is taken first of several: groups before ports, and of these the ones that boot.
    const fn rank(&self) -> u8 {
        match self {
            Self::Portgroup(_) => 0,
            Self::Port(port) if port.pxe_enabled => 1,
            Self::Port(_) => 2,
        }
    }

    async fn note(self, store: &Store, vif: Option<&str>) -> Result<(), StoreError> {
        let write = |info: &mut Object| match vif {
            Some(vif) => {
                info.insert(ATTACHED_VIF.to_owned(), Value::from(vif));
            }
            None => {
                info.shift_remove(ATTACHED_VIF);
            }
        };
        match self {
            Self::Port(mut port) => {
                write(&mut port.internal_info);
                store.save_port(&port).await.map(drop)
            }
            Self::Portgroup(mut group) => {
                write(&mut group.internal_info);
                store.save_document(group).await.map(drop)
            }
        }
    }
}

impl Conductor {
    pub(super) async fn attach_to(&self, id: NodeId, request: &VifRequest) -> Result<(), ApiFault> {
        let held = self.lock(id).await?;
        let attached = match held.work.node().await {
            Ok(node) => attach(self.store(), &node, request).await,
            Err(error) => Err(WorkError::from(error).into()),
        };
        self.release(held).await;
        attached
    }

    pub(super) async fn detach_from(&self, id: NodeId, vif: &str) -> Result<(), ApiFault> {
        let held = self.lock(id).await?;
        let detached = match held.work.node().await {
            Ok(node) => detach(self.store(), &node, vif).await,
            Err(error) => Err(WorkError::from(error).into()),
        };
        self.release(held).await;
        detached
    }
}

fn keeps_notes(node: &Node) -> bool {
    node.interfaces.network_interface.as_deref() == Some("flat")
}

/// Ports, then port groups of a node, each in the order of creation.
async fn carriers(store: &Store, node: NodeId) -> Result<Vec<Carrier>, StoreError> {
    let of_node = Only::Is("node_uuid", Cell::text(node.to_string()));
    let ports = store.ports_of(node).await?;
    let groups = store.documents::<Portgroup>(&[of_node]).await?;
    let ports = ports.into_iter().map(Carrier::Port);
    Ok(ports
        .chain(groups.into_iter().map(Carrier::Portgroup))
        .collect())
}

/// The VIFs that are attached to a node.
pub(crate) async fn list(store: &Store, node: &Node) -> Result<Vec<String>, ApiFault> {
    if !keeps_notes(node) {
        return Ok(Vec::new());
    }
    let carriers = carriers(store, node.uuid).await;
    let carriers = carriers.map_err(|error| store_fault(&error))?;
    let vifs = carriers.iter().filter_map(Carrier::vif);
    Ok(vifs.map(str::to_owned).collect())
}

/// Attaches a VIF. The caller holds the node.
pub(crate) async fn attach(
    store: &Store,
    node: &Node,
    request: &VifRequest,
) -> Result<(), ApiFault> {
    if !keeps_notes(node) {
        return Ok(());
    }
    let carriers = carriers(store, node.uuid).await;
    let carriers = carriers.map_err(|error| store_fault(&error))?;
    let carrier = choose(carriers, request)?;
    let noted = carrier.note(store, Some(&request.id)).await;
    noted.map_err(|error| store_fault(&error))
}

/// Detaches a VIF. The caller holds the node.
pub(crate) async fn detach(store: &Store, node: &Node, vif: &str) -> Result<(), ApiFault> {
    if !keeps_notes(node) {
        return Ok(());
    }
    let carriers = carriers(store, node.uuid).await;
    let carriers = carriers.map_err(|error| store_fault(&error))?;
    let carrier = carriers.into_iter().find(|c| c.vif() == Some(vif));
    let carrier = carrier.ok_or_else(|| {
        ApiFault::bad_request(format!(
            "Unable to detach VIF {vif} from node {} because it is not attached to it.",
            node.uuid
        ))
    })?;
    let noted = carrier.note(store, None).await;
    noted.map_err(|error| store_fault(&error))
}

/// Detaches everything from a node whose instance is gone. The caller holds the node.
pub(crate) async fn detach_all(store: &Store, node: &Node) -> Result<(), StoreError> {
    if !keeps_notes(node) {
        return Ok(());
    }
    for carrier in carriers(store, node.uuid).await? {
        if carrier.vif().is_some() {
            carrier.note(store, None).await?;
        }
    }
    Ok(())
}

/// What is to carry the VIF. A group counts when it has ports and none of them carries a VIF by
/// itself; then its ports do not count. Ports of a group that is in use like that do.
fn choose(carriers: Vec<Carrier>, request: &VifRequest) -> Result<Carrier, ApiFault> {
    let vif = &request.id;
    if let Some(holder) = carriers.iter().find(|c| c.vif() == Some(vif)) {
        return Err(ApiFault::conflict(format!(
            "Unable to attach VIF because VIF {vif} is already attached to Ironic {} {}",
            holder.kind(),
            holder.uuid()
        )));
    }
    let members = |group: &Portgroup, is_free: bool| {
        carriers.iter().any(|carrier| match carrier {
            Carrier::Port(port) => {
                port.portgroup_uuid == Some(group.uuid.0) && carrier.vif().is_none() == is_free
            }
            Carrier::Portgroup(_) => false,
        })
    };
    let group_of = |port: &Port| {
        carriers.iter().find_map(|carrier| match carrier {
            Carrier::Portgroup(group) => {
                (port.portgroup_uuid == Some(group.uuid.0)).then_some(group)
            }
            Carrier::Port(_) => None,
        })
    };
    let is_free = |carrier: &&Carrier| {
        carrier.vif().is_none()
            && match carrier {
                Carrier::Portgroup(group) => members(group, true) && !members(group, false),
                Carrier::Port(port) => group_of(port).is_none_or(|group| members(group, false)),
            }
    };
    let is_wanted = |carrier: &&Carrier| match (carrier, &request.port, &request.portgroup) {
        (_, None, None) => true,
        (Carrier::Port(_), Some(wanted), _) | (Carrier::Portgroup(_), _, Some(wanted)) => {
            Uuid::try_parse(wanted).is_ok_and(|wanted| wanted == carrier.uuid())
        }
        (Carrier::Port(_) | Carrier::Portgroup(_), ..) => false,
    };
    let free = carriers.iter().filter(is_free).filter(is_wanted);
    free.min_by_key(|carrier| carrier.rank())
        .cloned()
        .ok_or_else(|| {
            ApiFault::bad_request(format!(
                "Unable to attach VIF {vif}, not enough free physical ports."
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use cupola_api::{MacAddress, PortId};

    fn request(id: &str) -> VifRequest {
        VifRequest {
            id: id.to_owned(),
            port: None,
            portgroup: None,
        }
    }

    fn port(node: NodeId, group: Option<&Portgroup>, pxe: bool, vif: Option<&str>) -> Port {
        let mut port = Port::new(PortId::random(), node, MacAddress::new([2; 6]));
        port.portgroup_uuid = group.map(|g| g.uuid.0);
        port.pxe_enabled = pxe;
        if let Some(vif) = vif {
            port.internal_info
                .insert(ATTACHED_VIF.to_owned(), Value::from(vif));
        }
        port
    }

    #[test]
    fn groups_come_before_ports_and_ports_that_boot_before_others() {
        let node = NodeId::random();
        let (group, empty) = (Portgroup::new(node), Portgroup::new(node));
        let alone = port(node, None, false, None);
        let boots = port(node, None, true, None);
        let member = port(node, Some(&group), true, None);
        let chosen = |carriers: &[Carrier]| {
            choose(carriers.to_vec(), &request("v")).map(|carrier| carrier.uuid())
        };
        let ports = [&alone, &boots, &member].map(|p| Carrier::Port(p.clone()));
        let mut all = ports.to_vec();
        all.push(Carrier::Portgroup(empty));
        all.push(Carrier::Portgroup(group.clone()));
        assert_eq!(chosen(&all), Ok(group.uuid.0));
        assert_eq!(chosen(&ports[..2]), Ok(boots.uuid.0));
        assert_eq!(chosen(&ports[..1]), Ok(alone.uuid.0));
        let full = chosen(&[]).map_err(|fault| fault.status);
        assert_eq!(full, Err(400));

        // A group of which one port is in use by itself is not touched, its other ports are.
        let taken = port(node, Some(&group), true, Some("w"));
        let carriers = [
            Carrier::Port(taken.clone()),
            Carrier::Port(member.clone()),
            Carrier::Portgroup(group.clone()),
        ];
        assert_eq!(chosen(&carriers), Ok(member.uuid.0));
        let again = choose(carriers.to_vec(), &request("w")).map_err(|f| (f.status, f.message));
        let text = format!(
            "Unable to attach VIF because VIF w is already attached to Ironic Port {}",
            taken.uuid
        );
        assert_eq!(again.map(|_| ()), Err((409, text)));

        let mut named = request("v");
        named.port = Some(alone.uuid.to_string());
        let found = choose(all.clone(), &named).map(|carrier| carrier.uuid());
        assert_eq!(found, Ok(alone.uuid.0));
        named.port = Some(member.uuid.to_string());
        assert!(choose(all, &named).is_err(), "its group is to be used");
    }
}
