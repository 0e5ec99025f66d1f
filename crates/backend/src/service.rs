//! The whole service in one process: store, events, boot services, conductor, API. Used by
//! `cupola serve`, by the embedded console and by the demo; tests start it the same way.
//!
//! How each part gets its settings out of the configuration is in [`settings`]; nothing is decided
//! here but the order of starting and stopping.

pub mod advice;
mod reload;
mod settings;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use cupola_drivers::boot::{BootServices, BootServicesError};
use cupola_drivers::registry::RegistryError;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::auth::{Authentication, AuthenticationError};
use crate::conductor::Conductor;
use crate::conductor::boot_directory::{StoreBootDirectory, TimelineSink};
use crate::config::Config;
use crate::events::EventBus;
use crate::http::{self, ApiOptions, ApiState, OptionsError, ServeOptions, Tls, TlsError};
use crate::notifications::Notifier;
use crate::policy::Policy;
use crate::rpc::Rpc;
use crate::store::{self, ServerLeases, Store, StoreError, StoreOptions};

/// The service could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The database or the key file cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A hardware type cannot be served.
    #[error("{0} Correct drivers.enabled.")]
    Drivers(#[from] RegistryError),
    /// The boot services cannot run.
    #[error(transparent)]
    Boot(#[from] BootServicesError),
    /// A boot loader cannot be read.
    #[error(transparent)]
    Loader(#[from] cupola_drivers::boot::files::LoaderError),
    /// The API cannot be served as configured.
    #[error(transparent)]
    Api(#[from] OptionsError),
    /// TLS cannot be spoken.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Who calls cannot be found out.
    #[error(transparent)]
    Authentication(#[from] AuthenticationError),
    /// Something in the configuration is missing or contradicts itself.
    #[error("{0}")]
    Configuration(String),
    /// A socket, a file or a directory cannot be used.
    #[error("{what}: {source}")]
    Io {
        /// What was done.
        what: String,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
}

impl ServiceError {
    /// Whether the configuration must be mended first, or a file that it names: then the start fails
    /// each time. Else it may be the host, and pass.
    #[must_use]
    pub const fn is_configuration(&self) -> bool {
        match self {
            Self::Drivers(_) | Self::Api(_) | Self::Configuration(_) | Self::Loader(_) => true,
            Self::Authentication(error) => error.is_configuration(),
            Self::Tls(error) => matches!(error, TlsError::File { .. } | TlsError::Pair(_)),
            Self::Store(error) => matches!(error, StoreError::Url { .. }),
            Self::Boot(error) => matches!(
                error,
                BootServicesError::NoSubnet
                    | BootServicesError::BadPool { .. }
                    | BootServicesError::Overlap { .. }
            ),
            Self::Io { .. } => false,
        }
    }
}

/// Looks whether the database could be opened, as [`Service::start`] would open it, without
/// changing anything; says where it is.
///
/// # Errors
/// What is wrong with it and what to do.
pub async fn probe_database(
    config: &Config,
    state_directory: &Path,
) -> Result<String, ServiceError> {
    Ok(store::probe(&StoreOptions::of(&config.database, state_directory)).await?)
}

/// A dnsmasq configuration that leads machines to the boot services of this configuration, for
/// networks where dnsmasq does all of DHCP (`boot.dhcp` is off).
///
/// # Errors
/// A key that it needs is not set.
pub fn dnsmasq_config(config: &Config) -> Result<String, ServiceError> {
    settings::dnsmasq(config)
}

/// The DHCP servers other than ours that offer an address on an interface; blocks for four seconds.
///
/// # Errors
/// There is no such interface, or DHCP's client port cannot be had there.
pub fn other_dhcp_servers(interface: &str) -> std::io::Result<BTreeSet<Ipv4Addr>> {
    cupola_drivers::boot::dhcp::survey::servers_on(interface)
}

/// The service, running.
pub struct Service {
    router: Router,
    address: Option<SocketAddr>,
    tls: Option<Arc<Tls>>,
    authentication: Authentication,
    policy: Arc<Policy>,
    store: Store,
    events: EventBus,
    conductor: Conductor,
    boot: Option<BootServices>,
    serving: Option<JoinHandle<()>>,
    stop: CancellationToken,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Service {
    /// Starts everything. With a listener the API is served on it, else only in this process
    /// through [`Service::router`]; ramdisks need a listener.
    ///
    /// # Errors
    /// What is wrong and what to do about it; then nothing runs.
    pub async fn start(
        config: Config,
        state_directory: &Path,
        listener: Option<TcpListener>,
    ) -> Result<Self, ServiceError> {
        let address = match &listener {
            Some(listener) => Some(listener.local_addr().map_err(|source| ServiceError::Io {
                what: "the API's socket cannot be used".to_owned(),
                source,
            })?),
            None => None,
        };
        let api_options = ApiOptions::new(&config)?;
        let authentication = Authentication::open(&config).await?;
        let tls = match &listener {
            Some(_) => Tls::open(&config, state_directory).await?.map(Arc::new),
            None => None,
        };
        let serve_options = ServeOptions::new(&config.api, tls.clone());
        let store = Store::open(&StoreOptions::of(&config.database, state_directory)).await?;
        let events = EventBus::start(store.clone()).await?;
        let stop = CancellationToken::new();
        let options = settings::conductor(&config, state_directory);
        events.notify(Notifier::start(&config.notifications, &options.host));
        let boot = match settings::boot_services(&config, state_directory).await? {
            Some(mut boot) => Some({
                let leases = ServerLeases::new(store.clone(), options.host.clone());
                boot.lease_store = Arc::new(leases);
                BootServices::start(
                    boot,
                    Arc::new(StoreBootDirectory::new(store.clone())),
                    Arc::new(TimelineSink::new(events.clone())),
                    stop.child_token(),
                )
                .await?
            }),
            None => None,
        };
        let registry = settings::registry(&config, state_directory, address, boot.as_ref())?;
        let conductor = Conductor::new(store.clone(), events.clone(), registry, options);
        conductor.start().await?;
        let (policy, callers) = (api_options.policy(), authentication.clone());
        let rpc: Arc<dyn Rpc> = Arc::new(conductor.clone());
        let state = ApiState::new(
            store.clone(),
            events.clone(),
            rpc,
            api_options,
            authentication,
            stop.clone(),
        );
        let router = http::router(state);
        let serving = listener.map(|listener| {
            let serving = http::serve(listener, router.clone(), serve_options, stop.clone());
            tokio::spawn(serving)
        });
        Ok(Self {
            router,
            address,
            tls,
            authentication: callers,
            policy,
            store,
            events,
            conductor,
            boot,
            serving,
            stop,
        })
    }

    /// The API, for requests of the same process.
    pub fn router(&self) -> Router {
        http::in_process(self.router.clone())
    }

    /// Where the API listens.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// How TLS is spoken there, when it is.
    #[must_use]
    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_deref()
    }

    /// The boot services, when they run: a virtual rack has to know their addresses.
    #[must_use]
    pub const fn boot(&self) -> Option<&BootServices> {
        self.boot.as_ref()
    }

    /// The conductor.
    #[must_use]
    pub const fn conductor(&self) -> &Conductor {
        &self.conductor
    }

    /// The store.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The events.
    #[must_use]
    pub const fn events(&self) -> &EventBus {
        &self.events
    }

    /// Stops everything in the reverse order. Work in the middle goes on at the next start.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(serving) = self.serving.take()
            && let Err(error) = serving.await
        {
            tracing::error!(%error, "the API's server ended in a defect");
        }
        self.conductor.stop().await;
        if let Some(boot) = &self.boot {
            boot.stop().await;
        }
        self.events.notifier().close().await;
        self.events.shutdown().await;
        self.store.close().await;
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.cancel();
        self.events.notifier().end();
    }
}

#[cfg(test)]
mod tests;
