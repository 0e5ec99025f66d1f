//! What the agent is told to write, the boot loader it is told to install, and how far it is.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// The arguments of the deploy step `write_image`.
#[derive(Clone, Serialize, Deserialize)]
pub struct WriteImageArgs {
    /// The image.
    pub image_info: ImageInfo,
    /// Base64 text of a gzipped ISO 9660 file system, or its URL. It can hold passwords.
    #[serde(default)]
    pub configdrive: Option<String>,
}

/// An image: where it is, what it is, and how to know that it arrived whole.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct ImageInfo {
    /// The last segment of `image_source`.
    #[serde(default)]
    pub id: String,
    /// Tried in order.
    #[serde(default)]
    pub urls: Vec<String>,
    /// `raw`, `qcow2`, `gpt`, …
    #[serde(default)]
    pub disk_format: Option<String>,
    /// `bare`, or null.
    #[serde(default)]
    pub container_format: Option<String>,
    /// Whether a raw image goes straight to the disk.
    #[serde(default)]
    pub stream_raw_images: bool,
    /// MD5, SHA-256 or SHA-512 in hexadecimal, told apart by length, or the URL of a checksum file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    /// `sha256`, `sha512`, …; preferred to `checksum`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os_hash_algo: Option<String>,
    /// Hexadecimal, or the URL of a checksum file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os_hash_value: Option<String>,
    /// The node it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_uuid: Option<Uuid>,
    /// `partition` or `whole-disk`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_type: Option<String>,
    /// Base64 text of a whole `Authorization` header's value. Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_request_authorization: Option<String>,
    /// `http_basic`, when the server wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_server_auth_strategy: Option<String>,
    /// User for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_server_user: Option<String>,
    /// Password for it. Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_server_password: Option<String>,
    /// The config drive, where a conductor puts it here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configdrive: Option<String>,
    /// Everything else: `proxies`, partition sizes, …
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

// Both can carry secrets (passwords, a config drive): only what names the image is printed.
impl std::fmt::Debug for ImageInfo {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ImageInfo")
            .field("id", &self.id)
            .field("disk_format", &self.disk_format)
            .field("os_hash_algo", &self.os_hash_algo)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for WriteImageArgs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("WriteImageArgs")
            .field("image_info", &self.image_info)
            .field("configdrive", &self.configdrive.as_ref().map(String::len))
            .finish()
    }
}

/// Parameters of `image.install_bootloader`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootloaderParams {
    /// UUID of the root file system of a partition image.
    #[serde(default)]
    pub root_uuid: Option<String>,
    /// UUID of the EFI system partition.
    #[serde(default)]
    pub efi_system_part_uuid: Option<String>,
    /// UUID of the PReP boot partition.
    #[serde(default)]
    pub prep_boot_part_uuid: Option<String>,
    /// The boot mode to prepare for; absent: the one the ramdisk booted in.
    #[serde(default)]
    pub target_boot_mode: Option<BootMode>,
}

/// How the firmware starts the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BootMode {
    /// Legacy BIOS.
    Bios,
    /// UEFI.
    Uefi,
}

impl BootMode {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bios => "bios",
            Self::Uefi => "uefi",
        }
    }

    /// Reads the name on the wire.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Bios, Self::Uefi]
            .into_iter()
            .find(|mode| mode.as_str() == text)
    }
}

/// The result of `standby.get_partition_uuids`; its keys have blanks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionUuids {
    /// UUID of the root file system, or the disk's identifier of a whole-disk image.
    #[serde(default, rename = "root uuid")]
    pub root_uuid: Option<String>,
    /// UUID of the EFI system partition.
    #[serde(default, rename = "efi system partition uuid")]
    pub efi_system_partition_uuid: Option<String>,
    /// UUID of the PReP boot partition.
    #[serde(default, rename = "PReP Boot partition uuid")]
    pub prep_boot_partition_uuid: Option<String>,
    /// Device file by role.
    #[serde(default)]
    pub partitions: Map<String, Value>,
}

/// How far an image is. The agent of this project keeps it in `command_result.progress` of a running
/// `execute_deploy_step`; other agents have no such key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteProgress {
    /// Bytes fetched from the image's server.
    pub bytes: u64,
    /// Bytes of the image file, when the server said so.
    #[serde(default)]
    pub total: Option<u64>,
    /// Bytes written to the disk (a qcow2 or compressed image unfolds).
    #[serde(default)]
    pub written: u64,
    /// Bytes per second fetched since the start.
    pub rate: u64,
}

impl WriteProgress {
    /// Key below `command_result`.
    pub const KEY: &'static str = "progress";

    /// Key below `command_result` of what the download of a running write stumbles over, as text.
    pub const TROUBLE_KEY: &'static str = "trouble";

    /// 0 to 100, when the total is known.
    pub fn percent(&self) -> Option<u8> {
        let total = self.total.filter(|total| *total > 0)?;
        let percent = u128::from(self.bytes) * 100 / u128::from(total);
        u8::try_from(percent.min(100)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_no_secret() {
        let args = WriteImageArgs {
            image_info: ImageInfo {
                image_server_password: Some("hunter2".to_owned()),
                configdrive: Some("hunter2".to_owned()),
                ..ImageInfo::default()
            },
            configdrive: Some("hunter2".to_owned()),
        };
        assert!(!format!("{args:?}").contains("hunter2"));
    }

    #[test]
    fn percent_of_nothing_is_unknown() {
        let mut progress = WriteProgress {
            bytes: 5,
            ..WriteProgress::default()
        };
        assert_eq!(progress.percent(), None);
        progress.total = Some(0);
        assert_eq!(progress.percent(), None);
        progress.total = Some(10);
        assert_eq!(progress.percent(), Some(50));
    }
}
