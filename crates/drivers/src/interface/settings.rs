//! What drivers need to know of the service's configuration. Which keys there are in the
//! configuration file is the backend's.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::PowerOnPace;

/// What drivers need to know of the configuration.
#[derive(Clone, Debug)]
pub struct DriverSettings {
    /// How long a power change may take.
    pub power_state_change_timeout: Duration,
    /// How fast machines are powered on one after the other.
    pub power_on: PowerOnPace,
    /// How long an operating system may take to shut down.
    pub soft_power_off_timeout: Duration,
    /// Netbooting.
    pub boot: BootSettings,
    /// The agent.
    pub agent: AgentSettings,
    /// Cleaning.
    pub cleaning: CleaningSettings,
    /// Inspection.
    pub inspection: InspectionSettings,
}

/// Netbooting.
#[derive(Clone, Debug)]
pub struct BootSettings {
    /// The API's base URL without `/v1` as the ramdisk reaches it.
    pub api_url: String,
    /// Base URL of the boot services' HTTP server as the ramdisk reaches it.
    pub http_url: Option<String>,
    /// The deploy kernel, where a node names none.
    pub deploy_kernel: Option<PathBuf>,
    /// The deploy ramdisk, where a node names none.
    pub deploy_ramdisk: Option<PathBuf>,
    /// Whether the signed shim and GRUB are served.
    pub grub: bool,
    /// The rescue kernel, where a node names none; else the deploy kernel.
    pub rescue_kernel: Option<PathBuf>,
    /// The rescue ramdisk, where a node names none; else the deploy ramdisk.
    pub rescue_ramdisk: Option<PathBuf>,
    /// What is appended to the kernel's command line.
    pub kernel_append_params: String,
    /// Whether the API has a certificate of its own making, of which no ramdisk can know who signed
    /// it. Agents are then told not to look, unless the command line says how they shall.
    pub api_is_self_signed: bool,
    /// Whether the agent shall log everything.
    pub debug: bool,
    /// `uefi` or `bios`, where a node does not say.
    pub default_boot_mode: String,
}

/// The agent.
#[derive(Clone, Debug)]
pub struct AgentSettings {
    /// How long one request may take.
    pub command_timeout: Duration,
    /// How often a request is tried when the connection fails.
    pub max_command_attempts: u32,
    /// How long a command that is waited for may take.
    pub command_wait: Duration,
    /// Between two looks at a command that is waited for.
    pub command_wait_interval: Duration,
    /// How long a machine may take to power itself off.
    pub power_off_wait: Duration,
    /// Between two looks at the power of a machine that powers itself off.
    pub power_off_interval: Duration,
    /// Whether a ramdisk is left running between inspection, cleaning and deployment.
    pub fast_track: bool,
    /// How long ago an agent may have called to count as running.
    pub fast_track_timeout: Duration,
    /// Whether a raw image goes straight to the disk.
    pub stream_raw_images: bool,
    /// Who signs the certificates of agents that send none in their heartbeat: `true` for the
    /// authorities that this host trusts, `false` for anybody, else the path of a PEM file.
    pub verify_ca: String,
}

/// Cleaning.
#[derive(Clone, Debug, Default)]
pub struct CleaningSettings {
    /// Priority of `erase_devices` instead of what the agent says; 0 leaves it out.
    pub erase_devices_priority: Option<i64>,
    /// Priority of `erase_devices_metadata` instead of what the agent says; 0 leaves it out.
    pub erase_devices_metadata_priority: Option<i64>,
    /// Priority of `raid.create_configuration` instead of what the agent says.
    pub create_configuration_priority: Option<i64>,
    /// Priority of `raid.delete_configuration` instead of what the agent says.
    pub delete_configuration_priority: Option<i64>,
    /// Priorities of clean steps by `interface.step`, instead of what anybody says.
    pub priority_overrides: BTreeMap<String, i64>,
}

/// Inspection.
#[derive(Clone, Debug)]
pub struct InspectionSettings {
    /// Whether the machine is powered off at the end.
    pub power_off: bool,
}

impl Default for DriverSettings {
    fn default() -> Self {
        Self {
            power_state_change_timeout: Duration::from_secs(60),
            power_on: PowerOnPace::default(),
            soft_power_off_timeout: Duration::from_secs(600),
            boot: BootSettings::default(),
            agent: AgentSettings::default(),
            cleaning: CleaningSettings::default(),
            inspection: InspectionSettings { power_off: true },
        }
    }
}

impl Default for BootSettings {
    fn default() -> Self {
        Self {
            api_url: "http://127.0.0.1:6385".to_owned(),
            http_url: None,
            deploy_kernel: None,
            deploy_ramdisk: None,
            grub: false,
            rescue_kernel: None,
            rescue_ramdisk: None,
            kernel_append_params: "nofb vga=normal".to_owned(),
            api_is_self_signed: false,
            debug: false,
            default_boot_mode: "uefi".to_owned(),
        }
    }
}

impl Default for AgentSettings {
    fn default() -> Self {
        Self {
            command_timeout: Duration::from_secs(60),
            max_command_attempts: 3,
            command_wait: Duration::from_secs(600),
            command_wait_interval: Duration::from_secs(6),
            power_off_wait: Duration::from_secs(30),
            power_off_interval: Duration::from_secs(5),
            fast_track: false,
            fast_track_timeout: Duration::from_secs(300),
            stream_raw_images: true,
            verify_ca: "true".to_owned(),
        }
    }
}
