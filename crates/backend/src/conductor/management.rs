//! The smaller requests on a machine: an interrupt, boot mode, Secure Boot, the RAID configuration to
//! be made, the console.

use cupola_api::agent::BootMode;
use cupola_api::fault::ApiFault;
use cupola_api::id::NodeId;
use cupola_api::node::{Node, Object};
use cupola_api::resource::VirtualMedia;
use cupola_drivers::interface::{DriverError, Lamp};

use super::Conductor;
use super::error::{WorkError, WorkResult};
use super::rpc::ANSWER_LIMIT;
use super::work::Work;
use crate::notifications::Status;

/// A change of what the machine's firmware or BMC is set to.
#[derive(Clone, Debug)]
pub(super) enum FirmwareChange {
    BootMode(BootMode),
    SecureBoot(bool),
    /// An image into a virtual drive, or all of them emptied.
    VirtualMedia(Option<VirtualMedia>),
}

impl FirmwareChange {
    /// What failed, when it did.
    fn failed(&self) -> String {
        match self {
            Self::BootMode(mode) => format!("Failed to change boot mode to '{}'", mode.as_str()),
            Self::SecureBoot(on) => {
                let word = if *on { "True" } else { "False" };
                format!("Failed to change secure_boot state to '{word}'")
            }
            Self::VirtualMedia(Some(media)) => {
                format!("Failed to attach virtual media to device {}", media.device)
            }
            Self::VirtualMedia(None) => "Failed to detach virtual media".to_owned(),
        }
    }
}

impl Conductor {
    pub(super) async fn interrupt(&self, id: NodeId) -> Result<(), ApiFault> {
        let held = self.lock(id).await?;
        let sent = async {
            let (task, hardware) = held.work.hardware().await?;
            let task = task.within(ANSWER_LIMIT);
            hardware.management.validate(&task)?;
            hardware.management.inject_nmi(&task).await?;
            Ok::<_, WorkError>(())
        }
        .await;
        self.release(held).await;
        Ok(sent?)
    }

    pub(super) async fn switch_lamp(&self, id: NodeId, lamp: &Lamp<'_>) -> Result<(), ApiFault> {
        let held = self.lock(id).await?;
        let switched = async {
            let (task, hardware) = held.work.hardware().await?;
            let task = task.within(ANSWER_LIMIT);
            hardware.management.set_indicator(&task, lamp).await?;
            Ok::<_, WorkError>(())
        }
        .await;
        self.release(held).await;
        Ok(switched?)
    }

    pub(super) async fn start_firmware_change(
        &self,
        id: NodeId,
        change: FirmwareChange,
    ) -> Result<(), ApiFault> {
        let worker = self.inner.workers.for_request()?;
        let held = self.lock(id).await?;
        match prepare(&held.work).await {
            Ok(()) => {
                self.spawn(held, worker, move |work| async move {
                    work.change_firmware(change).await;
                });
                Ok(())
            }
            Err(error) => {
                self.release(held).await;
                Err(error.into())
            }
        }
    }

    pub(super) async fn keep_raid_target(&self, id: NodeId, raid: Object) -> Result<(), ApiFault> {
        let held = self.lock(id).await?;
        let kept = async {
            let node = held.work.node().await?;
            let interface = node.interfaces.raid_interface.as_deref();
            if !raid.is_empty() && interface.is_none_or(|name| name == "no-raid") {
                return Err(unsupported(&node, "raid").into());
            }
            let keep = |node: &mut Node| node.target_raid_config.clone_from(&raid);
            held.work.modify(keep).await?;
            Ok::<_, WorkError>(())
        }
        .await;
        self.release(held).await;
        Ok(kept?)
    }

    pub(super) async fn console_of(&self, id: NodeId) -> Result<Option<Object>, ApiFault> {
        let node = self.store().node_by_id(id).await.map_err(WorkError::from)?;
        check_console(&node)?;
        Ok(node.console_enabled.then(Object::new))
    }

    pub(super) async fn switch_console(&self, id: NodeId, enabled: bool) -> Result<(), ApiFault> {
        let held = self.lock(id).await?;
        let switched = async {
            let node = held.work.node().await?;
            check_console(&node)?;
            if node.console_enabled != enabled {
                let switch = |node: &mut Node| {
                    node.console_enabled = enabled;
                    node.last_error = None;
                };
                let notifier = held.work.notifier();
                notifier.console(&node, Status::Start);
                match held.work.modify(switch).await {
                    Ok(switched) => notifier.console(&switched, Status::End),
                    Err(error) => {
                        notifier.console(&node, Status::Error);
                        return Err(error.into());
                    }
                }
            }
            Ok::<_, WorkError>(())
        }
        .await;
        self.release(held).await;
        Ok(switched?)
    }
}

/// A console of a machine that is none has nothing to be reached by; of real ones nobody serves the
/// stream yet.
fn check_console(node: &Node) -> Result<(), WorkError> {
    match node.interfaces.console_interface.as_deref() {
        Some("fake") => Ok(()),
        Some(_) | None => Err(unsupported(node, "console").into()),
    }
}

fn unsupported(node: &Node, what: &str) -> DriverError {
    DriverError::Unsupported {
        driver: node.driver.clone(),
        what: what.to_owned(),
    }
}

async fn prepare(work: &Work) -> WorkResult<()> {
    let (task, hardware) = work.hardware().await?;
    hardware.management.validate(&task)?;
    work.modify(|node| node.last_error = None).await?;
    Ok(())
}

impl Work {
    async fn change_firmware(&self, change: FirmwareChange) {
        let Err(error) = self.try_firmware(&change).await else {
            return;
        };
        if !self.is_stopping() {
            let text = format!("{}: {error}", change.failed());
            self.note_error("UNKNOWN", &text).await;
        }
    }

    async fn try_firmware(&self, change: &FirmwareChange) -> WorkResult<()> {
        let (task, hardware) = self.hardware().await?;
        let task = task.within(ANSWER_LIMIT);
        match change {
            FirmwareChange::BootMode(mode) => {
                hardware.management.set_boot_mode(&task, *mode).await?;
                let name = mode.as_str().to_owned();
                self.modify(|node| node.boot_mode = Some(name.clone()))
                    .await?;
            }
            FirmwareChange::SecureBoot(on) => {
                hardware.management.set_secure_boot(&task, *on).await?;
                self.modify(|node| node.secure_boot = Some(*on)).await?;
            }
            FirmwareChange::VirtualMedia(Some(media)) => {
                hardware
                    .management
                    .attach_virtual_media(&task, media)
                    .await?;
            }
            FirmwareChange::VirtualMedia(None) => {
                hardware.management.detach_virtual_media(&task).await?;
            }
        }
        Ok(())
    }
}
