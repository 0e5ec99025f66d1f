//! The network of a QEMU rack: a namespace with a provisioning bridge and BMC addresses.
//!
//! Inside: the bridge `provisioning`, one tap per machine on it, and one address per BMC on the
//! loopback device. A pair of virtual Ethernet devices joins the namespace to the host, so that a
//! test can reach the service's API from outside. Deleting the namespace removes all of it.

mod stale;

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use tokio::process::Command;

use super::NetworkHost;
use super::error::{QemuError, tail};

/// How long one `ip` command may take.
const COMMAND_DEADLINE: Duration = Duration::from_secs(10);

/// The bridge inside the namespace.
pub(super) const BRIDGE: &str = "provisioning";

/// The network that machines boot from.
#[derive(Debug, Clone, Copy)]
pub struct ProvisioningNetwork {
    /// Address of the bridge: the service listens here.
    pub server: Ipv4Addr,
    /// Bits of the network part.
    pub prefix: u8,
}

impl Default for ProvisioningNetwork {
    fn default() -> Self {
        Self {
            server: Ipv4Addr::new(10, 77, 0, 1),
            prefix: 24,
        }
    }
}

/// A network namespace that is removed when this value is dropped.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    network: ProvisioningNetwork,
    inside: Ipv4Addr,
}

impl Namespace {
    /// Makes the namespace, its bridge and its link to the host.
    ///
    /// # Errors
    ///
    /// [`QemuError::Failed`] with what `ip` said, mostly because the caller is not root.
    pub async fn create(network: ProvisioningNetwork) -> Result<Self, QemuError> {
        stale::remove().await;
        let number = next_number();
        let process = std::process::id();
        let (outside, inside) = link_addresses(process, number);
        let name = stale::name(process, number);
        ip(&["netns", "add", &name]).await?;
        // From here on a failure drops `namespace`, which removes what was made.
        let namespace = Self {
            name,
            network,
            inside,
        };
        let (host_end, inner_end) = (format!("cup{process}h{number}"), "uplink");
        let server = format!("{}/{}", network.server, network.prefix);
        namespace.ip(&["link", "set", "lo", "up"]).await?;
        namespace
            .ip(&[
                "link",
                "add",
                BRIDGE,
                "type",
                "bridge",
                "forward_delay",
                "0",
                "mcast_snooping",
                "0",
            ])
            .await?;
        namespace
            .ip(&["addr", "add", &server, "dev", BRIDGE])
            .await?;
        namespace.ip(&["link", "set", BRIDGE, "up"]).await?;
        ip(&[
            "link",
            "add",
            &host_end,
            "type",
            "veth",
            "peer",
            "name",
            inner_end,
            "netns",
            &namespace.name,
        ])
        .await?;
        ip(&["addr", "add", &format!("{outside}/30"), "dev", &host_end]).await?;
        ip(&["link", "set", &host_end, "up"]).await?;
        namespace
            .ip(&["addr", "add", &format!("{inside}/30"), "dev", inner_end])
            .await?;
        namespace.ip(&["link", "set", inner_end, "up"]).await?;
        Ok(namespace)
    }

    /// The namespace's name, as `ip netns` lists it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The provisioning network.
    #[must_use]
    pub fn network(&self) -> ProvisioningNetwork {
        self.network
    }

    /// The device that the provisioning network is on, inside the namespace.
    #[must_use]
    pub fn bridge(&self) -> &'static str {
        BRIDGE
    }

    /// The address under which the host reaches the namespace.
    #[must_use]
    pub fn address_from_host(&self) -> Ipv4Addr {
        self.inside
    }

    /// A command that will run inside the namespace and is killed when its child is dropped.
    #[must_use]
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.name])
            .arg(program)
            .kill_on_drop(true);
        command
    }

    /// Moves the calling thread into the namespace for the rest of its life: sockets that it opens
    /// from then on are the namespace's. For a thread that runs a service under test.
    ///
    /// # Errors
    ///
    /// [`QemuError::File`] when the thread may not.
    pub fn enter(&self) -> Result<(), QemuError> {
        let path = Path::new("/run/netns").join(&self.name);
        let file = File::open(&path).map_err(QemuError::file(&path))?;
        setns(file, CloneFlags::CLONE_NEWNET).map_err(|errno| QemuError::file(&path)(errno.into()))
    }

    /// Makes a tap on the bridge and returns its name.
    ///
    /// # Errors
    ///
    /// [`QemuError::Failed`] when the kernel refuses it.
    pub async fn add_tap(&self, number: usize) -> Result<String, QemuError> {
        let name = format!("machine{number}");
        self.ip(&["tuntap", "add", &name, "mode", "tap"]).await?;
        self.ip(&["link", "set", &name, "master", BRIDGE, "up"])
            .await?;
        Ok(name)
    }

    /// Gives the namespace one more address, for a BMC.
    ///
    /// # Errors
    ///
    /// [`QemuError::Failed`] when the address is there already.
    pub async fn add_bmc_address(&self, address: Ipv4Addr) -> Result<(), QemuError> {
        self.ip(&["addr", "add", &format!("{address}/32"), "dev", "lo"])
            .await
    }

    /// Puts one more host onto the provisioning network, with an address of that network.
    ///
    /// # Errors
    ///
    /// [`QemuError::Failed`] when the kernel refuses it.
    pub async fn add_host(&self, address: Ipv4Addr) -> Result<NetworkHost, QemuError> {
        let name = stale::name(std::process::id(), next_number());
        NetworkHost::create(self, name, address).await
    }

    pub(super) async fn ip(&self, arguments: &[&str]) -> Result<(), QemuError> {
        let mut all = vec!["-n", self.name.as_str()];
        all.extend_from_slice(arguments);
        ip(&all).await
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        delete(&self.name);
    }
}

/// Removes a namespace. Dropping cannot wait for async work; `ip netns del` takes milliseconds.
pub(super) fn delete(name: &str) {
    let deleted = std::process::Command::new("ip")
        .args(["netns", "del", name])
        .status();
    if !deleted
        .as_ref()
        .is_ok_and(std::process::ExitStatus::success)
    {
        tracing::warn!(
            namespace = name,
            ?deleted,
            "the namespace could not be removed"
        );
    }
}

fn next_number() -> u32 {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    COUNTER.fetch_add(1, Ordering::Relaxed)
}

pub(super) async fn ip(arguments: &[&str]) -> Result<(), QemuError> {
    let mut command = Command::new("ip");
    command.args(arguments).kill_on_drop(true);
    let output = tokio::time::timeout(COMMAND_DEADLINE, command.output())
        .await
        .map_err(|_elapsed| QemuError::Deadline {
            what: format!("ip {}", arguments.join(" ")),
            after: COMMAND_DEADLINE,
        })?
        .map_err(|source| QemuError::Start {
            program: "ip".to_owned(),
            package: "iproute2",
            source,
        })?;
    if output.status.success() {
        return Ok(());
    }
    Err(QemuError::Failed {
        command: format!("ip {}", arguments.join(" ")),
        stderr: tail(&String::from_utf8_lossy(&output.stderr)),
    })
}

/// Two link-local addresses (RFC 3927) of one /30 network, different for every namespace of every
/// process that is likely to run at once.
fn link_addresses(process: u32, number: u32) -> (Ipv4Addr, Ipv4Addr) {
    let block = process.wrapping_mul(8).wrapping_add(number) % (168 * 64);
    let [_, _, high, low] = (block * 4).to_be_bytes();
    // 169.254.0.0/24 is reserved, and clouds keep 169.254.169.254 for themselves.
    (
        Ipv4Addr::new(169, 254, high + 1, low + 1),
        Ipv4Addr::new(169, 254, high + 1, low + 2),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn link_addresses_are_hosts_of_one_network(process in 0_u32..5_000_000, number in 0_u32..64) {
            let (outside, inside) = link_addresses(process, number);
            prop_assert_eq!(outside.octets()[3] % 4, 1);
            prop_assert_eq!(u32::from(inside), u32::from(outside) + 1);
            prop_assert!((1..=168).contains(&outside.octets()[2]));
        }
    }
}
