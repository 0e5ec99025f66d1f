//! `validate`: each interface says whether it has what it needs. No BMC is asked.

use cupola_api::fault::ApiFault;
use cupola_api::id::NodeId;
use cupola_api::resource::{Validation, Validations};
use cupola_drivers::interface::{DriverError, InterfaceKind};

use super::Conductor;
use super::work::Work;

impl Conductor {
    pub(super) async fn validate_node(&self, id: NodeId) -> Result<Validations, ApiFault> {
        let work = Work::new(self.clone(), id);
        let (task, hardware) = work.hardware().await?;
        let node = task.node();
        let mut validations = Validations::new();
        let kinds = InterfaceKind::ALL
            .iter()
            .copied()
            .filter(|kind| *kind != InterfaceKind::Vendor);
        for kind in kinds {
            let name = kind.of(&node.interfaces).unwrap_or_default();
            let checked = match kind {
                InterfaceKind::Power => hardware.power.validate(&task),
                InterfaceKind::Management => hardware.management.validate(&task),
                InterfaceKind::Boot => hardware.boot.validate(&task),
                InterfaceKind::Deploy => hardware.deploy.validate(&task, &hardware).await,
                InterfaceKind::Inspect => match &hardware.inspect {
                    Some(inspect) => inspect.validate(&task, &hardware),
                    None => Err(unsupported(&node.driver, kind)),
                },
                InterfaceKind::Rescue => match &hardware.rescue {
                    Some(rescue) => rescue.validate(&task, &hardware),
                    None => Err(unsupported(&node.driver, kind)),
                },
                InterfaceKind::Bios | InterfaceKind::Firmware => {
                    let found = match kind {
                        InterfaceKind::Bios => &hardware.bios,
                        _ => &hardware.firmware,
                    };
                    match found {
                        Some(configuration) => configuration.validate(&task),
                        None => Err(unsupported(&node.driver, kind)),
                    }
                }
                InterfaceKind::Network | InterfaceKind::Storage => Ok(()),
                InterfaceKind::Console | InterfaceKind::Raid | InterfaceKind::Vendor => {
                    if name.starts_with("no-") {
                        Err(unsupported(&node.driver, kind))
                    } else {
                        Ok(())
                    }
                }
            };
            let validation = match checked {
                Ok(()) => Validation {
                    result: Some(true),
                    reason: None,
                },
                Err(error) => Validation {
                    result: Some(false),
                    reason: Some(error.to_string()),
                },
            };
            validations.insert(kind.to_string(), validation);
        }
        Ok(validations)
    }
}

fn unsupported(driver: &str, kind: InterfaceKind) -> DriverError {
    DriverError::Unsupported {
        driver: driver.to_owned(),
        what: kind.to_string(),
    }
}
