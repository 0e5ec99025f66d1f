//! A service that is killed and started again over a rack that lives on, and what has to hold
//! afterwards whatever the moment was.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use cupola_api::client::Client;
use cupola_api::client::remote::RemoteTransport;
use cupola_api::cupola::Image;
use cupola_api::id::NodeIdent;
use cupola_api::{Node, ProvisionState};
use cupola_drivers::crash_point::{CrashPoint, VARIABLE};
use cupola_rack::virtual_rack::RackMachine;
use futures_util::StreamExt;
use tempfile::TempDir;
use tokio::time::timeout;

use crate::serve::{EndedAtStart, Serve};
use crate::sim::Ports;
use crate::{node_life, timeline};

/// Tries of a start: between a death and the next start another process may have got a port.
const STARTS: u32 = 5;
const SIGKILL: i32 = 9;

/// Where a service lives, over its deaths.
#[derive(Debug)]
pub struct Site {
    directory: TempDir,
    ports: Ports,
    settings: Vec<String>,
}

impl Site {
    /// A new one, with further settings (`section.key=value`).
    ///
    /// # Errors
    /// When no directory or socket can be had.
    pub fn new(settings: Vec<String>) -> Result<Self> {
        Ok(Self {
            directory: tempfile::tempdir()?,
            ports: Ports::free()?,
            settings,
        })
    }

    /// The state directory.
    #[must_use]
    pub fn state(&self) -> &Path {
        self.directory.path()
    }

    /// The ports.
    #[must_use]
    pub const fn ports(&self) -> Ports {
        self.ports
    }

    /// Starts the service; one that is armed dies when it reaches the point for the `nth` time.
    ///
    /// # Errors
    /// As [`Serve::start`].
    pub fn start(&self, armed: Option<(CrashPoint, u32)>, settings: &[String]) -> Result<Serve> {
        let mut all = self.settings.clone();
        all.extend_from_slice(settings);
        let mut last = None;
        for _ in 0..STARTS {
            let mut command = Command::new(crate::binary::cupola()?);
            match armed {
                Some((point, nth)) => command.env(VARIABLE, format!("{point}:{nth}")),
                None => command.env_remove(VARIABLE),
            };
            match self.ports.serve_with(self.state(), command, &all) {
                Ok(serve) => return Ok(serve),
                Err(error) if armed.is_some() && was_killed(&error) => return Err(error),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("the service was not started")))
    }

    /// Starts a service that is armed, and waits until it has died at its point, which may be
    /// before it listens.
    ///
    /// # Errors
    /// When it does not start, or the point is not reached within `deadline`.
    pub async fn dies(&self, point: CrashPoint, nth: u32, deadline: Duration) -> Result<()> {
        match self.start(Some((point, nth)), &[]) {
            Ok(serve) => killed(serve, deadline).await,
            Err(error) if was_killed(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn was_killed(error: &anyhow::Error) -> bool {
    let ended = error.downcast_ref::<EndedAtStart>();
    ended.is_some_and(|ended| ended.status.signal() == Some(SIGKILL))
}

/// Waits until a service that is armed has died at its point.
///
/// # Errors
/// When it lives on or ends otherwise.
pub async fn killed(serve: Serve, deadline: Duration) -> Result<()> {
    let status = serve.ended(deadline).await;
    let status = status.context("the point was not reached")?;
    ensure!(
        status.signal() == Some(SIGKILL),
        "the service ended with {status}"
    );
    Ok(())
}

/// A client of this service.
///
/// # Errors
/// When its URL cannot be used.
pub fn client(serve: &Serve) -> Result<Client> {
    Ok(Client::new(RemoteTransport::new(serve.url())?))
}

/// Waits until nobody works on the node and it waits for nothing.
///
/// # Errors
/// After `deadline`, with everything that its timeline says.
pub async fn at_rest(client: &Client, node: &NodeIdent, deadline: Duration) -> Result<Node> {
    let id = client.node(node).await?.uuid;
    let mut events = client.events(None, Some(id)).await?;
    let wait = async {
        loop {
            let now = client.node(node).await?;
            let state = now.provision_state;
            if now.reservation.is_none() && !state.is_working() && !waits(state) {
                return anyhow::Ok(now);
            }
            events.next().await.context("the event stream ended")??;
        }
    };
    if let Ok(rests) = timeout(deadline, wait).await {
        return rests;
    }
    let now = client.node(node).await?;
    let told = timeline::whole(client, node).await?;
    bail!(
        "{node} is {} after {deadline:?}, held by {:?}: {:?}\n{}",
        now.provision_state,
        now.reservation,
        now.last_error,
        story(&told)
    )
}

const fn waits(state: ProvisionState) -> bool {
    matches!(
        state,
        ProvisionState::DeployWait
            | ProvisionState::CleanWait
            | ProvisionState::InspectWait
            | ProvisionState::ServiceWait
    )
}

/// The events, one a line.
#[must_use]
pub fn story(events: &[cupola_api::event::Event]) -> String {
    events
        .iter()
        .map(|event| format!("{} {} {:?}\n", event.id.0, event.at, event.kind))
        .collect()
}

/// What has to hold of a node at rest: it failed only with a reason, its timeline has no gap, and
/// its disk never had two writers.
///
/// # Errors
/// What does not hold.
pub async fn check(client: &Client, node: &NodeIdent, machine: &RackMachine) -> Result<()> {
    let now = client.node(node).await?;
    if now.provision_state.is_failed() {
        let reason = now.last_error.as_deref().unwrap_or_default();
        ensure!(!reason.is_empty(), "{node} has failed without a reason");
    }
    ensure!(now.reservation.is_none(), "{node} is locked");
    let writers = machine.machine.most_disk_writers();
    ensure!(
        writers <= 1,
        "{writers} wrote to the disk of {node} at once"
    );
    let told = timeline::whole(client, node).await?;
    timeline::check(&now, &told).with_context(|| format!("{node}:\n{}", story(&told)))
}

/// Sends the verb that leads from where the node is towards `active`, or from there round again.
///
/// # Errors
/// When the service refuses or is dead.
pub async fn push(client: &Client, node: &NodeIdent, image: &Image) -> Result<()> {
    let now = client.node(node).await?;
    let verb = match now.provision_state {
        ProvisionState::Enroll => "manage",
        ProvisionState::Manageable => "provide",
        ProvisionState::Available => {
            node_life::choose_image(client, node, image).await?;
            "active"
        }
        ProvisionState::DeployFailed => "active",
        ProvisionState::Active | ProvisionState::Error => "deleted",
        ProvisionState::CleanFailed => {
            client.maintenance(node, false, None).await?;
            "manage"
        }
        _ => return Ok(()),
    };
    node_life::verb(client, node, verb).await
}
