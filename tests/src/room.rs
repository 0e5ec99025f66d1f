//! A service and a room of simulated machines on the same processors, as benchmarks drive them; and
//! what the service needed of the processors and of memory.

use std::time::Duration;

use anyhow::{Context, Result};
use cupola_api::ProvisionState;
use cupola_api::client::Client;
use cupola_api::id::NodeIdent;
use cupola_rack::machine::MachineSpec;
use cupola_rack::virtual_rack::VirtualRack;
use futures_util::future::try_join_all;
use tempfile::TempDir;

use crate::serve::Serve;
use crate::sim::{self, Ports};
use crate::{crash, node_life};

/// The service and the machines.
pub struct Room {
    /// The API.
    pub client: Client,
    /// The machines.
    pub rack: VirtualRack,
    /// The service.
    pub serve: Serve,
    directory: TempDir,
}

impl Room {
    /// Starts a service, and so many machines that are off.
    ///
    /// # Errors
    /// When one of them cannot be started.
    pub async fn start(machines: u32) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let ports = Ports::free()?;
        let serve = ports.serve(directory.path())?;
        let specs = (0..machines).map(MachineSpec::demo).collect();
        let rack = ports.rack(directory.path(), specs).await?;
        Ok(Self {
            client: crash::client(&serve)?,
            rack,
            serve,
            directory,
        })
    }

    /// The service's state directory.
    #[must_use]
    pub fn state(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Enrols all machines at once.
    ///
    /// # Errors
    /// When the service refuses one.
    pub async fn enrol(&self) -> Result<Vec<NodeIdent>> {
        let machines = self.rack.machines().iter();
        try_join_all(machines.map(|machine| sim::enrol(&self.client, &self.rack, machine))).await
    }

    /// Sends the verb to the node, and waits until it is where that leads, and free.
    ///
    /// # Errors
    /// When it fails, or is not there within `deadline`.
    pub async fn bring(
        &self,
        node: &NodeIdent,
        verb: &str,
        goal: ProvisionState,
        deadline: Duration,
    ) -> Result<()> {
        node_life::verb(&self.client, node, verb).await?;
        node_life::reach(&self.client, node, goal, deadline).await?;
        node_life::released(&self.client, node, deadline).await?;
        Ok(())
    }

    /// The same for all nodes at once.
    ///
    /// # Errors
    /// As [`Room::bring`], of the first that fails.
    pub async fn bring_all(
        &self,
        nodes: &[NodeIdent],
        verb: &str,
        goal: ProvisionState,
        deadline: Duration,
    ) -> Result<()> {
        let brought = nodes
            .iter()
            .map(|node| self.bring(node, verb, goal, deadline));
        try_join_all(brought).await.map(drop)
    }

    /// What the service has of memory and had at the most, as lines of the kernel.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn memory(&self) -> Result<Vec<String>> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.serve.pid()))?;
        let line = |label| {
            let found = status.lines().find(|line| line.starts_with(label));
            found
                .map(str::to_owned)
                .context("the service shows no memory figures")
        };
        ["VmHWM", "VmRSS"].into_iter().map(line).collect()
    }

    /// User and system time of the service so far, in seconds.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn processor_seconds(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.serve.pid()))?;
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let ticks: u32 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|ticks| ticks.parse::<u32>().ok())
            .sum();
        // Linux counts them in hundredths of a second for user space.
        Ok(f64::from(ticks) / 100.0)
    }
}

/// The number of machines given on the command line of a benchmark.
#[must_use]
pub fn machines(default: u32) -> u32 {
    let mut given = std::env::args().skip(1);
    given.find_map(|a| a.parse().ok()).unwrap_or(default)
}
