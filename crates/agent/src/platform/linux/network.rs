//! Network interfaces from `/sys/class/net`: those with hardware behind them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use cupola_api::agent::NetworkInterface;
use nix::ifaddrs::getifaddrs;

use super::super::PlatformError;
use super::sys::SysRoot;

/// `IFF_UP` of netdevice(7).
const INTERFACE_UP: u32 = 1;

/// The interfaces, sorted by name.
pub(super) fn interfaces(root: &SysRoot) -> Vec<NetworkInterface> {
    let addresses = addresses();
    root.names("sys/class/net")
        .into_iter()
        .filter_map(|name| {
            let directory = Path::new("sys/class/net").join(&name);
            // Bridges, bonds, tunnels and the loopback have no device.
            if !root.path(directory.join("device")).exists() {
                return None;
            }
            interface(
                root,
                &name,
                &directory,
                addresses.get(&name).map_or(&[], Vec::as_slice),
            )
        })
        .collect()
}

/// Takes down every interface with hardware behind it.
///
/// # Errors
/// The first one that stays up; the others are tried all the same.
pub(super) fn take_down(root: &SysRoot) -> Result<(), PlatformError> {
    let mut outcome = Ok(());
    for name in root.names("sys/class/net") {
        let directory = Path::new("sys/class/net").join(&name);
        if !root.path(directory.join("device")).exists() {
            continue;
        }
        // The kernel takes the flags of netdevice(7) in this file, as SIOCSIFFLAGS does.
        let file = root.path(directory.join("flags"));
        let flags = root
            .text(directory.join("flags"))
            .and_then(|text| u32::from_str_radix(text.trim_start_matches("0x"), 16).ok())
            .unwrap_or_default();
        if let Err(error) = std::fs::write(&file, format!("{:#x}", flags & !INTERFACE_UP)) {
            outcome = Err(PlatformError::io(format!("taking {name} down"), error));
        }
    }
    outcome
}

fn interface(
    root: &SysRoot,
    name: &str,
    directory: &Path,
    addresses: &[IpAddr],
) -> Option<NetworkInterface> {
    let file = |name: &str| root.text(directory.join(name));
    let link = |name: &str| {
        let target = std::fs::canonicalize(root.path(directory.join("device").join(name))).ok()?;
        target.file_name()?.to_str().map(str::to_owned)
    };
    let mac = file("address")?.to_lowercase();
    let ipv4 = addresses.iter().find(|address| address.is_ipv4());
    let routable =
        |address: &&IpAddr| matches!(address, IpAddr::V6(v6) if !v6.is_unicast_link_local());
    let ipv6 = addresses
        .iter()
        .find(routable)
        .or_else(|| addresses.iter().find(|address| address.is_ipv6()));
    // The device of a virtio interface is the virtio one; its parent is the PCI function.
    let device = std::fs::canonicalize(root.path(directory.join("device"))).unwrap_or_default();
    let pci = device.ancestors().find_map(|path| {
        let name = path.file_name()?.to_str()?;
        (name.len() == 12 && name.contains('.')).then(|| (path.to_owned(), name.to_owned()))
    });
    let pci_file = |name: &str| {
        let (path, _) = pci.as_ref()?;
        std::fs::read_to_string(path.join(name))
            .ok()
            .map(|text| text.trim().to_owned())
    };
    Some(NetworkInterface {
        name: name.to_owned(),
        mac_address: mac,
        ipv4_address: ipv4.map(IpAddr::to_string),
        ipv6_address: ipv6.map(IpAddr::to_string),
        // Reading it fails while the interface is down.
        has_carrier: file("carrier").as_deref() == Some("1"),
        vendor: pci_file("vendor"),
        product: pci_file("device"),
        speed_mbps: root
            .number::<i64>(directory.join("speed"))
            .and_then(|it| it.try_into().ok()),
        pci_address: pci.as_ref().map(|(_, address)| address.clone()),
        driver: link("driver"),
        ..NetworkInterface::default()
    })
}

fn addresses() -> BTreeMap<String, Vec<IpAddr>> {
    let mut addresses: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
    for interface in getifaddrs().into_iter().flatten() {
        let Some(address) = interface.address else {
            continue;
        };
        let ip = match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
            (Some(v4), _) => IpAddr::V4(v4.ip()),
            (None, Some(v6)) => IpAddr::V6(v6.ip()),
            (None, None) => continue,
        };
        addresses
            .entry(interface.interface_name)
            .or_default()
            .push(ip);
    }
    addresses
}
