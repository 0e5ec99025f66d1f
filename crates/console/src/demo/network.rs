//! The demo's provisioning network: loopback, on ports that the kernel gives.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use cupola_backend::service::Service;
use cupola_rack::firmware::{Downloads, FirmwareTiming};
use cupola_rack::machine::MachineNetwork;

/// How long a simulated machine's self-test takes; a real one's takes minutes.
const SELF_TEST: Duration = Duration::from_millis(700);

/// Ports of the boot services on loopback; 0 lets the kernel choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BootPorts {
    /// DHCP, UDP.
    pub dhcp: u16,
    /// TFTP, UDP.
    pub tftp: u16,
    /// HTTP, TCP.
    pub http: u16,
}

/// The configuration that makes loopback a provisioning network, as `section.key=value`.
#[must_use]
pub fn overrides(state_directory: &Path, ports: BootPorts) -> Vec<String> {
    let file = |name: &str| state_directory.join(name).display().to_string();
    [
        ("boot.enabled", "true".to_owned()),
        ("boot.address", "127.0.0.1".to_owned()),
        ("boot.network", "127.64.0.0/16".to_owned()),
        ("boot.pool_first", "127.64.1.1".to_owned()),
        ("boot.pool_last", "127.64.250.250".to_owned()),
        ("boot.dhcp_listen", format!("127.0.0.1:{}", ports.dhcp)),
        ("boot.dhcp_answer_to_source", "true".to_owned()),
        ("boot.tftp_listen", format!("127.0.0.1:{}", ports.tftp)),
        ("boot.http_listen", format!("127.0.0.1:{}", ports.http)),
        ("boot.deploy_kernel", file("deploy.kernel")),
        ("boot.deploy_ramdisk", file("deploy.initrd")),
        ("ipmi.min_command_interval", "0".to_owned()),
        (
            "agent.post_deploy_get_power_state_retry_interval",
            "1".to_owned(),
        ),
    ]
    .into_iter()
    .map(|(key, value)| format!("{key}={value}"))
    .collect()
}

/// Writes what stands for kernel and ramdisk: simulated machines download and then discard them.
///
/// # Errors
/// When the files cannot be written.
pub fn write_ramdisk(state_directory: &Path) -> std::io::Result<()> {
    for (name, mib) in [("deploy.kernel", 1), ("deploy.initrd", 4)] {
        std::fs::File::create(state_directory.join(name))?.set_len(mib << 20)?;
    }
    Ok(())
}

/// Where the service's boot services are, for the rack's machines.
pub(super) fn of(service: &Service) -> Option<MachineNetwork> {
    let boot = service.boot()?;
    Some(machine_network(
        boot.dhcp_address()?,
        boot.tftp_address()?.port(),
    ))
}

/// A network whose boot services are there.
#[must_use]
pub fn machine_network(dhcp_server: SocketAddr, tftp_port: u16) -> MachineNetwork {
    MachineNetwork {
        dhcp_server,
        tftp_port,
        downloads: Downloads::Full,
        timing: FirmwareTiming::quick(),
        self_test: SELF_TEST,
    }
}
