//! The life of an agent: inspect (if asked), look up the node, serve commands, beat, leave.

mod beat;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cupola_api::agent::{AgentToken, Heartbeat, InspectionData, LookupAnswer, RootDeviceHints};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::command::{Activity, CommandCore, Leave};
use crate::config::AgentConfig;
use crate::image::ImagePolicy;
use crate::ironic::{IronicApi, http_client};
use crate::platform::Platform;
use crate::server::{ApiState, router, serve};
use crate::tls::self_signed;

/// Since when heartbeats carry the certificate, so that the command API speaks TLS.
const TLS_SINCE: u16 = 68;
const LOOKUP_PAUSE: Duration = Duration::from_secs(1);
const LOOKUP_PAUSE_MAX: Duration = Duration::from_secs(60);
const INSPECTION_ATTEMPTS: u32 = 5;

/// How an agent ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentExit {
    /// The conductor had it reboot the machine.
    Reboot,
    /// The conductor had it switch the machine off.
    PowerOff,
    /// The machine is its user's now, who logs in with the password of the rescue.
    Rescue,
    /// It was cancelled.
    Cancelled,
    /// It could not go on; the text says why and what to do.
    Fatal(String),
}

/// One agent on one machine.
pub struct Agent {
    config: AgentConfig,
    platform: Arc<dyn Platform>,
}

/// What ends a stage early.
enum Ended {
    Cancelled,
    Fatal(String),
}

impl From<Ended> for AgentExit {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Cancelled => Self::Cancelled,
            Ended::Fatal(text) => Self::Fatal(text),
        }
    }
}

impl Agent {
    /// An agent that has not begun yet.
    pub fn new(config: AgentConfig, platform: Arc<dyn Platform>) -> Self {
        Self { config, platform }
    }

    /// Lives until the conductor is done with the machine, or until cancelled. Cancelling stops
    /// a running command; a half-written disk is left without boot sector and partition table.
    pub async fn run(self, cancel: CancellationToken) -> AgentExit {
        // Whatever ends this life ends everything it began, a dropped future included.
        let cancel = cancel.child_token();
        let guard = cancel.clone().drop_guard();
        let exit = Box::pin(self.live(&cancel))
            .await
            .unwrap_or_else(AgentExit::from);
        drop(guard);
        if let AgentExit::Fatal(text) = &exit {
            self.platform
                .report(&format!("the agent cannot go on: {text}"));
        }
        exit
    }

    async fn live(&self, cancel: &CancellationToken) -> Result<AgentExit, Ended> {
        self.platform
            .report(&format!("agent {} starts", crate::VERSION));
        let urls = self
            .config
            .api_urls
            .iter()
            .chain(&self.config.inspection_callback_url);
        let client = http_client(&self.config, urls.map(url::Url::as_str)).map_err(Ended::Fatal)?;
        let mut api = IronicApi::new(client.clone(), &self.config);
        let node = match &self.config.inspection_callback_url {
            Some(_) => self.inspect(&api, cancel).await?,
            None => None,
        };
        let answer = self.look_up(&mut api, node, cancel).await?;
        let token = self.adopt_token(&answer)?;

        let (leave, mut leaving) = mpsc::channel(1);
        let (activity, active) = mpsc::channel(4);
        let core = Arc::new(CommandCore::new(
            Arc::clone(&self.platform),
            self.config.clone(),
            client,
            cancel.clone(),
            leave,
            activity,
        ));
        let policy = ImagePolicy {
            md5_allowed: answer.config.agent_md5_checksum_enable,
            believe_declared_format: answer.config.disable_deep_image_inspection,
            permitted_formats: answer.config.permitted_image_formats.clone(),
        };
        core.configure(policy, &answer.node.properties);

        let serving = cancel.child_token();
        let (heartbeat, server) = self.listen(&api, &answer, core, token, &serving).await?;
        let beating = self.beat(&mut api, &answer, &heartbeat, active);
        let left = tokio::select! {
            () = cancel.cancelled() => None,
            left = leaving.recv() => left,
            never = beating => match never {},
        };
        // The answer to the command that ends us is still on its way.
        serving.cancel();
        let _ = server.await;
        self.leave(left, cancel).await
    }

    async fn leave(
        &self,
        left: Option<Leave>,
        cancel: &CancellationToken,
    ) -> Result<AgentExit, Ended> {
        let failed =
            |error: crate::platform::PlatformError| Ended::Fatal(crate::error::with_causes(&error));
        match left {
            None => Err(Ended::Cancelled),
            Some(Leave::PowerOff) => {
                self.platform.report("switching the machine off");
                self.platform.power_off().await.map_err(failed)?;
                Ok(AgentExit::PowerOff)
            }
            Some(Leave::Reboot) => {
                self.platform.report("rebooting the machine");
                self.platform.reboot().await.map_err(failed)?;
                Ok(AgentExit::Reboot)
            }
            Some(Leave::Rescue) => {
                self.platform
                    .report("rescue: log in with the password that was given to the rescue");
                Ok(AgentExit::Rescue)
            }
            Some(Leave::Lockdown) => {
                self.platform
                    .report("locked down: the network goes down, the agent is silent");
                self.platform.sync().await.map_err(failed)?;
                self.platform.lockdown().await.map_err(failed)?;
                cancel.cancelled().await;
                Err(Ended::Cancelled)
            }
        }
    }

    /// Collects the inventory and hands it in. That it fails is reported, not fatal: the conductor has
    /// a time-out, and an operator may read the console.
    async fn inspect(
        &self,
        api: &IronicApi,
        cancel: &CancellationToken,
    ) -> Result<Option<Uuid>, Ended> {
        let Some(url) = &self.config.inspection_callback_url else {
            return Ok(None);
        };
        let data = self.inspection_data().await;
        self.platform.report(&format!(
            "inspection: {} interfaces, {} disks",
            data.inventory.interfaces.len(),
            data.inventory.disks.len()
        ));
        let mut pause = Duration::from_secs(5);
        for attempt in 1..=INSPECTION_ATTEMPTS {
            let error = match api.inspect(url, &data).await {
                Ok(node) => {
                    self.platform.report("inspection: data handed in");
                    return Ok(node);
                }
                Err(error) => error,
            };
            self.platform
                .report(&format!("inspection, attempt {attempt}: {error}"));
            let retryable = error
                .status()
                .is_none_or(|status| status == 409 || status.is_server_error());
            if !retryable {
                break;
            }
            pause_or_cancel(pause, cancel).await?;
            pause = (pause * 2).min(Duration::from_secs(30));
        }
        Ok(None)
    }

    async fn inspection_data(&self) -> InspectionData {
        let mut data = InspectionData::default();
        match self.platform.inventory().await {
            Ok(inventory) => data.inventory = inventory,
            Err(error) => data.error = Some(crate::error::with_causes(&error)),
        }
        data.root_disk = RootDeviceHints::default()
            .select(&data.inventory.disks)
            .ok()
            .cloned();
        data.boot_interface = data.inventory.boot.pxe_interface.as_deref().map(bare_mac);
        // The reference keeps them, and says so loudly when there are none.
        data.logs = crate::logs::collect(self.platform.as_ref()).await.ok();
        data
    }

    async fn look_up(
        &self,
        api: &mut IronicApi,
        node: Option<Uuid>,
        cancel: &CancellationToken,
    ) -> Result<LookupAnswer, Ended> {
        let deadline = Instant::now() + self.config.lookup_timeout;
        let mut pause = LOOKUP_PAUSE;
        loop {
            let error = match self.try_look_up(api, node).await {
                Ok(answer) => {
                    self.platform
                        .report(&format!("this machine is node {}", answer.node.uuid));
                    return Ok(answer);
                }
                Err(error) => error,
            };
            if Instant::now() + pause > deadline {
                return Err(Ended::Fatal(format!(
                    "no node was found within {} s; the last attempt: {error}. Check that the node's \
                     ports have this machine's MAC addresses",
                    self.config.lookup_timeout.as_secs()
                )));
            }
            self.platform
                .report(&format!("lookup: {error}; again in {} s", pause.as_secs()));
            api.try_next_url();
            pause_or_cancel(pause, cancel).await?;
            pause = (pause * 2).min(LOOKUP_PAUSE_MAX);
        }
    }

    async fn try_look_up(
        &self,
        api: &mut IronicApi,
        node: Option<Uuid>,
    ) -> Result<LookupAnswer, String> {
        api.discover().await.map_err(|error| error.to_string())?;
        // Asked anew each time: a network card may come up late.
        let inventory = self
            .platform
            .inventory()
            .await
            .map_err(|error| crate::error::with_causes(&error))?;
        let addresses: Vec<String> = inventory
            .interfaces
            .iter()
            .map(|interface| interface.mac_address.clone())
            .collect();
        api.lookup(&addresses, node)
            .await
            .map_err(|error| format!("{error} (asked for {})", addresses.join(", ")))
    }

    /// The token of the lookup, or the one given at boot where the lookup only shows the mask.
    fn adopt_token(&self, answer: &LookupAnswer) -> Result<AgentToken, Ended> {
        let offered = answer
            .config
            .agent_token
            .as_ref()
            .filter(|token| token.is_usable());
        offered.or(self.config.agent_token.as_ref()).cloned().ok_or_else(|| {
            Ended::Fatal(
                "the API gave no agent token: another agent has it, or this machine rebooted without \
                 the conductor. Power the node off through the API and try again"
                    .to_owned(),
            )
        })
    }

    /// Opens the command API; what to tell in heartbeats is the result.
    async fn listen(
        &self,
        api: &IronicApi,
        answer: &LookupAnswer,
        core: Arc<CommandCore>,
        token: AgentToken,
        cancel: &CancellationToken,
    ) -> Result<(Heartbeat, tokio::task::JoinHandle<()>), Ended> {
        let fatal = |what: &str, error: String| Ended::Fatal(format!("{what}: {error}"));
        let listener = bind(self.config.listen)
            .await
            .map_err(|error| fatal("opening the command API", error.to_string()))?;
        let local = listener
            .local_addr()
            .map_err(|error| fatal("opening the command API", error.to_string()))?;
        let address = match self.config.advertise_host {
            Some(host) => host,
            None if !local.ip().is_unspecified() => local.ip(),
            None => api
                .local_address()
                .await
                .map_err(|error| fatal("finding our own address", error.to_string()))?,
        };
        let mut heartbeat = Heartbeat {
            agent_version: Some(crate::VERSION.to_owned()),
            agent_token: Some(token.clone()),
            ..Heartbeat::default()
        };
        let mut acceptor = None;
        if api.version() >= TLS_SINCE {
            let minimum = answer.config.tls_min_version.clone();
            // P-384 in a debug build takes long enough to be noticed by a hundred agents.
            let identity =
                tokio::task::spawn_blocking(move || self_signed(address, minimum.as_deref()))
                    .await
                    .map_err(|error| fatal("making a certificate", error.to_string()))?
                    .map_err(|error| fatal("making a certificate", error.to_string()))?;
            heartbeat.agent_verify_ca = Some(identity.certificate_pem);
            acceptor = Some(TlsAcceptor::from(identity.config));
        }
        heartbeat.callback_url = Some(callback_url(
            acceptor.is_some(),
            SocketAddr::new(address, local.port()),
        ));
        let state = Arc::new(ApiState {
            core,
            token,
            started: SystemTime::now(),
        });
        let server = tokio::spawn(serve(listener, acceptor, router(state), cancel.clone()));
        Ok((heartbeat, server))
    }

    /// Beats for ever.
    async fn beat(
        &self,
        api: &mut IronicApi,
        answer: &LookupAnswer,
        heartbeat: &Heartbeat,
        mut active: mpsc::Receiver<Activity>,
    ) -> std::convert::Infallible {
        let mut rhythm = beat::Rhythm::new(Duration::from_secs(answer.config.heartbeat_timeout));
        loop {
            match api.heartbeat(answer.node.uuid, heartbeat).await {
                Ok(()) => rhythm.beaten(),
                Err(error) => {
                    self.platform.report(&format!("heartbeat: {error}"));
                    api.try_next_url();
                    rhythm.failed();
                }
            }
            let mut due = Instant::now() + rhythm.pause();
            loop {
                tokio::select! {
                    () = tokio::time::sleep_until(due) => break,
                    Some(activity) = active.recv() => match activity {
                        Activity::Began => {
                            rhythm.calm();
                            due = Instant::now() + rhythm.pause();
                        }
                        Activity::Ended => {
                            rhythm.hurry();
                            break;
                        }
                    },
                }
            }
        }
    }
}

async fn pause_or_cancel(pause: Duration, cancel: &CancellationToken) -> Result<(), Ended> {
    tokio::select! {
        () = cancel.cancelled() => Err(Ended::Cancelled),
        () = tokio::time::sleep(pause) => Ok(()),
    }
}

/// Where there is no IPv6 at all, its wildcard means IPv4's.
async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(_) if address.is_ipv6() && address.ip().is_unspecified() => {
            let any = IpAddr::from([0, 0, 0, 0]);
            TcpListener::bind(SocketAddr::new(any, address.port())).await
        }
        result => result,
    }
}

fn callback_url(tls: bool, address: SocketAddr) -> String {
    // A socket address shows IPv6 in brackets, as URLs want it.
    format!("{}://{address}", if tls { "https" } else { "http" })
}

/// `BOOTIF` without the hardware type and with colons.
fn bare_mac(text: &str) -> String {
    let dashed = text.to_lowercase().replace('-', ":");
    match dashed.strip_prefix("01:") {
        Some(rest) if rest.len() == 17 => rest.to_owned(),
        Some(_) | None => dashed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_interface_is_a_plain_mac() {
        assert_eq!(bare_mac("01-52-54-00-AB-CD-EF"), "52:54:00:ab:cd:ef");
        assert_eq!(bare_mac("52:54:00:ab:cd:ef"), "52:54:00:ab:cd:ef");
        assert_eq!(bare_mac("01:54:00:ab:cd:ef"), "01:54:00:ab:cd:ef");
    }

    #[test]
    fn callback_urls_have_brackets_for_ipv6() {
        assert_eq!(
            callback_url(true, "[fd00::1]:9999".parse().unwrap()),
            "https://[fd00::1]:9999"
        );
        assert_eq!(
            callback_url(false, "10.0.0.1:9".parse().unwrap()),
            "http://10.0.0.1:9"
        );
    }
}
