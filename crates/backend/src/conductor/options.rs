//! What the conductor needs of the configuration. The keys of the file are in `crate::config`.

use std::time::Duration;

use crate::agent_logs::AgentLogs;
use crate::config::{HashAlgorithm, LogsCollect};

/// When the logs of ramdisks are collected, and where they are kept.
#[derive(Clone, Debug)]
pub struct AgentLogOptions {
    /// When.
    pub collect: LogsCollect,
    /// Where; `None`: nothing is collected.
    pub logs: Option<AgentLogs>,
}

/// Whether serial consoles are recorded, and how much of each.
#[derive(Clone, Copy, Debug)]
pub struct SerialOptions {
    /// Whether.
    pub record: bool,
    /// The last so many KiB of a recording are kept.
    pub record_size: usize,
}

/// What the conductor needs of the configuration; the defaults are those of the reference (wire
/// reference §26). A zero switches the periodic work or the time-out off.
#[derive(Clone, Debug)]
pub struct ConductorOptions {
    /// Its name, unique among conductors; shown as `reservation` and `conductor` of nodes.
    pub host: String,
    /// The group of nodes that it serves.
    pub group: String,
    /// Pieces of work at once.
    pub workers: usize,
    /// How often a lock is tried again.
    pub lock_attempts: u32,
    /// Between two tries.
    pub lock_interval: Duration,
    /// Whether nodes are cleaned that do not say.
    pub automated_clean: bool,
    /// Nodes that deploy or wait for it at once.
    pub max_concurrent_deploy: usize,
    /// Nodes that are torn down, clean or wait for it at once.
    pub max_concurrent_clean: usize,
    /// How long `wait call-back` may go without a heartbeat.
    pub deploy_callback_timeout: Duration,
    /// How long a machine that was booting its ramdisk when the service was started again may show
    /// no sign of it before it is started again too.
    pub boot_wait_after_restart: Duration,
    /// How long `clean wait` may go without a heartbeat.
    pub clean_callback_timeout: Duration,
    /// How long `service wait` may go without a heartbeat.
    pub service_callback_timeout: Duration,
    /// How long `inspect wait` may take.
    pub inspect_wait_timeout: Duration,
    /// How long a step that tells its progress may make none.
    pub step_progress_timeout: Duration,
    /// Between two looks for those.
    pub check_provision_state_interval: Duration,
    /// Between two looks at every machine's power.
    pub sync_power_state_interval: Duration,
    /// Machines looked at at once.
    pub sync_power_state_workers: usize,
    /// Failed looks in a row that are borne.
    pub power_state_sync_max_retries: u32,
    /// Whether a machine found in another power state is brought back.
    pub force_power_state_during_sync: bool,
    /// Between two tries of BMCs that were lost.
    pub power_failure_recovery_interval: Duration,
    /// Between two signs of life in the database.
    pub heartbeat_interval: Duration,
    /// After which a conductor counts as gone.
    pub heartbeat_timeout: Duration,
    /// How long work may take to stop.
    pub graceful_shutdown_timeout: Duration,
    /// Whether a machine is powered off when its deploy has failed.
    pub power_off_after_deploy_failure: bool,
    /// Whether `available` nodes may be deleted.
    pub allow_deleting_available_nodes: bool,
    /// What agents are told of `heartbeat_timeout`, in seconds.
    pub agent_heartbeat_timeout: u64,
    /// Whether lookup answers only nodes in states in which a ramdisk is expected.
    pub restrict_lookup: bool,
    /// Whether agents must speak TLS.
    pub require_agent_tls: bool,
    /// How long `rescue wait` may go without the ramdisk.
    pub rescue_callback_timeout: Duration,
    /// How rescue passwords are hashed.
    pub rescue_password_hash_algorithm: HashAlgorithm,
    /// How long a step `wait` may wait at most.
    pub max_wait_step: Duration,
    /// Whether nodes in maintenance may be provided and cleaned.
    pub allow_provisioning_in_maintenance: bool,
    /// The logs of ramdisks.
    pub agent_logs: AgentLogOptions,
    /// Serial consoles.
    pub serial: SerialOptions,
    /// Between two looks at a command of an agent; grows when many are followed.
    pub follow_interval: Duration,
    /// How long an agent may not answer before its machine is looked at, and between two looks.
    pub silent_agent_interval: Duration,
}

impl Default for ConductorOptions {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            host: "cupola".to_owned(),
            group: String::new(),
            workers: 300,
            lock_attempts: 3,
            lock_interval: seconds(1),
            automated_clean: true,
            max_concurrent_deploy: 250,
            max_concurrent_clean: 50,
            deploy_callback_timeout: seconds(1800),
            boot_wait_after_restart: seconds(300),
            clean_callback_timeout: seconds(1800),
            service_callback_timeout: seconds(1800),
            inspect_wait_timeout: seconds(1800),
            step_progress_timeout: seconds(1800),
            check_provision_state_interval: seconds(60),
            sync_power_state_interval: seconds(120),
            sync_power_state_workers: 8,
            power_state_sync_max_retries: 3,
            force_power_state_during_sync: true,
            power_failure_recovery_interval: seconds(300),
            heartbeat_interval: seconds(10),
            heartbeat_timeout: seconds(60),
            graceful_shutdown_timeout: seconds(10),
            power_off_after_deploy_failure: true,
            allow_deleting_available_nodes: true,
            agent_heartbeat_timeout: 300,
            restrict_lookup: true,
            require_agent_tls: true,
            rescue_callback_timeout: seconds(1800),
            rescue_password_hash_algorithm: HashAlgorithm::Sha256,
            max_wait_step: seconds(30),
            allow_provisioning_in_maintenance: true,
            agent_logs: AgentLogOptions {
                collect: LogsCollect::OnFailure,
                logs: None,
            },
            serial: SerialOptions {
                record: true,
                record_size: 1024,
            },
            follow_interval: seconds(1),
            silent_agent_interval: seconds(15),
        }
    }
}
