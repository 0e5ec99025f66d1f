//! Many simulated BMCs, each on a UDP port of its own that the kernel gives.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, atomic::Ordering},
};

use tokio::net::UdpSocket;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::sim::SimBmc;

/// Longest datagram that is taken.
const LONGEST: usize = 1024;

/// The BMCs of a rack. They stop when it is dropped.
#[derive(Debug)]
pub struct BmcFarm {
    address: IpAddr,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

impl Default for BmcFarm {
    fn default() -> Self {
        Self::new(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }
}

impl Drop for BmcFarm {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl BmcFarm {
    /// An empty farm whose BMCs listen on this address.
    #[must_use]
    pub fn new(address: IpAddr) -> Self {
        Self {
            address,
            cancel: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// Adds a BMC and gives the address where it listens. Fails where no socket can be opened.
    pub async fn add(&self, bmc: Arc<SimBmc>) -> io::Result<SocketAddr> {
        let socket = UdpSocket::bind((self.address, 0)).await?;
        let address = socket.local_addr()?;
        bmc.port.store(address.port(), Ordering::Relaxed);
        self.tasks.spawn(serve(socket, bmc, self.cancel.clone()));
        Ok(address)
    }

    /// Stops all BMCs and waits until they have.
    pub async fn stop(&self) {
        self.cancel.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Serves one datagram after another, as a BMC does; what comes meanwhile waits in the socket.
async fn serve(socket: UdpSocket, bmc: Arc<SimBmc>, cancel: CancellationToken) {
    let mut buffer = [0; LONGEST];
    loop {
        let received = tokio::select! {
            () = cancel.cancelled() => return,
            received = socket.recv_from(&mut buffer) => received,
            (datagram, to) = bmc.next_serial() => {
                if !bmc.faults().loses()
                    && let Err(error) = socket.send_to(&datagram, to).await
                {
                    tracing::debug!(%error, "serial output of a simulated BMC not sent");
                }
                continue;
            }
        };
        let (length, from) = match received {
            Ok(received) => received,
            Err(error) => {
                tracing::debug!(%error, "socket of a simulated BMC");
                continue;
            }
        };
        let Some(datagram) = buffer.get(..length) else {
            continue;
        };
        if bmc.faults().loses() {
            continue;
        }
        let answer = tokio::select! {
            () = cancel.cancelled() => return,
            answer = bmc.handle(datagram, from) => answer,
        };
        let Some(mut answer) = answer else {
            continue;
        };
        bmc.faults().spoil(&mut answer);
        let copies = if bmc.faults().duplicates { 2 } else { 1 };
        for _ in 0..copies {
            if bmc.faults().loses() {
                continue;
            }
            if let Err(error) = socket.send_to(&answer, from).await {
                tracing::debug!(%error, "answer of a simulated BMC not sent");
            }
        }
    }
}
