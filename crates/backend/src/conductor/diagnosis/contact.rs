//! Which rung of the boot ladder a contact with the boot services reaches, or stands at when it
//! fails.

use cupola_api::Rung;
use cupola_drivers::boot::{BootContact, BootStage, ContactKind, IgnoreReason, TftpFailure};

/// The rung of a contact; none for one that says nothing of how far the machine has come.
pub(in crate::conductor) fn rung_of(contact: &BootContact) -> Option<Rung> {
    let stage = contact.client.as_ref().map(|client| client.stage);
    match &contact.kind {
        ContactKind::DhcpDiscover
        | ContactKind::DhcpOffer { .. }
        | ContactKind::ProxyDhcpOffer { .. } => Some(asks(stage)),
        ContactKind::DhcpRequest { .. } => None,
        ContactKind::DhcpAck { .. }
        | ContactKind::ProxyDhcpAck { .. }
        | ContactKind::DhcpTaken { .. } => Some(has_address(stage)),
        ContactKind::DhcpNak { .. }
        | ContactKind::DhcpOtherServer { .. }
        | ContactKind::DhcpDecline { .. } => Some(Rung::DhcpAck),
        ContactKind::DhcpIgnored { reason } => Some(match reason {
            IgnoreReason::UnknownMac => Rung::DhcpDiscover,
            _ => Rung::DhcpAck,
        }),
        // The machine is offered another address.
        ContactKind::DhcpConflict { .. } => None,
        ContactKind::DhcpRelease { .. } | ContactKind::TftpStarted { .. } => None,
        ContactKind::TftpDone { .. } => Some(Rung::Loader),
        // A ROM breaks a transfer off when it has learnt the size; that is no failure.
        ContactKind::TftpFailed { reason, .. } => match reason {
            TftpFailure::ClientError { .. } => None,
            _ => Some(Rung::Loader),
        },
        ContactKind::ScriptServed { .. } => Some(Rung::Script),
        ContactKind::HttpStarted { .. } => None,
        ContactKind::HttpDone { path, .. } => of_path(path),
    }
}

const fn asks(stage: Option<BootStage>) -> Rung {
    match stage {
        Some(BootStage::Ipxe) => Rung::Ipxe,
        Some(BootStage::System) => Rung::Kernel,
        Some(BootStage::PxeRom | BootStage::HttpRom) | None => Rung::DhcpDiscover,
    }
}

const fn has_address(stage: Option<BootStage>) -> Rung {
    match stage {
        Some(BootStage::PxeRom | BootStage::HttpRom) | None => Rung::DhcpAck,
        stage => asks(stage),
    }
}

fn of_path(path: &str) -> Option<Rung> {
    if path.starts_with("/loaders/") {
        return Some(Rung::Loader);
    }
    // The kernel comes first; only with the ramdisk is there something to start.
    match path.rsplit('/').next() {
        Some("ramdisk") => Some(Rung::Ramdisk),
        _ => None,
    }
}
