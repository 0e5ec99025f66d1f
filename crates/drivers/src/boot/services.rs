//! Starts the boot services together, and stops them together.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::advertisement::Advertiser;
use super::dhcp::answer::Endpoints;
use super::dhcp::caller::Callers;
use super::dhcp::sockets::DhcpSockets;
use super::dhcp::{DhcpConfig, DhcpService};
use super::directory::{BootDirectory, ContactSink};
use super::files::{FileSet, Loader, LoaderNames};
use super::http::routes::{self, HttpState};
use super::http::{HttpConfig, HttpServer};
use super::leases::{LeaseStore, LeaseStoreError, LeaseTable, MemoryLeaseStore};
use super::node_files::NodeFiles;
use super::open_files::OpenFiles;
use super::reporter::Reporter;
use super::tftp::{TftpConfig, TftpServer};

/// All of it.
#[derive(Clone)]
pub struct BootServicesConfig {
    /// Our address on the provisioning network, as machines see it.
    pub address: Ipv4Addr,
    /// DHCP; `None` where another server hands out addresses and names our loaders.
    pub dhcp: Option<DhcpConfig>,
    /// TFTP; `None` where nothing boots over PXE.
    pub tftp: Option<TftpConfig>,
    /// HTTP.
    pub http: HttpConfig,
    /// Which loader each kind of client gets.
    pub loaders: LoaderNames,
    /// The loaders.
    pub files: FileSet,
    /// Where leases are kept across restarts.
    pub lease_store: Arc<dyn LeaseStore>,
}

impl BootServicesConfig {
    /// Everything but DHCP on the ports that firmware expects.
    #[must_use]
    pub fn new(address: Ipv4Addr, http: HttpConfig, files: FileSet) -> Self {
        Self {
            address,
            dhcp: None,
            tftp: None,
            http,
            loaders: LoaderNames::default(),
            files,
            lease_store: Arc::new(MemoryLeaseStore),
        }
    }
}

/// The services could not be started.
#[derive(Debug, thiserror::Error)]
pub enum BootServicesError {
    /// A socket could not be opened.
    #[error(
        "the {service} server cannot listen on {address}{}; {}", device(.interface.as_deref()),
        advice(.source)
    )]
    Bind {
        /// `DHCP`, `TFTP` or `HTTP boot`.
        service: &'static str,
        /// The address wanted.
        address: SocketAddr,
        /// The interface wanted.
        interface: Option<String>,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A loader is named that is not there.
    #[error("boot loader {0} is not among the loaded files; load it, or name another one")]
    MissingLoader(String),
    /// DHCP without a network.
    #[error("the DHCP server has no subnet; configure the provisioning network's range")]
    NoSubnet,
    /// A subnet that contradicts itself.
    #[error(
        "the DHCP pool {first} - {last} is not an ascending range within {network}; correct it"
    )]
    BadPool {
        /// The network.
        network: ipnet::Ipv4Net,
        /// First address.
        first: Ipv4Addr,
        /// Last address.
        last: Ipv4Addr,
    },
    /// Two subnets that are one.
    #[error("the DHCP networks {network} and {other} overlap; a machine is on one of them only")]
    Overlap {
        /// One network.
        network: ipnet::Ipv4Net,
        /// Another that has some of its addresses.
        other: ipnet::Ipv4Net,
    },
    /// What addresses have been given out is not known, so none can be given out.
    #[error(transparent)]
    Leases(#[from] LeaseStoreError),
    /// The server's URL cannot be built.
    #[error("the HTTP boot server's URL cannot be made of {0}; configure it")]
    Url(String),
}

fn device(interface: Option<&str>) -> String {
    interface.map_or_else(String::new, |name| format!(" of interface {name}"))
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program has the port: find it with `ss -lnp`, stop it, and start again"
        }
        io::ErrorKind::PermissionDenied => {
            "that needs root, or CAP_NET_BIND_SERVICE and CAP_NET_RAW"
        }
        io::ErrorKind::AddrNotAvailable => "no interface of this host has the address",
        _ => "check the address and the interface",
    }
}

/// The services, running.
#[derive(Debug)]
pub struct BootServices {
    dhcp: Option<SocketAddr>,
    boot_server: Option<SocketAddr>,
    tftp: Option<SocketAddr>,
    http: SocketAddr,
    base: Url,
    grub: bool,
    open_files: OpenFiles,
    dropped: Arc<AtomicU64>,
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl BootServices {
    /// Opens the sockets and serves until `stop` is cancelled.
    ///
    /// # Errors
    /// A socket cannot be opened, or the configuration contradicts itself; then nothing runs.
    pub async fn start(
        config: BootServicesConfig,
        directory: Arc<dyn BootDirectory>,
        sink: Arc<dyn ContactSink>,
        stop: CancellationToken,
    ) -> Result<Self, BootServicesError> {
        check(&config)?;
        let stop = stop.child_token();
        let dropped = Arc::new(AtomicU64::new(0));
        let files = Arc::new(config.files);
        let stored = config.lease_store.load().await?;
        let leases = Arc::new(LeaseTable::new(vec![config.address], stored));
        let reporter = Reporter::new(sink, Arc::clone(&leases));

        // All sockets are opened before anything is served, so that a failed start leaves nothing.
        let http = HttpServer::bind(&config.http, stop.clone())
            .await
            .and_then(|server| Ok((server.local_addr()?, server)))
            .map_err(|source| bind_error("HTTP boot", config.http.bind, None, source))?;
        let tftp = match config.tftp {
            Some(tftp) => Some(tftp_server(tftp, &files, &dropped, &stop).await?),
            None => None,
        };
        let dhcp = match &config.dhcp {
            Some(dhcp) => Some(DhcpSockets::open(dhcp, &dropped, &stop)?),
            None => None,
        };

        let base = base_url(&config.http, config.address, http.0)?;
        let tracker = TaskTracker::new();
        let open_files = OpenFiles::default();
        let nodes = Arc::new(NodeFiles {
            base: base.clone(),
            address: config.address,
            directory: Arc::clone(&directory),
            leases: Arc::clone(&leases),
            reporter: reporter.clone(),
            is_without_dhcp: config.dhcp.is_none(),
            open_files: open_files.clone(),
        });
        let grub = files.offers(Loader::Grub);
        let state = HttpState {
            nodes: Arc::clone(&nodes),
            files,
            images: config.http.image_directory,
        };
        tracker.spawn(http.1.run(routes::router(state)));
        let tftp = tftp.map(|(address, server)| {
            tracker.spawn(server.run(nodes));
            address
        });
        if let Some(interface) = config.dhcp.as_ref().and_then(|d| d.interface.as_deref()) {
            advertise(interface, &directory, &tracker, &stop);
        }
        let dhcp = dhcp.zip(config.dhcp).map(|(sockets, dhcp)| {
            let callers = Callers {
                endpoints: Endpoints {
                    address: config.address,
                    http: base.clone(),
                    loaders: config.loaders,
                },
                leases,
                directory,
                reporter,
            };
            sockets.serve(dhcp, &callers, config.lease_store, &tracker, &stop)
        });
        tracker.close();
        Ok(Self {
            dhcp: dhcp.as_ref().map(|bound| bound.server),
            boot_server: dhcp.and_then(|bound| bound.boot_server),
            tftp,
            http: http.0,
            base,
            grub,
            open_files,
            dropped,
            tracker,
            stop,
        })
    }

    /// Where DHCP listens.
    #[must_use]
    pub const fn dhcp_address(&self) -> Option<SocketAddr> {
        self.dhcp
    }

    /// Where the PXE boot server of proxyDHCP listens.
    #[must_use]
    pub const fn boot_server_address(&self) -> Option<SocketAddr> {
        self.boot_server
    }

    /// Where TFTP listens.
    #[must_use]
    pub const fn tftp_address(&self) -> Option<SocketAddr> {
        self.tftp
    }

    /// Where HTTP listens.
    #[must_use]
    pub const fn http_address(&self) -> SocketAddr {
        self.http
    }

    /// The HTTP server's base URL as machines see it, with a trailing slash. Images are below
    /// `images/`.
    #[must_use]
    pub const fn http_url(&self) -> &Url {
        &self.base
    }

    /// The files that are kept open between requests.
    #[must_use]
    pub fn open_files(&self) -> OpenFiles {
        self.open_files.clone()
    }

    /// Whether machines can be booted through this loader.
    #[must_use]
    pub const fn offers(&self, loader: Loader) -> bool {
        match loader {
            Loader::Ipxe => true,
            Loader::Grub => self.grub,
        }
    }

    /// Packets dropped because too many were worked on at once.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Stops all of them and waits until they have stopped.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tracker.wait().await;
    }
}

impl Drop for BootServices {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn check(config: &BootServicesConfig) -> Result<(), BootServicesError> {
    if config.tftp.is_some() {
        for name in config.loaders.all() {
            if config.files.get(name).is_none() {
                return Err(BootServicesError::MissingLoader(name.to_owned()));
            }
        }
    }
    let addresses = match config.dhcp.as_ref().map(|dhcp| &dhcp.service) {
        Some(DhcpService::Addresses(addresses)) => addresses,
        Some(DhcpService::Proxy { .. }) | None => return Ok(()),
    };
    if addresses.subnets.is_empty() {
        return Err(BootServicesError::NoSubnet);
    }
    for (at, served) in addresses.subnets.iter().enumerate() {
        let subnet = &served.subnet;
        let (network, first, last) = (subnet.network, subnet.first, subnet.last);
        if first > last || !network.contains(&first) || !network.contains(&last) {
            return Err(BootServicesError::BadPool {
                network,
                first,
                last,
            });
        }
        let mut others = addresses.subnets.iter().take(at);
        if let Some(other) = others.find(|other| overlap(other.subnet.network, network)) {
            let other = other.subnet.network;
            return Err(BootServicesError::Overlap { network, other });
        }
    }
    Ok(())
}

/// Answers router solicitations of that interface.
fn advertise(
    interface: &str,
    directory: &Arc<dyn BootDirectory>,
    tracker: &TaskTracker,
    stop: &CancellationToken,
) {
    match Advertiser::bind(interface, stop.clone()) {
        Ok(advertiser) => {
            tracker.spawn(advertiser.run(Arc::clone(directory)));
        }
        // Machines boot all the same, some seconds later.
        Err(error) => tracing::warn!(
            %error, interface, "router solicitations cannot be answered; iPXE will wait"
        ),
    }
}

fn overlap(one: ipnet::Ipv4Net, other: ipnet::Ipv4Net) -> bool {
    one.contains(&other.network()) || other.contains(&one.network())
}

async fn tftp_server(
    config: TftpConfig,
    files: &Arc<FileSet>,
    dropped: &Arc<AtomicU64>,
    stop: &CancellationToken,
) -> Result<(SocketAddr, TftpServer), BootServicesError> {
    let wanted = config.bind;
    TftpServer::bind(config, Arc::clone(files), Arc::clone(dropped), stop.clone())
        .await
        .and_then(|server| Ok((server.local_addr()?, server)))
        .map_err(|source| bind_error("TFTP", wanted.into(), None, source))
}

pub(super) fn bind_error(
    service: &'static str,
    address: SocketAddr,
    interface: Option<String>,
    source: io::Error,
) -> BootServicesError {
    BootServicesError::Bind {
        service,
        address,
        interface,
        source,
    }
}

/// The URL that machines are told of an HTTP boot server that listens at `bound`, with a trailing
/// slash: the configured one, or else our address.
///
/// # Errors
/// The configured URL cannot be one of a server.
pub fn base_url(
    config: &HttpConfig,
    address: Ipv4Addr,
    bound: SocketAddr,
) -> Result<Url, BootServicesError> {
    let text = match &config.url {
        Some(url) => format!("{}/", url.as_str().trim_end_matches('/')),
        None => format!("http://{address}:{}/", bound.port()),
    };
    Url::parse(&text).map_err(|_| BootServicesError::Url(text))
}
