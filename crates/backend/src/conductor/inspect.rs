//! Inspection: from the verb over the ramdisk's inventory to `manageable`, or to `inspect failed`.

use cupola_api::agent::LookupAnswer;
use cupola_api::cupola::Waiting;
use cupola_api::event::{BootService, EventKind, Severity};
use cupola_api::fault::ApiFault;
use cupola_api::id::{NodeId, PortId};
use cupola_api::node::Object;
use cupola_api::port::Port;
use cupola_api::state::provision::{ProvisionState, ProvisionVerb};
use cupola_api::state::transition::{Actor, Event};
use cupola_api::{MacAddress, Rung};
use cupola_drivers::agent::fast_track;
use cupola_drivers::interface::{
    Changes, DriverError, FoundPort, Hardware, Inspect, Inspection, InspectionStart, Task,
};
use jiff::Timestamp;
use serde_json::Value;
use std::sync::Arc;

use super::Conductor;
use super::diagnosis::Situation;
use super::error::{WorkError, WorkResult, store_fault};
use super::locks::Held;
use super::logs::Ended;
use super::wait::after;
use super::work::Work;
use crate::store::StoreError;

impl Conductor {
    pub(super) async fn start_inspect(&self, held: &Held) -> Result<(), ApiFault> {
        let work = &held.work;
        let (task, hardware) = work.hardware().await?;
        let checked = hardware
            .power
            .validate(&task)
            .and_then(|()| inspect_of(&task, &hardware)?.validate(&task, &hardware));
        checked.map_err(|error| {
            let text = format!(
                "Failed to validate inspection or power info for node {}. Error: {error}",
                work.id()
            );
            let status = if error.is_bad_request() { 400 } else { 500 };
            ApiFault::new(status, text)
        })?;
        let verb = ProvisionVerb::Inspect;
        work.transition(verb.event(), Actor::User, verb.as_str(), |node| {
            node.last_error = None;
            Changes::none().without_agent().apply(node);
        })
        .await?;
        Ok(())
    }

    /// Takes what a ramdisk has found; the work on it goes on after the answer.
    pub(super) async fn take_inspection(
        &self,
        id: Option<NodeId>,
        data: Object,
    ) -> Result<LookupAnswer, ApiFault> {
        let addresses = addresses_in(&data);
        let nobody = || ApiFault::not_found("Resource could not be found.");
        let id = self.find_node(&addresses, id).await.map_err(|_| nobody())?;
        let node = self.store().node_by_id(id).await.map_err(WorkError::from)?;
        // A quick machine posts before the work that started it has said that it waits: that work
        // still holds the lock, and is over when the lock is had.
        if !matches!(
            node.provision_state,
            ProvisionState::InspectWait | ProvisionState::Inspecting
        ) {
            return Err(nobody());
        }
        let worker = self.inner.workers.for_request()?;
        let held = self.lock(id).await?;
        let answer = match self.resume_inspection(&held, &addresses).await {
            Ok(Some(answer)) => answer,
            Ok(None) => {
                self.release(held).await;
                return Err(nobody());
            }
            Err(fault) => {
                self.release(held).await;
                return Err(fault);
            }
        };
        self.spawn(held, worker, |work| async move {
            work.process_inspection(data).await;
        });
        Ok(answer)
    }

    /// Takes the node out of its wait for an inventory; none when it does not wait for one.
    async fn resume_inspection(
        &self,
        held: &Held,
        addresses: &[MacAddress],
    ) -> Result<Option<LookupAnswer>, ApiFault> {
        let work = &held.work;
        let node = work.node().await.map_err(WorkError::from)?;
        if node.provision_state != ProvisionState::InspectWait {
            return Ok(None);
        }
        let answer = self.lookup_answer(work.id()).await?;
        work.publish(EventKind::BootContact {
            service: BootService::Lookup,
            mac: addresses.first().copied(),
            message: "agent posted its inventory".to_owned(),
            ok: true,
            rung: Some(Rung::Lookup),
        });
        let cause = "inventory has come";
        work.transition(Event::Resume, Actor::Conductor, cause, |_| {})
            .await?;
        Ok(Some(answer))
    }
}

fn inspect_of(task: &Task, hardware: &Hardware) -> Result<Arc<dyn Inspect>, DriverError> {
    hardware
        .inspect
        .clone()
        .ok_or_else(|| DriverError::Unsupported {
            driver: task.node().driver.clone(),
            what: "inspect".to_owned(),
        })
}

fn addresses_in(data: &Object) -> Vec<MacAddress> {
    data.get("inventory")
        .and_then(|inventory| inventory.get("interfaces"))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|interface| interface.get("mac_address"))
        .filter_map(Value::as_str)
        .filter_map(|mac| mac.parse().ok())
        .collect()
}

impl Work {
    pub(super) async fn run_inspect(&self) {
        let started = async {
            let (task, hardware) = self.hardware().await?;
            let inspect = inspect_of(&task, &hardware)?;
            match inspect.start(&task, &hardware).await? {
                InspectionStart::Done(found) => self.keep_inspection(*found).await,
                InspectionStart::Wait { what } => self.wait_for_inventory(what).await,
            }
        };
        if let Err(error) = started.await {
            let text = self.explained(&error.to_string(), Situation::Failed).await;
            self.fail_inspect(&text).await;
        }
    }

    async fn wait_for_inventory(&self, what: String) -> WorkResult<()> {
        let since = Timestamp::now();
        let limit = self.conductor().options().inspect_wait_timeout;
        let waiting = Waiting {
            what,
            since,
            deadline: after(since, limit),
        };
        self.set_progress(Some(waiting), None).await?;
        self.transition(Event::Wait, Actor::Conductor, "waits", |_| {})
            .await?;
        Ok(())
    }

    async fn process_inspection(&self, data: Object) {
        let logs = data
            .get("logs")
            .map(|logs| Object::from_iter([("logs".to_owned(), logs.clone())]))
            .unwrap_or_default();
        let processed = async {
            let (task, hardware) = self.hardware().await?;
            let inspect = inspect_of(&task, &hardware)?;
            let found = inspect.process(&task, &hardware, data).await?;
            inspect.clean_up(&task, &hardware).await?;
            self.keep_inspection(found).await
        };
        let processed = processed.await;
        let ended = if processed.is_ok() {
            Ended::Well
        } else {
            Ended::Badly
        };
        let kept = self.keep_inspection_logs(&logs, ended).await;
        if let Err(error) = processed {
            if !kept {
                self.collect_logs("inspect", ended).await;
            }
            let text = format!("Failed to finish inspection: {error}");
            let text = self.explained(&text, Situation::Failed).await;
            self.clean_up_inspect().await;
            self.fail_inspect(&text).await;
        }
    }

    async fn keep_inspection(&self, mut found: Inspection) -> WorkResult<()> {
        for port in &found.ports {
            self.keep_port(port).await?;
        }
        let mut inspected = self.node().await?.node.clone();
        found.changes.apply(&mut inspected);
        let applied = self.apply_rules(&inspected, &mut found.inventory).await?;
        if !found.inventory.inventory.is_empty() {
            self.conductor()
                .store()
                .put_inventory(self.id(), &found.inventory)
                .await?;
        }
        self.set_progress(None, None).await?;
        let (node, registry) = (self.node().await?, self.conductor().registry());
        let is_left = fast_track::is_able(&node, &registry.settings().agent);
        let changes = if is_left {
            found.changes
        } else {
            found.changes.without_agent()
        };
        self.keep_applied(&applied).await?;
        self.transition(Event::Done, Actor::Conductor, "inspected", |node| {
            changes.apply(node);
            applied.apply(node);
        })
        .await?;
        Ok(())
    }

    async fn keep_port(&self, found: &FoundPort) -> WorkResult<()> {
        let store = self.conductor().store();
        match store.port_by_address(found.address).await? {
            Some(known) if known.node_uuid == self.id() => {
                if known.pxe_enabled != found.pxe_enabled {
                    let port = Port {
                        pxe_enabled: found.pxe_enabled,
                        ..known
                    };
                    store.save_port(&port).await?;
                }
            }
            Some(other) => self.log(
                Severity::Warning,
                format!(
                    "address {} was found and belongs to node {} already; no port was made",
                    found.address, other.node_uuid
                ),
            ),
            None => {
                let mut port = Port::new(PortId::random(), self.id(), found.address);
                port.pxe_enabled = found.pxe_enabled;
                store.create_port(port).await?;
                self.log(Severity::Info, format!("port {} made", found.address));
            }
        }
        Ok(())
    }

    pub(super) async fn fail_inspect(&self, text: &str) {
        if self.is_stopping() {
            return;
        }
        self.fail("introspection", text, |node| {
            Changes::none().without_agent().apply(node);
        })
        .await;
    }

    pub(super) async fn clean_up_inspect(&self) {
        let cleaned = async {
            let (task, hardware) = self.hardware().await?;
            inspect_of(&task, &hardware)?
                .clean_up(&task, &hardware)
                .await?;
            WorkResult::Ok(())
        };
        if let Err(error) = cleaned.await {
            self.log(
                Severity::Warning,
                format!("could not clean up after the inspection: {error}"),
            );
        }
    }
}

impl Conductor {
    /// The one node that an agent runs on, by its identifier or by the addresses of its ports.
    pub(super) async fn find_node(
        &self,
        addresses: &[MacAddress],
        id: Option<NodeId>,
    ) -> Result<NodeId, ApiFault> {
        if let Some(id) = id {
            let node = self.store().node_by_id(id).await;
            return node.map(|node| node.uuid).map_err(|e| store_fault(&e));
        }
        let found = self
            .store()
            .nodes_with_addresses(addresses)
            .await
            .map_err(|error: StoreError| store_fault(&error))?;
        match found.as_slice() {
            [id] => Ok(*id),
            _ => Err(ApiFault::not_found("Resource could not be found.")),
        }
    }
}
