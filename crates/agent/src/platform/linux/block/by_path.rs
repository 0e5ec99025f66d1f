//! Where a disk is attached, from its place below `/sys/devices`: the name udev would give it in
//! `/dev/disk/by-path`, its SCSI address, its transport.

use std::path::Path;

/// What the place says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) by_path: Option<String>,
    pub(super) hctl: Option<String>,
    pub(super) transport: Option<&'static str>,
}

impl Place {
    /// Reads a path such as `/sys/devices/pci0000:00/0000:00:05.0/virtio1/host2/target2:0:0/2:0:0:0/block/sda`.
    pub(super) fn of(path: &Path) -> Self {
        let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
        let last = |found: &dyn Fn(&str) -> bool| parts.iter().rev().copied().find(|it| found(it));
        let pci = last(&is_pci_address);
        let hctl = last(&is_hctl).map(str::to_owned);
        let ata = last(&|part| part.strip_prefix("ata").is_some_and(is_number));
        let namespace = parts
            .last()
            .copied()
            .filter(|name| name.starts_with("nvme"));
        let has = |prefix: &str| parts.iter().any(|part| part.starts_with(prefix));
        let transport = if namespace.is_some() {
            Some("nvme")
        } else if ata.is_some() {
            Some("sata")
        } else if has("usb") {
            Some("usb")
        } else if has("session") {
            Some("iscsi")
        } else if has("rport-") {
            Some("fc")
        } else if has("end_device-") {
            Some("sas")
        } else if has("virtio") {
            Some("virtio")
        } else {
            None
        };
        let tail = match (namespace, ata, &hctl) {
            (Some(name), _, _) => nvme_namespace(name).map(|id| format!("-nvme-{id}")),
            (None, Some(ata), _) => Some(format!("-{}", ata.replacen("ata", "ata-", 1))),
            // Host numbers depend on the order of drivers: udev counts from the controller's first.
            (None, None, Some(hctl)) => hctl
                .split_once(':')
                .map(|(_, rest)| format!("-scsi-0:{rest}")),
            (None, None, None) => Some(String::new()),
        };
        let by_path = pci.zip(tail).map(|(pci, tail)| format!("pci-{pci}{tail}"));
        Self {
            by_path,
            hctl,
            transport,
        }
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `2:0:0:0`.
fn is_hctl(part: &str) -> bool {
    part.split(':').count() == 4 && part.split(':').all(is_number)
}

/// `0000:00:05.0`.
fn is_pci_address(part: &str) -> bool {
    let shape = part
        .bytes()
        .map(|byte| if byte.is_ascii_hexdigit() { b'x' } else { byte });
    shape.eq(b"xxxx:xx:xx.x".iter().copied())
}

/// `nvme0n1` → 1.
fn nvme_namespace(name: &str) -> Option<&str> {
    name.rsplit_once('n')
        .map(|(_, id)| id)
        .filter(|id| is_number(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_named_as_udev_names_them() {
        let pci = "/sys/devices/pci0000:00/0000:00:05.0";
        for (tail, by_path, hctl, transport) in [
            (
                "virtio1/host2/target2:0:0/2:0:0:3/block/sda",
                "pci-0000:00:05.0-scsi-0:0:0:3",
                Some("2:0:0:3"),
                "virtio",
            ),
            ("virtio2/block/vda", "pci-0000:00:05.0", None, "virtio"),
            (
                "ata1/host0/target0:0:0/0:0:0:0/block/sda",
                "pci-0000:00:05.0-ata-1",
                Some("0:0:0:0"),
                "sata",
            ),
            (
                "nvme/nvme0/nvme0n1",
                "pci-0000:00:05.0-nvme-1",
                None,
                "nvme",
            ),
        ] {
            let place = Place::of(Path::new(&format!("{pci}/{tail}")));
            assert_eq!(place.by_path.as_deref(), Some(by_path), "{tail}");
            assert_eq!(place.hctl.as_deref(), hctl, "{tail}");
            assert_eq!(place.transport, Some(transport), "{tail}");
        }
        assert_eq!(Place::of(Path::new("/")), Place::default());
    }
}
