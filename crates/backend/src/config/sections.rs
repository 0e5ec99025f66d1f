//! Every key of the configuration, with its documentation and default. Defaults that show on the
//! wire are those of the wire reference, section 26; names are upstream's where upstream has one.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

use cupola_api::Secret;
use ipnet::Ipv4Net;
use url::Url;

use super::boot_subnet::BootSubnet;
use super::dhcp_mode::DhcpMode;
use super::key::section;
use super::value::choice;

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

choice! {
    /// How clients of the API prove who they are.
    AuthStrategy {
        /// They need not: everybody is admin.
        None => "none",
        /// By user and password, checked against a file.
        HttpBasic => "http_basic",
        /// By a token of Keystone.
        Keystone => "keystone",
    }
}

choice! {
    /// Where the API's certificate comes from.
    TlsMode {
        /// From nowhere: the API is served without TLS.
        Off => "off",
        /// From files.
        Files => "files",
        /// From this service, which makes one and keeps it.
        SelfSigned => "self_signed",
    }
}

choice! {
    /// The firmware's way to boot.
    BootMode {
        /// UEFI.
        Uefi => "uefi",
        /// Legacy BIOS.
        Bios => "bios",
    }
}

choice! {
    /// A boot loader.
    BootLoader {
        /// iPXE.
        Ipxe => "ipxe",
        /// The signed shim and GRUB.
        Grub => "grub",
    }
}

choice! {
    /// When an agent is asked for the logs of its ramdisk.
    LogsCollect {
        /// Whenever its work ends, well or badly.
        Always => "always",
        /// When its work failed.
        OnFailure => "on_failure",
        /// Never.
        Never => "never",
    }
}

choice! {
    /// How a rescue password is hashed (crypt(5)).
    HashAlgorithm {
        /// SHA-256-crypt, `$5$`.
        Sha256 => "sha256",
        /// SHA-512-crypt, `$6$`.
        Sha512 => "sha512",
    }
}

choice! {
    /// Where agents get images of the web from.
    ImageDownloadSource {
        /// From where they are.
        Http => "http",
        /// From this host, which downloads each of them once.
        Local => "local",
    }
}

choice! {
    /// How much something that is told matters.
    NotificationLevel {
        /// What only who looks for a defect wants to know.
        Debug => "debug",
        /// What happens every day.
        Info => "info",
        /// What may become a failure.
        Warning => "warning",
        /// A failure.
        Error => "error",
        /// The end of the service.
        Critical => "critical",
    }
}

choice! {
    /// Where notifications go.
    NotificationDriver {
        /// Into the log, a line each.
        Log => "log",
        /// To RabbitMQ, as oslo.messaging publishes them.
        Rabbitmq => "rabbitmq",
    }
}

section! {
    /// The HTTP API.
    "api" Api {
        /// Where the API listens; port 0 takes a free one. Machines that are provisioned call
        /// it too, so it must be reachable on the provisioning network there.
        listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 6385));
        /// The API's URL in links and for machines, where it is not the address of the request.
        public_endpoint: Option<Url> = None;
        /// How clients prove who they are: none, http_basic or keystone.
        auth: AuthStrategy = AuthStrategy::None;
        /// Users and their bcrypt hashes, for http_basic: what `htpasswd -B` writes. A change
        /// counts within a second, or at once after SIGHUP; while the file is away, broken or without
        /// a user, the users before are kept.
        http_basic_auth_user_file: PathBuf = PathBuf::from("/etc/cupola/htpasswd");
        /// off, files or self_signed: whether the API is served by TLS, and where its certificate
        /// comes from. A self-signed one is made at the first start, in the directory tls below the
        /// state directory; its fingerprint is told at each start.
        tls: TlsMode = TlsMode::Off;
        /// With files: the certificate and those between it and the authority, as PEM. A change of
        /// the files counts within a second; one that has expired does not replace one that has not.
        tls_certificate: Option<PathBuf> = None;
        /// With files: the certificate's private key, as PEM.
        tls_key: Option<PathBuf> = None;
        /// How many connections are served at once; more wait.
        max_connections: usize = 4096;
        /// How many connections one address may have at once; further ones are closed. 0 for no limit
        /// but max_connections, as behind a proxy, where all clients share the proxy's address.
        max_connections_per_address: usize = 1024;
        /// How long a connection without a request is kept, and how long the head of a request may
        /// take.
        keep_alive_timeout: Duration = seconds(30);
        /// How many tokens one address may send in a second that Keystone says are not good, before it
        /// is told to come again later; 0 for no limit. A wrong password counts as ten, and as forty
        /// against its user's name from that address, so that one name waits before the others of the
        /// address do. Behind a proxy or a router that translates addresses, many clients share one.
        refused_logins_per_second: u32 = 10;
        /// How many of them it may send at once, after a quiet time.
        refused_logins_burst: u32 = 200;
        /// How many requests without credentials (lookup, heartbeat, continue_inspection) one address
        /// may make in a second; 0 for no limit. Behind a proxy or a router that translates
        /// addresses, many machines share one.
        ramdisk_requests_per_second: u32 = 100;
        /// How many it may make at once, after it was quiet: enough for 1000 machines that are
        /// powered on together behind one address.
        ramdisk_requests_burst: u32 = 4000;
        /// How much memory the bodies of such requests may take altogether, in MiB.
        max_ramdisk_memory: usize = 256;
        /// A file that overrides single rules of who may do what with a token of Keystone, in YAML or
        /// JSON as oslo.policy has it; docs/policy.md lists the rules. A change counts within a second
        /// or two.
        policy_file: Option<PathBuf> = None;
        /// The name of a project in which the role service is as good as in the whole system, such as
        /// "service" where Nova's user is there and has no role in the system.
        service_project: Option<String> = None;
        /// Whether administrators of a project may enrol nodes of their own, and remove them.
        project_admin_can_manage_own_nodes: bool = true;
        /// The most items of one answer to a list.
        max_limit: usize = 1000;
        /// Whether lookup answers only nodes in states in which a ramdisk is expected.
        restrict_lookup: bool = true;
        /// Whether agents are served: lookup, heartbeat and continue_inspection.
        enable_ramdisk_endpoints: bool = true;
        /// How long an agent may be silent; it is told so at its lookup.
        ramdisk_heartbeat_timeout: Duration = seconds(300);
        /// The largest body of a request, in KiB.
        max_json_body_size: usize = 1024;
        /// The largest body of a provision request, in KiB: a config drive may be in it.
        max_json_body_size_provision: usize = 65536;
        /// The largest body with inspection data, in KiB.
        max_json_body_size_inspection: usize = 16384;
        /// How deep JSON in a request may be nested.
        max_json_body_depth: usize = 25;
    }
}

section! {
    /// The identity service (Keystone), where api.auth is keystone.
    "keystone" Keystone {
        /// Its URL, such as https://HOST:5000/v3.
        auth_url: Option<Url> = None;
        /// Where clients are told to get a token, where that is not auth_url.
        www_authenticate_uri: Option<Url> = None;
        /// The user as which this service asks about tokens; it needs the role service or admin.
        username: Option<String> = None;
        /// Its password.
        password: Option<Secret> = None;
        /// The domain of that user.
        user_domain_name: String = "Default".to_owned();
        /// The project that the user has its role in; in the whole system when it is not set.
        project_name: Option<String> = None;
        /// The domain of that project.
        project_domain_name: String = "Default".to_owned();
        /// An application credential instead of a password: its id.
        application_credential_id: Option<String> = None;
        /// The same by its name; then username is whose it is.
        application_credential_name: Option<String> = None;
        /// The secret of the application credential.
        application_credential_secret: Option<Secret> = None;
        /// Who signs the identity service's certificate: a PEM file; the authorities that this host
        /// trusts when it is not set.
        cafile: Option<PathBuf> = None;
        /// Whether any certificate is taken. Whoever is between can then let anybody in.
        insecure: bool = false;
        /// How long one request to the identity service may take.
        timeout: Duration = seconds(10);
        /// How long what it said of a token counts. A token that is revoked is taken so long.
        token_cache_time: Duration = seconds(10);
        /// How many tokens are remembered.
        token_cache_size: usize = 10_000;
        /// The roles of services that may go on with a user's token that has expired.
        service_token_roles: Vec<String> = vec!["service".to_owned()];
    }
}

section! {
    /// Where everything is kept.
    "database" Database {
        /// postgres://USER:PASSWORD@HOST/NAME or sqlite:///PATH; cupola.sqlite in the state
        /// directory when it is not set.
        url: Option<Secret> = None;
        /// With PostgreSQL: whether this is the only process that writes, so that nodes may be
        /// kept in memory.
        exclusive: bool = false;
    }
}

section! {
    /// What does the work.
    "conductor" Conductor {
        /// The conductor's name, unique among conductors; the host's name when it is not set.
        host: Option<String> = None;
        /// Only nodes of this conductor group are served.
        group: String = String::new();
        /// How often the conductor says that it lives.
        heartbeat_interval: Duration = seconds(10);
        /// When a conductor that was not heard of counts as gone.
        heartbeat_timeout: Duration = seconds(60);
        /// How often power states are read from the BMCs; 0 never.
        sync_power_state_interval: Duration = seconds(120);
        /// How many BMCs are asked at once.
        sync_power_state_workers: usize = 8;
        /// How often in a row a BMC may fail before its node is put into maintenance.
        power_state_sync_max_retries: u32 = 3;
        /// Whether a machine found in another power state is put back into the one wanted.
        force_power_state_during_sync: bool = true;
        /// How often nodes in maintenance because of their BMC are tried again; 0 never.
        power_failure_recovery_interval: Duration = seconds(300);
        /// How often waiting nodes are checked for their time-outs.
        check_provision_state_interval: Duration = seconds(60);
        /// How long a deploy waits for the ramdisk; 0 for ever.
        deploy_callback_timeout: Duration = seconds(1800);
        /// How long a machine that was booting its ramdisk when this process was started again
        /// may show no sign of it before it is started again too; 0 for ever.
        boot_wait_after_restart: Duration = seconds(300);
        /// How long cleaning waits for the ramdisk; 0 for ever.
        clean_callback_timeout: Duration = seconds(1800);
        /// How long servicing waits for the ramdisk; 0 for ever.
        service_callback_timeout: Duration = seconds(1800);
        /// How long inspection waits for the ramdisk; 0 for ever.
        inspect_wait_timeout: Duration = seconds(1800);
        /// How long a rescue waits for the ramdisk; 0 for ever.
        rescue_callback_timeout: Duration = seconds(1800);
        /// How rescue passwords are hashed before a ramdisk gets them: sha256 or sha512.
        rescue_password_hash_algorithm: HashAlgorithm = HashAlgorithm::Sha256;
        /// Priorities of clean steps, each as INTERFACE.STEP:PRIORITY; 0 leaves the step out.
        clean_step_priority_override: Vec<String> = Vec::new();
        /// How many seconds a step wait may wait at most.
        max_conductor_wait_step_seconds: Duration = seconds(30);
        /// Whether nodes in maintenance may be provided and cleaned.
        allow_provisioning_in_maintenance: bool = true;
        /// How long a step that tells its progress may make none; 0 for ever.
        step_progress_timeout: Duration = seconds(1800);
        /// Whether machines are cleaned before they become available.
        automated_clean: bool = true;
        /// Whether nodes that are available can be deleted.
        allow_deleting_available_nodes: bool = true;
        /// How many nodes may be deploying at once.
        max_concurrent_deploy: usize = 250;
        /// How many nodes may be cleaning at once.
        max_concurrent_clean: usize = 50;
        /// How many pieces of work run at once.
        workers_pool_size: usize = 300;
        /// How often a locked node is tried again.
        node_locked_retry_attempts: u32 = 3;
        /// How long between two tries of a locked node.
        node_locked_retry_interval: Duration = seconds(1);
        /// How long a power change may take.
        power_state_change_timeout: Duration = seconds(60);
        /// How long an operating system may take to shut down.
        soft_power_off_timeout: Duration = seconds(600);
        /// How many machines are powered on within a second; further ones wait for their turn. 0
        /// for no limit.
        power_ons_per_second: u32 = 50;
    }
}

section! {
    /// How machines are deployed.
    "deploy" Deploy {
        /// uefi or bios, where a node does not say.
        default_boot_mode: BootMode = BootMode::Uefi;
        /// Whether a ramdisk that is running is used for what comes next, instead of a reboot
        /// between inspection, cleaning and deployment.
        fast_track: bool = false;
        /// How long ago an agent may have called to count as running.
        fast_track_timeout: Duration = seconds(300);
        /// Whether a machine is powered off when its deploy fails.
        power_off_after_deploy_failure: bool = true;
    }
}

section! {
    /// How machines are cleaned.
    "cleaning" Cleaning {
        /// Priority of erase_devices; 0 leaves it out; what the agent says when it is not set.
        erase_devices_priority: Option<i64> = None;
        /// Priority of erase_devices_metadata; 0 leaves it out; what the agent says when it is
        /// not set.
        erase_devices_metadata_priority: Option<i64> = None;
        /// Priority of raid.create_configuration; 0 leaves it out; what the agent says when it is
        /// not set.
        create_configuration_priority: Option<i64> = None;
        /// Priority of raid.delete_configuration; 0 leaves it out; what the agent says when it is
        /// not set.
        delete_configuration_priority: Option<i64> = None;
    }
}

section! {
    /// How hardware is discovered.
    "inspection" Inspection {
        /// Whether a machine is powered off after inspection.
        power_off: bool = true;
    }
}

section! {
    /// Which hardware is served.
    "drivers" Drivers {
        /// The hardware types: ipmi, fake-hardware; redfish can be chosen, and acts on nothing yet.
        enabled: Vec<String> = vec!["ipmi".to_owned()];
        /// How long an action of fake-hardware takes: seconds, or two numbers with a comma for
        /// a random time between them.
        fake_delay: String = "0".to_owned();
        /// How probable it is that an action of fake-hardware fails, from 0 to 1.
        fake_failure_rate: f64 = 0.0;
    }
}

section! {
    /// BMCs that speak IPMI.
    "ipmi" Ipmi {
        /// How long a command is tried altogether.
        command_retry_timeout: Duration = seconds(60);
        /// What the time between two tries of a command grows to; it begins with half a second.
        min_command_interval: Duration = seconds(5);
    }
}

section! {
    /// DHCP, TFTP and HTTP on the provisioning network.
    "boot" Boot {
        /// Whether machines are netbooted by this process.
        enabled: bool = false;
        /// This host's address on the provisioning network, as machines see it.
        address: Option<Ipv4Addr> = None;
        /// The interface of the provisioning network; DHCP broadcasts are heard only with it.
        interface: Option<String> = None;
        /// What DHCP does: server (hands out addresses), proxy (names the boot file beside another
        /// DHCP server) or off. Only ports of enrolled nodes are answered.
        dhcp: DhcpMode = DhcpMode::Server;
        /// Where DHCP listens, when not at port 67 of every address.
        dhcp_listen: Option<SocketAddrV4> = None;
        /// Where the PXE boot server of the mode proxy listens, when not at port 4011 of
        /// boot.address.
        pxe_listen: Option<SocketAddrV4> = None;
        /// Whether DHCP answers go to where the question came from: simulated machines only.
        dhcp_answer_to_source: bool = false;
        /// The provisioning network.
        network: Option<Ipv4Net> = None;
        /// The first address that is handed out.
        pool_first: Option<Ipv4Addr> = None;
        /// The last address that is handed out.
        pool_last: Option<Ipv4Addr> = None;
        /// The router that machines are told.
        router: Option<Ipv4Addr> = None;
        /// The name servers that machines are told.
        dns: Vec<Ipv4Addr> = Vec::new();
        /// How long an address is promised.
        lease_time: Duration = seconds(3600);
        /// More networks, behind DHCP relays; each as a table [[boot.subnets]] with network, first,
        /// last, and where wanted router, dns and lease_time.
        subnets: Vec<BootSubnet> = Vec::new();
        /// Whether an address is looked for on the network (by ARP, behind a relay by ICMP) before
        /// it is first offered.
        detect_conflicts: bool = true;
        /// Whether boot loaders are served by TFTP.
        tftp: bool = true;
        /// Where TFTP listens, when not at port 69 of boot.address.
        tftp_listen: Option<SocketAddrV4> = None;
        /// Where the boot services' HTTP server listens, when not at port 8088 of boot.address.
        http_listen: Option<SocketAddr> = None;
        /// The URL of that server as machines see it, where it is not where it listens.
        http_url: Option<Url> = None;
        /// What machines are netbooted through, where a node names no boot interface: iPXE
        /// (interface ipxe), or the signed shim and GRUB (interface pxe), which UEFI's Secure
        /// Boot takes.
        loader: BootLoader = BootLoader::Ipxe;
        /// The directory with iPXE's boot loaders.
        loader_directory: PathBuf = PathBuf::from("/usr/lib/ipxe");
        /// The deploy kernel, where a node names none.
        deploy_kernel: Option<PathBuf> = None;
        /// The deploy ramdisk, where a node names none.
        deploy_ramdisk: Option<PathBuf> = None;
        /// The rescue kernel, where a node names none; the deploy kernel when it is not set.
        rescue_kernel: Option<PathBuf> = None;
        /// The rescue ramdisk, where a node names none; the deploy ramdisk when it is not set.
        rescue_ramdisk: Option<PathBuf> = None;
        /// A directory whose images agents may download from here.
        image_directory: Option<PathBuf> = None;
        /// How much room images, kernels and ramdisks of the web may take on this host, in MiB.
        image_cache_size: usize = 20480;
        /// How long one that no node uses is kept.
        image_cache_ttl: Duration = seconds(604_800);
        /// What is appended to the kernel's command line. kernel_append_params of a node stands in its
        /// place, with this where it says %default%. With api.tls self_signed ramdisks are told
        /// ipa-insecure=1 besides, unless one of the two has ipa-insecure or ipa-cafile; with files and
        /// an authority of your own, write ipa-cafile=FILE, of a file in the ramdisk.
        kernel_append_params: String = "nofb vga=normal".to_owned();
    }
}

section! {
    /// The agent in the ramdisk.
    "agent" Agent {
        /// Whether agents must be reached by https.
        require_tls: bool = true;
        /// How long one request to an agent may take.
        command_timeout: Duration = seconds(60);
        /// How often a request is tried when the connection fails.
        max_command_attempts: u32 = 3;
        /// How often a command that is waited for is looked at before it is given up.
        command_wait_attempts: u32 = 100;
        /// How long between two looks.
        command_wait_interval: Duration = seconds(6);
        /// How often the power of a machine that powers itself off is looked at.
        post_deploy_get_power_state_retries: u32 = 6;
        /// How long between two looks at it.
        post_deploy_get_power_state_retry_interval: Duration = seconds(5);
        /// http or local: whether agents download images of the web from where they are, or from
        /// this host's cache, where a node does not say.
        image_download_source: ImageDownloadSource = ImageDownloadSource::Http;
        /// Whether a raw image goes straight to the disk instead of through memory.
        stream_raw_images: bool = true;
        /// Who signs the certificates of agents that send none in their heartbeat: true for the
        /// authorities that this host trusts, false for anybody, else the path of a PEM file.
        verify_ca: String = "true".to_owned();
        /// Whether the agent logs everything.
        debug: bool = false;
        /// When the ramdisk's logs are collected: always, on_failure or never.
        deploy_logs_collect: LogsCollect = LogsCollect::OnFailure;
        /// Where they are kept; agent-logs in the state directory when it is not set.
        deploy_logs_local_path: Option<PathBuf> = None;
        /// How much they may take altogether, in MiB; the oldest are deleted first.
        deploy_logs_quota: usize = 512;
    }
}

section! {
    /// Serial consoles of machines: serial-over-LAN of their BMCs.
    "serial" Serial {
        /// Whether what a machine writes to its serial console is recorded while its node is
        /// deployed, cleaned, inspected, rescued or serviced. A recording is kept with the logs of
        /// agent.deploy_logs_local_path, also when all goes well; it holds what the machine writes,
        /// never what is typed. While it goes on the BMC's serial console is taken by this service.
        record: bool = true;
        /// How much of each recording is kept, in KiB: the last.
        record_size: usize = 1024;
    }
}

section! {
    /// Notifications of changes, as Ironic emits them.
    "notifications" Notifications {
        /// The lowest level of what is told: debug, info, warning, error or critical. Not set,
        /// nothing is told. Failures are of level error, everything else is of level info.
        notification_level: Option<NotificationLevel> = None;
        /// Where they go. log: a line of the log each, with the target cupola::notifications.
        /// rabbitmq: to the message broker of url, as oslo.messaging's messagingv2 publishes them.
        driver: NotificationDriver = NotificationDriver::Log;
        /// With rabbitmq: amqp://USER:PASSWORD@HOST:5672/VIRTUALHOST, or amqps:// for TLS.
        url: Option<Secret> = None;
        /// With rabbitmq: how many notifications wait while the broker is away; when there are more,
        /// the oldest are dropped.
        queue_length: usize = 4096;
        /// With rabbitmq: whether the exchange and the queues are durable where this service makes
        /// them; the same as amqp_durable_queues of those that listen.
        amqp_durable_queues: bool = false;
    }
}

section! {
    /// Between API and conductor processes.
    "rpc" RpcSection {
        /// The message queue between them. This version serves none: not set, everything is in this
        /// process.
        url: Option<Secret> = None;
    }
}
