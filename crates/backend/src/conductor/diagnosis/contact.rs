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
        ContactKind::TftpDone { file, .. } => of_file(file),
        // A ROM breaks a transfer off when it has learnt the size; that is no failure.
        ContactKind::TftpFailed { file, reason, .. } => match reason {
            TftpFailure::ClientError { .. } => None,
            _ => of_file(file),
        },
        ContactKind::ScriptServed { .. } => Some(Rung::Script),
        ContactKind::HttpStarted { .. } => None,
        ContactKind::HttpDone { path, .. } if is_of_boot(path) => of_file(path),
        ContactKind::HttpDone { .. } => None,
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

/// Whether the path belongs to a boot; images do not.
fn is_of_boot(path: &str) -> bool {
    ["/boot/", "/loaders/", "/grub/"]
        .iter()
        .any(|prefix| path.starts_with(prefix))
}

/// The rung that a file is, over TFTP or HTTP: GRUB fetches all of them by either.
fn of_file(path: &str) -> Option<Rung> {
    match path.rsplit('/').next() {
        Some("ramdisk") => Some(Rung::Ramdisk),
        // The kernel comes first; only with the ramdisk is there something to start.
        Some("kernel") => None,
        Some("script.ipxe" | "grub.cfg") => Some(Rung::Script),
        Some(_) | None => Some(Rung::Loader),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_rungs_whoever_fetches_them() {
        for (file, rung) in [
            ("undionly.kpxe", Some(Rung::Loader)),
            ("/loaders/ipxe.efi", Some(Rung::Loader)),
            ("/boot/52:54:00:00:00:01/grub.cfg", Some(Rung::Script)),
            ("boot/52:54:00:00:00:01/kernel", None),
            ("boot/52:54:00:00:00:01/ramdisk", Some(Rung::Ramdisk)),
        ] {
            assert_eq!(of_file(file), rung, "{file}");
        }
        assert!(!is_of_boot("/images/ramdisk"));
    }
}
