//! The boot interfaces `ipxe` and `pxe`: a node's boot decision for the boot services of this
//! process. They differ in the loader: `pxe` is the signed shim and GRUB.
//!
//! The decision is kept with the node (`driver_internal_info`), so that it holds across a restart;
//! the service's [`BootDirectory`](crate::boot::BootDirectory) reads it with [`decision`]. Serving
//! it is [`crate::boot`]'s.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use cupola_api::node::Node;
use cupola_api::resource::BootDevice;
use serde_json::{Value, json};

use crate::boot::{BootDecision, KernelCommandLine, Loader, RamdiskBoot};
use crate::crash_point::{CrashPoint, crash_point};
use crate::interface::{
    Boot, BootSettings, Changes, DriverError, Hardware, RamdiskPurpose, Result, Task,
};

/// Where the decision is kept in `driver_internal_info`.
const NETBOOT_KEY: &str = "netboot";

const PROPERTIES: &[(&str, &str)] = &[
    (
        "deploy_kernel",
        "Path or file:// URL of the deployment kernel on the conductor's host. Optional where the \
         service has one configured.",
    ),
    (
        "deploy_ramdisk",
        "Path or file:// URL of the deployment ramdisk on the conductor's host. Optional where the \
         service has one configured.",
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
}

impl IpxeBoot {
    /// The interface `ipxe` with these settings.
    #[must_use]
    pub const fn new(settings: BootSettings) -> Self {
        let loader = Loader::Ipxe;
        Self { settings, loader }
    }

    /// The interface `pxe`: the same, through the signed shim and GRUB.
    #[must_use]
    pub fn through_grub(&self) -> Self {
        Self {
            settings: self.settings.clone(),
            loader: Loader::Grub,
        }
    }

    fn file(&self, node: &Node, key: &str, configured: Option<&PathBuf>) -> Result<PathBuf> {
        let given = node.driver_info.get(key).and_then(Value::as_str);
        match given {
            Some(text) => match text.strip_prefix("file://") {
                Some(path) => Ok(PathBuf::from(path)),
                None if Path::new(text).is_absolute() => Ok(PathBuf::from(text)),
                None => Err(DriverError::InvalidParameter(format!(
                    "driver_info {key} is {text:?}; give the path of a file on the conductor's \
                     host, as /path or file:///path"
                ))),
            },
            None => configured.cloned().ok_or_else(|| {
                DriverError::MissingParameter(format!(
                    "Cannot validate PXE bootloader. Some parameters were missing in node's \
                     driver_info and configuration. Missing are: ['{key}']; make them with `cupola \
                     ramdisk build` and set them in the configuration"
                ))
            }),
        }
    }

    /// Kernel and ramdisk. For rescue they are those of the deployment where nobody names others.
    fn files(&self, node: &Node, purpose: RamdiskPurpose) -> Result<(PathBuf, PathBuf)> {
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

    fn command_line(&self, node: &Node, purpose: RamdiskPurpose) -> Result<String> {
        let configured = &self.settings.kernel_append_params;
        let append = [&node.instance_info, &node.driver_info]
            .into_iter()
            .find_map(|object| object.get("kernel_append_params").and_then(Value::as_str))
            .map_or_else(
                || configured.clone(),
                |given| given.replace("%default%", configured),
            );
        let bad = |error: crate::boot::cmdline::CommandLineError| {
            DriverError::InvalidParameter(error.to_string())
        };
        let api_url = self.settings.api_url.trim_end_matches('/');
        let mut line = KernelCommandLine::agent(api_url, &append).map_err(bad)?;
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

    async fn prepare_ramdisk(
        &self,
        task: &Task,
        hardware: &Hardware,
        purpose: RamdiskPurpose,
    ) -> Result<()> {
        let node = task.node();
        let (kernel, ramdisk) = self.files(&node, purpose)?;
        for file in [&kernel, &ramdisk] {
            if let Err(error) = tokio::fs::metadata(file).await {
                return Err(DriverError::Local(format!(
                    "the ramdisk cannot be booted: {}: {error}; make it with `cupola ramdisk \
                     build`, or correct deploy_kernel and deploy_ramdisk",
                    file.display()
                )));
            }
        }
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
        Ok(())
    }

    async fn prepare_instance(&self, task: &Task, hardware: &Hardware) -> Result<()> {
        self.clean_up_ramdisk(task).await?;
        let device = BootDevice::Disk;
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
        self.clean_up_ramdisk(task).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
