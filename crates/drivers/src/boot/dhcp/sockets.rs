//! The DHCP sockets of a service and what is served on each: one for addresses, two for proxyDHCP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::caller::Callers;
use super::exchange::Exchange;
use super::prober::Prober;
use super::proxy::{Proxy, ProxyPort};
use super::{DhcpConfig, DhcpServer, DhcpService, Responder};
use crate::boot::leases::LeaseStore;
use crate::boot::leases::writer::LeaseWriter;
use crate::boot::services::{BootServicesError, bind_error};

/// Opened, and not yet served.
pub(crate) struct DhcpSockets {
    server: (SocketAddr, DhcpServer),
    boot_server: Option<(SocketAddr, DhcpServer)>,
}

/// Where the sockets are.
pub(crate) struct DhcpAddresses {
    pub(crate) server: SocketAddr,
    pub(crate) boot_server: Option<SocketAddr>,
}

impl DhcpSockets {
    /// Opens what the configuration asks for.
    pub(crate) fn open(
        config: &DhcpConfig,
        dropped: &Arc<AtomicU64>,
        stop: &CancellationToken,
    ) -> Result<Self, BootServicesError> {
        let interface = config.interface.clone();
        let server = DhcpServer::bind(config, Arc::clone(dropped), stop.clone())
            .and_then(|server| Ok((server.local_addr()?, server)))
            .map_err(|source| bind_error("DHCP", config.bind.into(), interface, source))?;
        let boot_server = match config.service {
            DhcpService::Addresses(_) => None,
            DhcpService::Proxy { boot_server: bind } => {
                let (dropped, stop) = (Arc::clone(dropped), stop.clone());
                let bound = DhcpServer::bind_boot_server(config, bind, dropped, stop)
                    .and_then(|server| Ok((server.local_addr()?, server)))
                    .map_err(|source| bind_error("PXE boot", bind.into(), None, source))?;
                Some(bound)
            }
        };
        Ok(Self {
            server,
            boot_server,
        })
    }

    /// Serves on each of them until told to stop.
    pub(crate) fn serve(
        self,
        config: DhcpConfig,
        callers: &Callers,
        store: Arc<dyn LeaseStore>,
        tracker: &TaskTracker,
        stop: &CancellationToken,
    ) -> DhcpAddresses {
        let responder = match config.service {
            DhcpService::Addresses(service) => {
                let prober = match config.interface.as_deref() {
                    Some(interface) if service.detect_conflicts => {
                        Prober::start(interface, tracker, stop)
                    }
                    Some(_) | None => Prober::default(),
                };
                Responder::Addresses(Exchange {
                    callers: callers.clone(),
                    service,
                    writer: LeaseWriter::start(store, tracker, stop.clone()),
                    prober,
                })
            }
            DhcpService::Proxy { .. } => Responder::Proxy(Proxy {
                callers: callers.clone(),
                port: ProxyPort::Dhcp,
            }),
        };
        let (server, socket) = self.server;
        tracker.spawn(socket.run(responder));
        let boot_server = self.boot_server.map(|(address, socket)| {
            let callers = callers.clone();
            let port = ProxyPort::BootServer;
            tracker.spawn(socket.run(Responder::Proxy(Proxy { callers, port })));
            address
        });
        DhcpAddresses {
            server,
            boot_server,
        }
    }
}
