//! The boot interfaces `ipxe` and `pxe`: a node's boot decision for the boot services of this
//! process. They differ in the loader: `pxe` is the signed shim and GRUB.
//!
//! The decision is kept with the node (`driver_internal_info`), so that it holds across a restart;
//! the service's [`BootDirectory`](crate::boot::BootDirectory) reads it with [`decision`]. Serving
//! it is [`crate::boot`]'s.

mod boot_file;

use std::path::PathBuf;

use async_trait::async_trait;
use cupola_api::node::Node;
use cupola_api::resource::BootDevice;
use serde_json::{Value, json};
use url::Url;

use crate::boot::{BootDecision, IsoBoot, KernelCommandLine, Loader, RamdiskBoot};
use crate::crash_point::{CrashPoint, crash_point};
use crate::image_cache::ImageCache;
use crate::interface::{
    Boot, BootSettings, Changes, DriverError, Hardware, RamdiskPurpose, Result, Task,
};
use crate::ramdisk::is_ramdisk_instance;

use boot_file::BootFile;

/// Where the decision is kept in `driver_internal_info`.
const NETBOOT_KEY: &str = "netboot";

const PROPERTIES: &[(&str, &str)] = &[
    (
        "deploy_kernel",
        "Path, file:// or http:// URL of the deployment kernel. Optional where the service has one \
         configured.",
    ),
    (
        "deploy_kernel_checksum",
        "MD5, SHA-256 or SHA-512 of a deploy_kernel on the web. Optional.",
    ),
    (
        "deploy_ramdisk",
        "Path, file:// or http:// URL of the deployment ramdisk. Optional where the service has one \
         configured.",
    ),
    (
        "deploy_ramdisk_checksum",
        "MD5, SHA-256 or SHA-512 of a deploy_ramdisk on the web. Optional.",
    ),
    (
        "kernel_append_params",
        "Additional kernel parameters of the ramdisk; %default% stands for the configured ones. \
         Optional.",
    ),
    (
        "force_persistent_boot_device",
        "Default, Always or Never: whether boot devices are set for good. Optional.",
    ),
];

/// What a node shall boot: what [`IpxeBoot`] has decided last.
#[must_use]
pub fn decision(node: &Node) -> BootDecision {
    let Some(netboot) = node.driver_internal_info.get(NETBOOT_KEY) else {
        return BootDecision::Local;
    };
    let text = |key: &str| netboot.get(key).and_then(Value::as_str);
    if let Some(url) = text("iso_url").and_then(|url| Url::parse(url).ok()) {
        return BootDecision::Iso(IsoBoot::Url(url));
    }
    if let Some(path) = text("iso") {
        return BootDecision::Iso(IsoBoot::File(path.into()));
    }
    match (text("kernel"), text("ramdisk"), text("cmdline")) {
        (Some(kernel), Some(ramdisk), Some(cmdline)) => BootDecision::Ramdisk(RamdiskBoot {
            kernel: kernel.into(),
            ramdisk: ramdisk.into(),
            cmdline: cmdline.to_owned(),
        }),
        _ => BootDecision::Local,
    }
}

/// Which loader a node with this boot interface is netbooted through.
#[must_use]
pub fn loader(node: &Node) -> Loader {
    match node.interfaces.boot_interface.as_deref() {
        Some("pxe") => Loader::Grub,
        Some(_) | None => Loader::Ipxe,
    }
}

/// Netbooting through one of the loaders.
#[derive(Clone, Debug)]
pub struct IpxeBoot {
    settings: BootSettings,
    loader: Loader,
    cache: Option<ImageCache>,
}

impl IpxeBoot {
    /// The interface `ipxe` with these settings.
    #[must_use]
    pub const fn new(settings: BootSettings) -> Self {
        Self {
            settings,
            loader: Loader::Ipxe,
            cache: None,
        }
    }

    /// The same, with a cache for what nodes boot from the web.
    #[must_use]
    pub fn with_cache(mut self, cache: Option<ImageCache>) -> Self {
        self.cache = cache;
        self
    }

    /// The interface `pxe`: the same, through the signed shim and GRUB.
    #[must_use]
    pub fn through_grub(&self) -> Self {
        Self {
            settings: self.settings.clone(),
            loader: Loader::Grub,
            cache: self.cache.clone(),
        }
    }

    fn file(&self, node: &Node, key: &str, configured: Option<&PathBuf>) -> Result<BootFile> {
        let given = |key: &str| node.driver_info.get(key).and_then(Value::as_str);
        match given(key) {
            Some(text) => {
                let checksum = given(&format!("{key}_checksum"));
                BootFile::parse(&format!("driver_info {key}"), text, checksum)
            }
            None => configured.cloned().map(BootFile::Local).ok_or_else(|| {
                DriverError::MissingParameter(format!(
                    "Cannot validate PXE bootloader. Some parameters were missing in node's \
                     driver_info and configuration. Missing are: ['{key}']; make them with `cupola \
                     ramdisk build` and set them in the configuration"
                ))
            }),
        }
    }

    /// The command line of an instance's kernel: not the agent's.
    fn instance_command_line(&self, node: &Node) -> Result<String> {
        let own = node
            .instance_info
            .get("ramdisk_kernel_arguments")
            .and_then(Value::as_str)
            .unwrap_or_default();
        KernelCommandLine::instance(&self.append_parameters(node), own)
            .map(KernelCommandLine::into_string)
            .map_err(|error| DriverError::InvalidParameter(error.to_string()))
    }

    /// Has the files of an instance here; what is served then, as the decision keeps it.
    async fn bring_instance(&self, node: &Node, instance: &InstanceBoot) -> Result<Value> {
        let cache = self.cache.as_ref();
        match instance {
            InstanceBoot::Iso(BootFile::Remote(file)) if is_iso_fetched_directly(node) => {
                Ok(json!({ "iso_url": file.url.as_str() }))
            }
            InstanceBoot::Iso(iso) => {
                let iso = iso.bring(cache, node.uuid, "boot_iso").await?;
                Ok(json!({ "iso": iso.display().to_string() }))
            }
            InstanceBoot::Ramdisk { kernel, ramdisk } => {
                let kernel = kernel.bring(cache, node.uuid, "kernel").await?;
                let ramdisk = ramdisk.bring(cache, node.uuid, "ramdisk").await?;
                Ok(json!({
                    "kernel": kernel.display().to_string(),
                    "ramdisk": ramdisk.display().to_string(),
                    "cmdline": self.instance_command_line(node)?,
                }))
            }
        }
    }

    async fn unpin(&self, task: &Task, roles: &[&str]) {
        if let Some(cache) = &self.cache {
            for role in roles {
                cache.unpin(task.node().uuid, role).await;
            }
        }
    }

    /// Kernel and ramdisk. For rescue they are those of the deployment where nobody names others.
    fn files(&self, node: &Node, purpose: RamdiskPurpose) -> Result<(BootFile, BootFile)> {
        let settings = &self.settings;
        let is_named = settings.rescue_kernel.is_some()
            || settings.rescue_ramdisk.is_some()
            || ["rescue_kernel", "rescue_ramdisk"]
                .iter()
                .any(|key| node.driver_info.contains_key(*key));
        if purpose == RamdiskPurpose::Rescue && is_named {
            return Ok((
                self.file(node, "rescue_kernel", settings.rescue_kernel.as_ref())?,
                self.file(node, "rescue_ramdisk", settings.rescue_ramdisk.as_ref())?,
            ));
        }
        Ok((
            self.file(node, "deploy_kernel", self.settings.deploy_kernel.as_ref())?,
            self.file(
                node,
                "deploy_ramdisk",
                self.settings.deploy_ramdisk.as_ref(),
            )?,
        ))
    }

    /// What the operator appends to a kernel's command line.
    fn append_parameters(&self, node: &Node) -> String {
        let configured = &self.settings.kernel_append_params;
        [&node.instance_info, &node.driver_info]
            .into_iter()
            .find_map(|object| object.get("kernel_append_params").and_then(Value::as_str))
            .map_or_else(
                || configured.clone(),
                |given| given.replace("%default%", configured),
            )
    }

    fn command_line(&self, node: &Node, purpose: RamdiskPurpose) -> Result<String> {
        let append = self.append_parameters(node);
        let bad = |error: crate::boot::cmdline::CommandLineError| {
            DriverError::InvalidParameter(error.to_string())
        };
        let api_url = self.settings.api_url.trim_end_matches('/');
        let mut line = KernelCommandLine::agent(api_url, &append).map_err(bad)?;
        if self.settings.api_is_self_signed && !says_whom_to_trust(&append) {
            line.append("ipa-insecure=1").map_err(bad)?;
        }
        if self.settings.debug {
            line.debug().map_err(bad)?;
        }
        if purpose == RamdiskPurpose::Inspect {
            line.append(&format!(
                "ipa-inspection-callback-url={api_url}/v1/continue_inspection"
            ))
            .map_err(bad)?;
        }
        Ok(line.into_string())
    }
}

/// An instance that is booted from memory, as `instance_info` says.
enum InstanceBoot {
    Iso(BootFile),
    Ramdisk { kernel: BootFile, ramdisk: BootFile },
}

impl InstanceBoot {
    fn of(node: &Node) -> Result<Self> {
        let file = |key: &str| {
            let text = node.instance_info.get(key).and_then(Value::as_str);
            text.filter(|text| !text.is_empty())
                .map(|text| BootFile::parse(&format!("instance_info {key}"), text, None))
                .transpose()
        };
        if let Some(iso) = file("boot_iso")? {
            return Ok(Self::Iso(iso));
        }
        match (file("kernel")?, file("ramdisk")?) {
            (Some(kernel), Some(ramdisk)) => Ok(Self::Ramdisk { kernel, ramdisk }),
            _ => Err(DriverError::MissingParameter(
                "instance_info has neither boot_iso nor kernel and ramdisk".to_owned(),
            )),
        }
    }
}

/// Whether the machine shall fetch a boot_iso itself, as upstream's default is.
fn is_iso_fetched_directly(node: &Node) -> bool {
    node.instance_info
        .get("ramdisk_image_download_source")
        .and_then(Value::as_str)
        != Some("local")
}

/// Whether a boot device shall be set for good.
fn persistent(node: &Node, usual: bool) -> bool {
    let forced = node
        .driver_info
        .get("force_persistent_boot_device")
        .and_then(Value::as_str)
        .unwrap_or_default();
    match forced.to_ascii_lowercase().as_str() {
        "always" | "true" => true,
        "never" => false,
        _ => usual,
    }
}

#[async_trait]
impl Boot for IpxeBoot {
    fn properties(&self) -> &'static [(&'static str, &'static str)] {
        PROPERTIES
    }

    fn validate(&self, task: &Task) -> Result<()> {
        let node = task.node();
        if !task.ports().iter().any(|port| port.pxe_enabled) {
            return Err(DriverError::MissingParameter(format!(
                "Node {} does not have any port associated with it; create a port with the MAC \
                 address of the interface that it boots from.",
                node.uuid
            )));
        }
        if self.loader == Loader::Grub && !self.settings.grub {
            return Err(DriverError::InvalidParameter(
                "Boot interface pxe needs the signed shim and GRUB, which are not served: install \
                 shim-signed and grub-efi-amd64-signed on the conductor's host and start the \
                 service anew, or set the node's boot_interface to ipxe."
                    .to_owned(),
            ));
        }
        self.files(&node, RamdiskPurpose::Deploy)?;
        self.command_line(&node, RamdiskPurpose::Deploy).map(drop)
    }

    fn validate_rescue(&self, task: &Task) -> Result<()> {
        self.files(&task.node(), RamdiskPurpose::Rescue)?;
        self.validate(task)
    }

    fn validate_instance(&self, task: &Task) -> Result<()> {
        let node = task.node();
        match InstanceBoot::of(&node)? {
            InstanceBoot::Iso(_) if self.loader == Loader::Grub => {
                Err(DriverError::InvalidParameter(
                    "boot_iso needs iPXE, which the boot interface pxe does not use; set the \
                     node's boot_interface to ipxe, or give kernel and ramdisk"
                        .to_owned(),
                ))
            }
            InstanceBoot::Iso(_) => Ok(()),
            InstanceBoot::Ramdisk { .. } => self.instance_command_line(&node).map(drop),
        }
    }

    async fn prepare_ramdisk(
        &self,
        task: &Task,
        hardware: &Hardware,
        purpose: RamdiskPurpose,
    ) -> Result<()> {
        let node = task.node();
        let (kernel, ramdisk) = self.files(&node, purpose)?;
        let cache = self.cache.as_ref();
        let kernel = kernel.bring(cache, node.uuid, "deploy_kernel").await?;
        let ramdisk = ramdisk.bring(cache, node.uuid, "deploy_ramdisk").await?;
        let cmdline = self.command_line(&node, purpose)?;
        let netboot = json!({
            "kernel": kernel.display().to_string(),
            "ramdisk": ramdisk.display().to_string(),
            "cmdline": cmdline,
        });
        task.record(Changes::none().internal(NETBOOT_KEY, netboot))
            .await?;
        crash_point(CrashPoint::RamdiskPrepared);
        let persistent = persistent(&node, false);
        let pxe = BootDevice::Pxe;
        hardware
            .management
            .set_boot_device(task, pxe, persistent)
            .await
    }

    async fn clean_up_ramdisk(&self, task: &Task) -> Result<()> {
        task.record(Changes::none().internal(NETBOOT_KEY, Value::Null))
            .await?;
        crash_point(CrashPoint::RamdiskWithdrawn);
        self.unpin(task, &["deploy_kernel", "deploy_ramdisk"]).await;
        Ok(())
    }

    async fn prepare_instance(&self, task: &Task, hardware: &Hardware) -> Result<()> {
        let node = task.node();
        let mut device = BootDevice::Disk;
        if is_ramdisk_instance(&node) {
            device = BootDevice::Pxe;
            let instance = InstanceBoot::of(&node)?;
            let netboot = self.bring_instance(&node, &instance).await?;
            self.unpin(task, &["deploy_kernel", "deploy_ramdisk"]).await;
            task.record(Changes::none().internal(NETBOOT_KEY, netboot))
                .await?;
        } else {
            self.clean_up_ramdisk(task).await?;
        }
        if hardware
            .management
            .supported_boot_devices()
            .contains(&device)
        {
            let persistent = persistent(&task.node(), true);
            hardware
                .management
                .set_boot_device(task, device, persistent)
                .await?;
        }
        Ok(())
    }

    async fn clean_up_instance(&self, task: &Task) -> Result<()> {
        self.clean_up_ramdisk(task).await?;
        self.unpin(task, &["kernel", "ramdisk", "boot_iso"]).await;
        Ok(())
    }
}

/// Whether the operator's parameters tell an agent whose certificate to believe.
fn says_whom_to_trust(parameters: &str) -> bool {
    let mut names = parameters
        .split_whitespace()
        .map(|word| match word.split_once('=') {
            Some((name, _)) => name,
            None => word,
        });
    names.any(|name| matches!(name, "ipa-insecure" | "ipa-cafile"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_cannot_know_the_authority_is_told_not_to_ask() {
        let boot = IpxeBoot::new(BootSettings {
            api_is_self_signed: true,
            ..BootSettings::default()
        });
        let line = |own: Option<&str>| {
            let mut node = Node::default();
            node.driver_info
                .extend(own.map(|own| ("kernel_append_params".to_owned(), Value::from(own))));
            let line = boot.command_line(&node, RamdiskPurpose::Deploy);
            line.expect("a command line").to_string()
        };
        assert!(line(None).ends_with(" ipa-insecure=1"));
        // What a node says stands in the place of all that is configured.
        assert!(line(Some("console=ttyS0")).ends_with(" ipa-insecure=1"));
        for own in ["ipa-insecure=0", "ipa-cafile=/etc/ca.pem"] {
            assert!(!line(Some(own)).contains("ipa-insecure=1"), "{own}");
        }
    }

    #[test]
    fn the_inspection_ramdisk_is_told_where_to_post() {
        let boot = IpxeBoot::new(BootSettings {
            api_url: "http://10.0.0.1:6385/".to_owned(),
            ..BootSettings::default()
        });
        let mut node = Node::default();
        node.driver_info.insert(
            "kernel_append_params".to_owned(),
            Value::from("%default% console=ttyS0"),
        );
        let line = boot
            .command_line(&node, RamdiskPurpose::Inspect)
            .expect("a command line");
        assert!(line.contains("nofb vga=normal console=ttyS0"), "{line}");
        assert!(
            line.contains(
                "ipa-inspection-callback-url=http://10.0.0.1:6385/v1/continue_inspection"
            ),
            "{line}"
        );
    }

    #[test]
    fn a_node_without_a_decision_boots_from_its_disk() {
        assert_eq!(decision(&Node::default()), BootDecision::Local);
    }

    #[test]
    fn an_instance_from_memory_is_decided_by_what_is_kept() {
        let decided = |netboot: Value| {
            let mut node = Node::default();
            node.driver_internal_info
                .insert(NETBOOT_KEY.to_owned(), netboot);
            decision(&node)
        };
        let url = Url::parse("http://h/i.iso").expect("a URL");
        assert_eq!(
            decided(json!({"iso_url": "http://h/i.iso"})),
            BootDecision::Iso(IsoBoot::Url(url))
        );
        assert_eq!(
            decided(json!({"iso": "/srv/i.iso"})),
            BootDecision::Iso(IsoBoot::File("/srv/i.iso".into()))
        );
    }

    #[test]
    fn the_command_line_of_an_instance_is_not_the_agents() {
        let boot = IpxeBoot::new(BootSettings::default());
        let mut node = Node::default();
        node.instance_info.insert(
            "ramdisk_kernel_arguments".to_owned(),
            Value::from("console=ttyS0 live"),
        );
        let line = boot.instance_command_line(&node).expect("a line");
        assert_eq!(
            line,
            "root=/dev/ram0 text nofb vga=normal console=ttyS0 live"
        );
    }
}
