//! `cupola serve`: the service without the console.

use std::io::IsTerminal;
use std::net::SocketAddr;

use clap::{Args, ValueEnum};
use cupola_backend::config::Config;
use cupola_backend::service::Service;
use cupola_backend::service::advice::{Warning, warnings};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::{Common, Failure, Outcome, output, service};

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where the API listens, as ADDRESS:PORT
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// How requests are authenticated
    #[arg(long, value_enum)]
    auth: Option<Authentication>,
    /// What this process does
    #[arg(long, value_enum)]
    role: Option<Role>,
}

/// How requests are authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Authentication {
    /// Not at all
    None,
    /// By user and password, from the file that `api.http_basic_auth_user_file` names
    #[value(name = "http_basic")]
    HttpBasic,
    /// By tokens of Keystone, as section keystone of the configuration says
    Keystone,
}

impl Authentication {
    /// The value of `api.auth`.
    const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::HttpBasic => "http_basic",
            Self::Keystone => "keystone",
        }
    }
}

/// What a process of the service does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// API and conductor
    All,
    /// The API alone
    #[value(hide = true)]
    Api,
    /// The conductor alone
    #[value(hide = true)]
    Conductor,
}

/// Runs the service until SIGTERM or SIGINT, or until the terminal that it was started from hangs up.
/// SIGHUP for any other reason reads users, policy and certificate again.
pub(crate) async fn run(common: &Common, arguments: Arguments) -> Outcome {
    match arguments.role {
        None | Some(Role::All) => {}
        Some(Role::Api | Role::Conductor) => {
            return Err(Failure::usage(
                "--role api and --role conductor are not there yet; use --role all",
            ));
        }
    }
    log_to_standard_error(common)?;
    let config = configuration(common, arguments.listen, arguments.auth)?;
    let wanted = config.api.listen;
    let mut end = End::listen()?;
    let mut reload = signal(SignalKind::hangup())?;
    let started = tokio::select! {
        biased;
        () = end.asked() => None,
        started = start(common, config) => Some(started?),
    };
    if let Some(running) = started {
        let address = running.address().unwrap_or(wanted);
        if let Some(tls) = running.tls() {
            let (fingerprint, file) = (tls.fingerprint(), tls.certificate().display());
            output::line(&format!(
                "certificate {file}, SHA-256 fingerprint {fingerprint}"
            ))?;
        }
        let scheme = running.tls().map_or("http", |_| "https");
        output::line(&format!("listening on {scheme}://{address}"))?;
        // Without systemd nobody listens, which is fine.
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        loop {
            tokio::select! {
                biased;
                () = end.asked() => break,
                _ = reload.recv() => running.reload().await,
            }
        }
        tracing::info!("stopping");
        running.stop().await;
    } else {
        tracing::info!("stopping before the start was complete");
    }
    Ok(())
}

/// The configuration, `--listen` and `--auth` as further overrides.
fn configuration(
    common: &Common,
    listen: Option<SocketAddr>,
    auth: Option<Authentication>,
) -> Result<Config, Failure> {
    let mut common = common.clone();
    common
        .overrides
        .extend(auth.map(|auth| format!("api.auth={}", auth.as_str())));
    common
        .overrides
        .extend(listen.map(|listen| format!("api.listen={listen}")));
    service::config(&common)
}

async fn start(common: &Common, config: Config) -> Result<Service, Failure> {
    let wanted = config.api.listen;
    let config = warn_of(config).await?;
    let listener = TcpListener::bind(wanted).await.map_err(|error| {
        Failure::failed(format!(
            "the API cannot listen on {wanted}: {error}; name another address with --listen"
        ))
    })?;
    let directory = service::state_directory(common);
    Box::pin(Service::start(config, &directory, Some(listener)))
        .await
        .map_err(service::failure)
}

/// Logs what had better be mended; gives the configuration back.
async fn warn_of(config: Config) -> Result<Config, Failure> {
    let looking = tokio::task::spawn_blocking(move || (warnings(&config), config)).await;
    let (found, config) = looking.map_err(|error| Failure::failed(error.to_string()))?;
    for Warning {
        key, what, remedy, ..
    } in found
    {
        tracing::warn!("{key}: {what}; {remedy}");
    }
    Ok(config)
}

/// What asks the service to end.
struct End {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    terminal: bool,
}

impl End {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            terminal: std::io::stdin().is_terminal(),
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            () = Self::gone(&mut self.hangup, self.terminal) => {}
        }
    }

    /// Waits until the terminal that there was is gone: from then on it is none.
    async fn gone(hangup: &mut Signal, terminal: bool) {
        loop {
            let _ = hangup.recv().await;
            if terminal && !std::io::stdin().is_terminal() {
                return;
            }
        }
    }
}

fn log_to_standard_error(common: &Common) -> Result<(), Failure> {
    let wanted = common.log.as_deref().unwrap_or("info");
    let filter = EnvFilter::try_new(wanted)
        .map_err(|error| Failure::usage(format!("--log {wanted}: {error}")))?;
    // A subscriber that is there already (in a test) is as good.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
    Ok(())
}
