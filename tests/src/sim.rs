//! A `cupola serve` process and a rack of simulated machines that netboot from it, over loopback.
//!
//! The rack lives in the test's process, so that the service can be killed under it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use cupola_api::Secret;
use cupola_api::client::Client;
use cupola_api::cupola::Image;
use cupola_api::id::NodeIdent;
use cupola_console::demo::network::{self, BootPorts};
use cupola_rack::demo_image;
use cupola_rack::machine::MachineSpec;
use cupola_rack::virtual_rack::{RackConfig, RackMachine, VirtualRack};

use crate::serve::Serve;

/// The ports of one service, kept over its restarts.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    api: u16,
    boot: BootPorts,
}

impl Ports {
    /// Ports that the kernel gave a moment ago and that are free again.
    ///
    /// # Errors
    /// When no socket can be opened.
    pub fn free() -> Result<Self> {
        let any = (Ipv4Addr::LOCALHOST, 0);
        let (api, http) = (TcpListener::bind(any)?, TcpListener::bind(any)?);
        let (dhcp, tftp) = (UdpSocket::bind(any)?, UdpSocket::bind(any)?);
        Ok(Self {
            api: api.local_addr()?.port(),
            boot: BootPorts {
                dhcp: dhcp.local_addr()?.port(),
                tftp: tftp.local_addr()?.port(),
                http: http.local_addr()?.port(),
            },
        })
    }

    /// Starts the service on these ports.
    ///
    /// # Errors
    /// As [`Serve::start`].
    pub fn serve(self, state: &Path) -> Result<Serve> {
        self.serve_with(state, Command::new(crate::binary::cupola()?), &[])
    }

    /// The same by a command that is prepared already, with further settings (`section.key=value`).
    ///
    /// # Errors
    /// As [`Serve::start`].
    pub fn serve_with(self, state: &Path, command: Command, settings: &[String]) -> Result<Serve> {
        network::write_ramdisk(state)?;
        let mut arguments = Vec::new();
        let mut all = network::overrides(state, self.boot);
        all.extend_from_slice(settings);
        for setting in all {
            arguments.extend(["--set".to_owned(), setting]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Serve::start_with(
            command,
            &format!("127.0.0.1:{}", self.api),
            state,
            &arguments,
        )
    }

    /// A rack whose machines netboot from that service.
    ///
    /// # Errors
    /// When files or sockets cannot be made.
    pub async fn rack(self, state: &Path, machines: Vec<MachineSpec>) -> Result<VirtualRack> {
        let dhcp = SocketAddr::from((Ipv4Addr::LOCALHOST, self.boot.dhcp));
        let config = RackConfig {
            machines,
            disks: state.join("disks"),
            network: network::machine_network(dhcp, self.boot.tftp),
            user: "admin".to_owned(),
            password: Secret::from("secret"),
        };
        Ok(VirtualRack::start(config).await?)
    }
}

/// Makes an image of `mib` MiB that the service serves from its own disk.
///
/// # Errors
/// When it cannot be written.
pub fn image(state: &Path, mib: u64) -> Result<Image> {
    let images = state.join("images");
    std::fs::create_dir_all(&images)?;
    let path = images.join("os.raw");
    let made = demo_image::write(&path, mib)?;
    Ok(Image {
        name: "os".to_owned(),
        source: format!("file://{}", path.display()),
        disk_format: "raw".to_owned(),
        hash_algo: "sha256".to_owned(),
        hash_value: made.sha256,
        size: Some(made.size),
    })
}

/// Enrols a machine of the rack with the port that is cabled.
///
/// # Errors
/// When the service refuses.
pub async fn enrol(
    client: &Client,
    rack: &VirtualRack,
    machine: &RackMachine,
) -> Result<NodeIdent> {
    let node = client.create_node(&rack.enrolment(machine)).await?;
    for mac in machine.machine.spec().macs.iter().take(1) {
        client.create_port(node.uuid, *mac).await?;
    }
    Ok(NodeIdent::Id(node.uuid))
}
