//! One more host on the provisioning network, in a namespace of its own: for a foreign DHCP server
//! that is there already, which cannot share port 67 with the service under test.

use std::ffi::OsStr;
use std::net::Ipv4Addr;

use tokio::process::Command;

use super::QemuError;
use super::namespace::{self, Namespace};

/// The host's network device.
const DEVICE: &str = "eth0";

/// A host. Dropping it removes it from the network.
#[derive(Debug)]
pub struct NetworkHost {
    name: String,
    address: Ipv4Addr,
}

impl NetworkHost {
    pub(super) async fn create(
        network: &Namespace,
        name: String,
        address: Ipv4Addr,
    ) -> Result<Self, QemuError> {
        namespace::ip(&["netns", "add", &name]).await?;
        // From here on a failure drops `host`, which removes what was made.
        let host = Self { name, address };
        // Device names have 15 characters at the most.
        let plug = format!("host{:08x}", u32::from(address));
        network
            .ip(&[
                "link", "add", &plug, "type", "veth", "peer", "name", DEVICE, "netns", &host.name,
            ])
            .await?;
        network
            .ip(&["link", "set", &plug, "master", namespace::BRIDGE, "up"])
            .await?;
        let with_prefix = format!("{address}/{}", network.network().prefix);
        host.ip(&["link", "set", "lo", "up"]).await?;
        host.ip(&["addr", "add", &with_prefix, "dev", DEVICE])
            .await?;
        host.ip(&["link", "set", DEVICE, "up"]).await?;
        Ok(host)
    }

    /// Its address on the provisioning network.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The device that leads to the provisioning network.
    #[must_use]
    pub fn device(&self) -> &'static str {
        DEVICE
    }

    /// A command that will run on this host and is killed when its child is dropped.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.name])
            .arg(program)
            .kill_on_drop(true);
        command
    }

    async fn ip(&self, arguments: &[&str]) -> Result<(), QemuError> {
        let mut all = vec!["-n", self.name.as_str()];
        all.extend_from_slice(arguments);
        namespace::ip(&all).await
    }
}

impl Drop for NetworkHost {
    fn drop(&mut self) {
        namespace::delete(&self.name);
    }
}
