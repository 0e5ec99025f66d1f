//! A node's own boot files: its script, its GRUB configuration, its kernel and its ramdisk. HTTP
//! and TFTP serve the same ones, by the same decision of the [directory](super::directory).

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use cupola_api::MacAddress;
use jiff::Timestamp;
use tokio::time::timeout;
use url::Url;

use super::DIRECTORY_DEADLINE;
use super::client::{BootStage, ClientSystem};
use super::contact::{ContactKind, ScriptAction};
use super::content::Content;
use super::directory::{BootDecision, BootDirectory, BootHost, IsoBoot};
use super::files::Loader;
use super::leases::LeaseTable;
use super::open_files::OpenFiles;
use super::reporter::{Party, Reporter};
use super::{grub, script};

/// One of a node's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeFile {
    Script,
    GrubConfiguration,
    Kernel,
    Ramdisk,
    Iso,
}

impl NodeFile {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "script.ipxe" => Some(Self::Script),
            "grub.cfg" => Some(Self::GrubConfiguration),
            "kernel" => Some(Self::Kernel),
            "ramdisk" => Some(Self::Ramdisk),
            "boot.iso" => Some(Self::Iso),
            _ => None,
        }
    }
}

/// Why a node's file cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Missing {
    #[error("no enrolled port has this MAC address")]
    NotEnrolled,
    #[error("this node boots from its disk now, not the ramdisk")]
    BootsFromDisk,
    #[error("this node boots something else now")]
    BootsOther,
    #[error("the node could not be looked up in time; ask again")]
    TooSlow,
    #[error("the boot file does not exist on the conductor's host")]
    NoFile,
    #[error("the boot file cannot be read on the conductor's host")]
    Unreadable,
}

/// Where they come from.
pub(crate) struct NodeFiles {
    /// Base URL of the HTTP server with a trailing slash.
    pub(crate) base: Url,
    /// Our address, as machines see it.
    pub(crate) address: Ipv4Addr,
    pub(crate) directory: Arc<dyn BootDirectory>,
    pub(crate) leases: Arc<LeaseTable>,
    /// Whether DHCP is none of ours, so that a machine's address is first seen when it asks for its
    /// script.
    pub(crate) is_without_dhcp: bool,
    pub(crate) reporter: Reporter,
    pub(crate) open_files: OpenFiles,
}

impl NodeFiles {
    /// The file of the node that owns this address.
    pub(crate) async fn find(
        &self,
        mac: MacAddress,
        file: NodeFile,
        peer: Option<IpAddr>,
    ) -> Result<Content, Missing> {
        let decided = timeout(DIRECTORY_DEADLINE, self.decide(mac)).await;
        let decided = decided.map_err(|_| Missing::TooSlow)?;
        let (host, decision) = decided.ok_or(Missing::NotEnrolled)?;
        match (file, &decision) {
            (NodeFile::Script, _) => {
                self.report_script(&host, &decision, Loader::Ipxe, peer);
                let script = script::render(&host, &decision, &self.base, self.address);
                Ok(text(script))
            }
            (NodeFile::GrubConfiguration, _) => {
                self.report_script(&host, &decision, Loader::Grub, peer);
                let config = grub::render(&host, &decision, &self.base, self.address);
                Ok(text(config))
            }
            (NodeFile::Kernel, BootDecision::Ramdisk(boot)) => self.open(&boot.kernel).await,
            (NodeFile::Ramdisk, BootDecision::Ramdisk(boot)) => self.open(&boot.ramdisk).await,
            (NodeFile::Iso, BootDecision::Iso(IsoBoot::File(path))) => self.open(path).await,
            (NodeFile::Kernel | NodeFile::Ramdisk | NodeFile::Iso, BootDecision::Local) => {
                Err(Missing::BootsFromDisk)
            }
            (NodeFile::Kernel | NodeFile::Ramdisk, BootDecision::Iso(_))
            | (NodeFile::Iso, BootDecision::Ramdisk(_) | BootDecision::Iso(IsoBoot::Url(_))) => {
                Err(Missing::BootsOther)
            }
        }
    }

    /// A file of this host by its path.
    async fn open(&self, path: &Path) -> Result<Content, Missing> {
        let error = match self.open_files.open(path).await {
            Ok(file) => return Ok(Content::File(file)),
            Err(error) => error,
        };
        tracing::error!(
            path = %path.display(), %error,
            "the boot file cannot be read; build it with `cupola ramdisk build`, or correct the \
             node's deploy_kernel and deploy_ramdisk"
        );
        Err(if error.kind() == io::ErrorKind::NotFound {
            Missing::NoFile
        } else {
            Missing::Unreadable
        })
    }

    fn report_script(
        &self,
        host: &BootHost,
        decision: &BootDecision,
        loader: Loader,
        peer: Option<IpAddr>,
    ) {
        let action = match decision {
            BootDecision::Local => ScriptAction::Local,
            BootDecision::Ramdisk(_) => ScriptAction::Ramdisk,
            BootDecision::Iso(_) => ScriptAction::Iso,
        };
        if let Some(IpAddr::V4(address)) = peer.map(|peer| peer.to_canonical())
            && self.is_without_dhcp
        {
            self.leases
                .observe(host.mac, host.node, address, Timestamp::now());
        }
        let party = Party {
            mac: Some(host.mac),
            node: Some(host.node),
            peer,
            client: None,
        };
        let kind = ContactKind::ScriptServed { loader, action };
        self.reporter.report(&party, kind);
    }

    /// Whom a request for one of these files is about.
    pub(crate) fn party(&self, mac: MacAddress, peer: Option<IpAddr>) -> Party {
        Party {
            mac: Some(mac),
            node: self.leases.lease(&mac).map(|lease| lease.node),
            peer,
            client: None,
        }
    }

    async fn decide(&self, mac: MacAddress) -> Option<(BootHost, BootDecision)> {
        let host = self.directory.host(&mac).await?;
        if !host.pxe_enabled {
            return Some((host, BootDecision::Local));
        }
        let client = self.leases.client(&mac).unwrap_or(ClientSystem {
            architecture: None,
            stage: BootStage::Ipxe,
            user_class: None,
            vendor_class: None,
        });
        let decision = self.directory.decision(&host, &client).await;
        Some((host, decision))
    }
}

fn text(text: String) -> Content {
    Content::Memory(text.into())
}

/// The MAC address and the file's name of a path such as `boot/52-54-00-ab-cd-ef/kernel`.
pub(crate) fn node_path(path: &str) -> Option<(MacAddress, &str)> {
    let (mac, file) = path.strip_prefix("boot/")?.split_once('/')?;
    Some((mac.parse().ok()?, file))
}
