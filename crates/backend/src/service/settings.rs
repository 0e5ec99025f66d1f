//! What each part of the service gets out of the configuration.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cupola_drivers::agent::{AgentClients, AgentRescue};
use cupola_drivers::boot::{
    AddressService, BootServices, BootServicesConfig, DhcpConfig, DhcpService, DnsmasqConfig,
    FileSet, HttpConfig, Loader, LoaderNames, OpenFiles, ReplyTo, ServedSubnet, Subnet, TftpConfig,
    base_url,
};
use cupola_drivers::direct::image::DownloadSource;
use cupola_drivers::direct::{DirectDeploy, LocalImages};
use cupola_drivers::fake::{DelayRange, FakeSettings};
use cupola_drivers::image_cache::{CacheLimits, ImageCache};
use cupola_drivers::interface::{
    AgentSettings, BootSettings, CleaningSettings, DriverSettings, InspectionSettings, PowerOnPace,
};
use cupola_drivers::ipmi::{IpmiConfig, IpmiHub};
use cupola_drivers::ipxe::IpxeBoot;
use cupola_drivers::registry::{Implementations, Registry};

use super::ServiceError;
use crate::agent_logs::AgentLogs;
use crate::conductor::ConductorOptions;
use crate::conductor::options::{AgentLogOptions, SerialOptions};
use crate::config::{
    BootLoader, BootMode, Config, DhcpMode, ImageDownloadSource, TlsMode, priorities,
};

/// The port of the boot services' HTTP server where the configuration names none.
const BOOT_HTTP_PORT: u16 = 8088;
/// The port of the PXE boot server (PXE specification 2.1).
const PXE_PORT: u16 = 4011;
/// The port of TFTP (RFC 1350).
const TFTP_PORT: u16 = 69;
/// Below the image directory: what is published for single nodes.
const NODE_IMAGES: &str = "nodes";
/// Below the state directory: files of the web that are kept for machines.
const IMAGE_CACHE: &str = "image-cache";

pub(super) fn conductor(config: &Config, state_directory: &Path) -> ConductorOptions {
    let conductor = &config.conductor;
    ConductorOptions {
        host: conductor.host.clone().unwrap_or_else(host_name),
        group: conductor.group.clone(),
        workers: conductor.workers_pool_size,
        lock_attempts: conductor.node_locked_retry_attempts,
        lock_interval: conductor.node_locked_retry_interval,
        automated_clean: conductor.automated_clean,
        max_concurrent_deploy: conductor.max_concurrent_deploy,
        max_concurrent_clean: conductor.max_concurrent_clean,
        deploy_callback_timeout: conductor.deploy_callback_timeout,
        step_progress_timeout: conductor.step_progress_timeout,
        boot_wait_after_restart: conductor.boot_wait_after_restart,
        clean_callback_timeout: conductor.clean_callback_timeout,
        service_callback_timeout: conductor.service_callback_timeout,
        inspect_wait_timeout: conductor.inspect_wait_timeout,
        check_provision_state_interval: conductor.check_provision_state_interval,
        sync_power_state_interval: conductor.sync_power_state_interval,
        sync_power_state_workers: conductor.sync_power_state_workers,
        power_state_sync_max_retries: conductor.power_state_sync_max_retries,
        force_power_state_during_sync: conductor.force_power_state_during_sync,
        power_failure_recovery_interval: conductor.power_failure_recovery_interval,
        heartbeat_interval: conductor.heartbeat_interval,
        heartbeat_timeout: conductor.heartbeat_timeout,
        power_off_after_deploy_failure: config.deploy.power_off_after_deploy_failure,
        allow_deleting_available_nodes: conductor.allow_deleting_available_nodes,
        agent_heartbeat_timeout: config.api.ramdisk_heartbeat_timeout.as_secs(),
        restrict_lookup: config.api.restrict_lookup,
        require_agent_tls: config.agent.require_tls,
        rescue_callback_timeout: conductor.rescue_callback_timeout,
        rescue_password_hash_algorithm: conductor.rescue_password_hash_algorithm,
        max_wait_step: conductor.max_conductor_wait_step_seconds,
        allow_provisioning_in_maintenance: conductor.allow_provisioning_in_maintenance,
        agent_logs: agent_logs(config, state_directory),
        serial: SerialOptions {
            record: config.serial.record,
            record_size: config.serial.record_size,
        },
        ..ConductorOptions::default()
    }
}

fn agent_logs(config: &Config, state_directory: &Path) -> AgentLogOptions {
    let agent = &config.agent;
    let directory = agent
        .deploy_logs_local_path
        .clone()
        .unwrap_or_else(|| state_directory.join("agent-logs"));
    let quota = u64::try_from(agent.deploy_logs_quota).unwrap_or(u64::MAX);
    AgentLogOptions {
        collect: agent.deploy_logs_collect,
        logs: Some(AgentLogs::new(directory, quota.saturating_mul(1 << 20))),
    }
}

/// The host's name, as the operating system has it.
fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}

fn image_directory(config: &Config, state_directory: &Path) -> PathBuf {
    config
        .boot
        .image_directory
        .clone()
        .unwrap_or_else(|| state_directory.join("images"))
}

/// The boot services' configuration; `None` when they are not enabled.
pub(super) async fn boot_services(
    config: &Config,
    state_directory: &Path,
) -> Result<Option<BootServicesConfig>, ServiceError> {
    let boot = &config.boot;
    if !boot.enabled {
        return Ok(None);
    }
    let address = boot.address.ok_or_else(|| {
        missing(
            "boot.address",
            "this host's address on the provisioning network",
        )
    })?;
    let bind = boot
        .http_listen
        .unwrap_or_else(|| SocketAddr::from((address, BOOT_HTTP_PORT)));
    let images = image_directory(config, state_directory);
    std::fs::create_dir_all(&images).map_err(|source| ServiceError::Io {
        what: format!("the image directory {} cannot be made", images.display()),
        source,
    })?;
    let http = HttpConfig {
        url: boot.http_url.clone(),
        image_directory: Some(images),
        ..HttpConfig::new(bind)
    };
    let mut files = if boot.tftp {
        FileSet::load(
            std::slice::from_ref(&boot.loader_directory),
            &LoaderNames::default(),
        )
        .await?
    } else {
        FileSet::new()
    };
    match (files.load_signed().await, boot.loader) {
        (Ok(()), _) => {}
        (Err(error), BootLoader::Grub) => return Err(error.into()),
        (Err(error), BootLoader::Ipxe) => {
            tracing::info!(%error, "boot interface pxe cannot be used");
        }
    }
    let mut services = BootServicesConfig::new(address, http, files);
    if boot.tftp {
        let bind = boot
            .tftp_listen
            .unwrap_or_else(|| SocketAddrV4::new(address, TFTP_PORT));
        services.tftp = Some(TftpConfig::new(bind));
    }
    services.dhcp = dhcp(config, address)?;
    Ok(Some(services))
}

fn missing(key: &str, what: &str) -> ServiceError {
    ServiceError::Configuration(format!(
        "{key} is not set, and the boot services need it: {what}"
    ))
}

/// The DHCP server; `None` where we are none.
fn dhcp(config: &Config, address: Ipv4Addr) -> Result<Option<DhcpConfig>, ServiceError> {
    let boot = &config.boot;
    let service = match boot.dhcp {
        DhcpMode::Server => DhcpService::Addresses(address_service(config)?),
        DhcpMode::Proxy => DhcpService::Proxy {
            boot_server: boot
                .pxe_listen
                .unwrap_or_else(|| SocketAddrV4::new(address, PXE_PORT)),
        },
        DhcpMode::Off => return Ok(None),
    };
    let mut dhcp = DhcpConfig::standard(boot.interface.clone(), service);
    if let Some(listen) = boot.dhcp_listen {
        dhcp.bind = listen;
    }
    if boot.dhcp_answer_to_source {
        dhcp.reply = ReplyTo::Source;
    }
    Ok(Some(dhcp))
}

fn address_service(config: &Config) -> Result<AddressService, ServiceError> {
    let boot = &config.boot;
    let mut subnets = Vec::new();
    if let Some(network) = boot.network {
        let first = boot
            .pool_first
            .ok_or_else(|| missing("boot.pool_first", "the first address that is handed out"))?;
        let last = boot
            .pool_last
            .ok_or_else(|| missing("boot.pool_last", "the last address that is handed out"))?;
        subnets.push(ServedSubnet {
            subnet: Subnet {
                network,
                first,
                last,
                router: boot.router,
                dns: boot.dns.clone(),
            },
            lease_time: boot.lease_time,
        });
    }
    subnets.extend(boot.subnets.iter().map(|subnet| ServedSubnet {
        subnet: Subnet {
            network: subnet.network,
            first: subnet.first,
            last: subnet.last,
            router: subnet.router,
            dns: subnet.dns.clone(),
        },
        lease_time: subnet.lease_time.unwrap_or(boot.lease_time),
    }));
    Ok(AddressService {
        subnets,
        detect_conflicts: boot.detect_conflicts,
    })
}

/// What machines are netbooted through, where the node's boot interface does not say.
const fn loader(config: &Config) -> Loader {
    match config.boot.loader {
        BootLoader::Ipxe => Loader::Ipxe,
        BootLoader::Grub => Loader::Grub,
    }
}

/// What `cupola boot dnsmasq-config` prints.
pub(super) fn dnsmasq(config: &Config) -> Result<String, ServiceError> {
    let boot = &config.boot;
    let address = boot.address.ok_or_else(|| {
        missing(
            "boot.address",
            "this host's address on the provisioning network",
        )
    })?;
    let subnets = address_service(config)?.subnets;
    if subnets.is_empty() {
        return Err(missing(
            "boot.network",
            "the network that dnsmasq hands out addresses on",
        ));
    }
    let listens = boot
        .http_listen
        .unwrap_or_else(|| SocketAddr::from((address, BOOT_HTTP_PORT)));
    let http = HttpConfig {
        url: boot.http_url.clone(),
        ..HttpConfig::new(listens)
    };
    let dnsmasq = DnsmasqConfig {
        interface: boot.interface.as_deref(),
        address,
        http: &base_url(&http, address, listens)?,
        loader: loader(config),
        loaders: &LoaderNames::default(),
        subnets: &subnets,
    };
    Ok(dnsmasq.render())
}

/// The drivers.
pub(super) fn registry(
    config: &Config,
    state_directory: &Path,
    api: Option<SocketAddr>,
    boot: Option<&BootServices>,
) -> Result<Registry, ServiceError> {
    let http_url = boot.map(|boot| boot.http_url().as_str().trim_end_matches('/').to_owned());
    let mut settings = driver_settings(config, api, http_url.clone())?;
    settings.boot.grub = boot.is_some_and(|boot| boot.offers(Loader::Grub));
    let cache = boot
        .map(|boot| image_cache(config, state_directory, boot.open_files()))
        .transpose()?;
    let images = match http_url {
        Some(url) => LocalImages::new(
            image_directory(config, state_directory).join(NODE_IMAGES),
            &format!("{url}/images/{NODE_IMAGES}"),
        ),
        None => LocalImages::default(),
    };
    let source = match config.agent.image_download_source {
        ImageDownloadSource::Http => DownloadSource::Http,
        ImageDownloadSource::Local => DownloadSource::Local,
    };
    let images = images.with_cache(cache.clone(), source);
    let clients = Arc::new(AgentClients::default());
    let mut implementations = Implementations::default().with_redfish().with_agent(
        IpxeBoot::new(settings.boot.clone()).with_cache(cache),
        DirectDeploy::new(Arc::clone(&clients), images),
        AgentRescue::new(clients),
    );
    let enabled = |name: &str| config.drivers.enabled.iter().any(|e| e == name);
    if enabled("ipmi") {
        let usual = IpmiConfig::default();
        let hub = IpmiHub::new(IpmiConfig {
            deadline: config.ipmi.command_retry_timeout,
            retransmit_most: config.ipmi.min_command_interval.max(usual.retransmit_first),
            ..usual
        })
        .map_err(|source| ServiceError::Io {
            what: "no socket for IPMI".to_owned(),
            source,
        })?;
        let efi = config.deploy.default_boot_mode == BootMode::Uefi;
        implementations = implementations.with_ipmi(hub, efi);
    }
    if enabled("fake-hardware") {
        let delay = DelayRange::parse(&config.drivers.fake_delay).ok_or_else(|| {
            ServiceError::Configuration(format!(
                "drivers.fake_delay is {:?}; write seconds as 1.5 or as 0.5,2",
                config.drivers.fake_delay
            ))
        })?;
        implementations = implementations.with_fake(FakeSettings {
            delay,
            failure_rate: config.drivers.fake_failure_rate,
        });
    }
    let registry = Registry::new(&config.drivers.enabled, implementations, settings)?;
    Ok(registry.with_loader(loader(config)))
}

fn image_cache(
    config: &Config,
    state_directory: &Path,
    served: OpenFiles,
) -> Result<ImageCache, ServiceError> {
    let limits = CacheLimits {
        size: (config.boot.image_cache_size as u64).saturating_mul(1 << 20),
        ttl: config.boot.image_cache_ttl,
    };
    let directory = state_directory.join(IMAGE_CACHE);
    ImageCache::new(&directory, limits, served).map_err(|error| {
        ServiceError::Configuration(format!("the image cache cannot download: {error}"))
    })
}

fn driver_settings(
    config: &Config,
    api: Option<SocketAddr>,
    http_url: Option<String>,
) -> Result<DriverSettings, ServiceError> {
    let agent = &config.agent;
    let power_off_interval = agent.post_deploy_get_power_state_retry_interval;
    Ok(DriverSettings {
        power_state_change_timeout: config.conductor.power_state_change_timeout,
        power_on: PowerOnPace::per_second(config.conductor.power_ons_per_second),
        soft_power_off_timeout: config.conductor.soft_power_off_timeout,
        boot: BootSettings {
            api_url: api_url(config, api),
            http_url,
            deploy_kernel: config.boot.deploy_kernel.clone(),
            deploy_ramdisk: config.boot.deploy_ramdisk.clone(),
            grub: false,
            rescue_kernel: config.boot.rescue_kernel.clone(),
            rescue_ramdisk: config.boot.rescue_ramdisk.clone(),
            kernel_append_params: config.boot.kernel_append_params.clone(),
            api_is_self_signed: config.api.tls == TlsMode::SelfSigned,
            debug: agent.debug,
            default_boot_mode: config.deploy.default_boot_mode.as_str().to_owned(),
        },
        agent: AgentSettings {
            command_timeout: agent.command_timeout,
            max_command_attempts: agent.max_command_attempts,
            command_wait: agent.command_wait_interval * agent.command_wait_attempts,
            command_wait_interval: agent.command_wait_interval,
            power_off_wait: power_off_interval * agent.post_deploy_get_power_state_retries,
            power_off_interval,
            fast_track: config.deploy.fast_track,
            fast_track_timeout: config.deploy.fast_track_timeout,
            stream_raw_images: agent.stream_raw_images,
            verify_ca: agent.verify_ca.clone(),
        },
        cleaning: CleaningSettings {
            erase_devices_priority: config.cleaning.erase_devices_priority,
            erase_devices_metadata_priority: config.cleaning.erase_devices_metadata_priority,
            create_configuration_priority: config.cleaning.create_configuration_priority,
            delete_configuration_priority: config.cleaning.delete_configuration_priority,
            priority_overrides: priorities(config)?,
        },
        inspection: InspectionSettings {
            power_off: config.inspection.power_off,
        },
    })
}

fn priorities(config: &Config) -> Result<BTreeMap<String, i64>, ServiceError> {
    let given = &config.conductor.clean_step_priority_override;
    priorities::read(given).map_err(|reason| {
        ServiceError::Configuration(format!("conductor.clean_step_priority_override {reason}"))
    })
}

/// The API as a ramdisk reaches it.
fn api_url(config: &Config, api: Option<SocketAddr>) -> String {
    if let Some(url) = &config.api.public_endpoint {
        return url.as_str().trim_end_matches('/').to_owned();
    }
    let listens = api.unwrap_or(config.api.listen);
    let address = if listens.ip().is_unspecified() {
        let ours = config.boot.address.unwrap_or(Ipv4Addr::LOCALHOST);
        SocketAddr::from((ours, listens.port()))
    } else {
        listens
    };
    let scheme = match config.api.tls {
        TlsMode::Off => "http",
        TlsMode::Files | TlsMode::SelfSigned => "https",
    };
    format!("{scheme}://{address}")
}
