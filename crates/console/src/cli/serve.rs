//! `cupola serve`: the service without the console.

use std::io::IsTerminal;
use std::net::SocketAddr;

use clap::{Args, ValueEnum};
use cupola_backend::service::Service;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
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
    /// By an htpasswd file
    #[value(name = "http_basic", hide = true)]
    HttpBasic,
    /// By Keystone tokens
    #[value(hide = true)]
    Keystone,
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

/// Runs the service until SIGTERM or SIGINT.
pub(crate) async fn run(common: &Common, arguments: Arguments) -> Outcome {
    match arguments.auth {
        None | Some(Authentication::None) => {}
        Some(Authentication::HttpBasic | Authentication::Keystone) => {
            return Err(Failure::usage(
                "--auth http_basic and --auth keystone are not there yet; use --auth none on a \
                 network that only you reach",
            ));
        }
    }
    match arguments.role {
        None | Some(Role::All) => {}
        Some(Role::Api | Role::Conductor) => {
            return Err(Failure::usage(
                "--role api and --role conductor are not there yet; use --role all",
            ));
        }
    }
    log_to_standard_error(common)?;
    let mut config = service::config(common)?;
    if let Some(listen) = arguments.listen {
        config.api.listen = listen;
    }
    let wanted = config.api.listen;
    let listener = TcpListener::bind(wanted).await.map_err(|error| {
        Failure::failed(format!(
            "the API cannot listen on {wanted}: {error}; name another address with --listen"
        ))
    })?;
    let directory = service::state_directory(common);
    let running = Box::pin(Service::start(config, &directory, Some(listener)))
        .await
        .map_err(|error| Failure::failed(error.to_string()))?;
    let address = running.address().unwrap_or(wanted);
    output::line(&format!("listening on http://{address}"))?;
    // Without systemd nobody listens, which is fine.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    running.stop().await;
    Ok(())
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
