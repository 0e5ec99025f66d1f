//! `cupola` without a command: the console, over a service elsewhere or in this process.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use cupola_api::client::Client;
use cupola_api::client::embedded::EmbeddedTransport;
use cupola_backend::config::Config;
use cupola_backend::service::Service;
use tokio::net::TcpListener;

use super::Look;
use super::{Common, Failure, Outcome, connect, output, plain, service};
use crate::app::{self, AppError};
use crate::settings::{self, Profile, Settings, SettingsError};
use crate::state::Welcome;
use crate::state::commands::shell::Shell;
use crate::state::safety::Safety;
use crate::term::session::Session;
use crate::worker::Files;

/// Opens the console.
pub(crate) async fn run(common: &Common, look: &Look) -> Outcome {
    let care = Care::of(look)?;
    let common = &care.common(common);
    if let Some(url) = connect::configured(common).await? {
        let shell = connect::shell(common, &url)?;
        let client = connect::remote(common, &url)?;
        return show(common, look, client, shell, None).await;
    }
    terminal(look)?;
    let config = service::config(common)?;
    let directory = service::state_directory(common);
    let listener = listener(&config).await?;
    let shell = local(&listener);
    let running = Service::start(config, &directory, Some(listener)).await;
    let running = running.map_err(service::failure)?;
    let client = Client::new(EmbeddedTransport::new(running.router()));
    let outcome = show(common, look, client, shell, None).await;
    running.stop().await;
    outcome
}

/// How careful the console is: what the settings, the profile and the command line say.
struct Care {
    settings: Settings,
    profile: Option<(String, Profile)>,
    read_only: Option<&'static str>,
    captive: bool,
}

impl Care {
    fn of(look: &Look) -> Result<Self, Failure> {
        let wrong = |error: SettingsError| Failure::usage(error.to_string());
        let settings = Settings::load(look.console_config().as_deref()).map_err(wrong)?;
        let profile = match look.profile() {
            Some(name) => {
                let profile = settings.profile(&name).map_err(wrong)?.clone();
                Some((name, profile))
            }
            None => None,
        };
        Ok(Self {
            settings,
            profile,
            read_only: look.read_only(),
            captive: look.captive,
        })
    }

    /// The common options, with the service of the profile, where it names one: what is guarded is a
    /// service, and a variable left in the environment must not lead to another one.
    fn common(&self, common: &Common) -> Common {
        let mut common = common.clone();
        if let Some((_, profile)) = &self.profile {
            if profile.api.is_some() {
                common.api.clone_from(&profile.api);
            }
            if profile.cloud.is_some() {
                common.cloud.clone_from(&profile.cloud);
            }
        }
        common
    }

    fn safety(&self) -> Safety {
        let profile = self.profile.as_ref();
        let profile = profile.map(|(name, profile)| (name.as_str(), profile));
        Safety {
            captive: self.captive,
            ..self.settings.safety(profile, self.read_only)
        }
    }
}

/// Refuses settings that cannot be used, before anything is started for nothing.
pub(super) fn check(look: &Look) -> Outcome {
    Care::of(look).map(drop)
}

/// What a command needs to reach the service in this process.
fn local(listener: &TcpListener) -> Shell {
    let address = listener.local_addr();
    let url = address.map(|mut address| {
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        format!("http://{address}")
    });
    Shell {
        url: url.unwrap_or_default(),
        ..Shell::default()
    }
}

/// Refuses where there is no terminal, before anything is made or started for nothing.
pub(super) fn terminal(look: &Look) -> Outcome {
    if look.plain() {
        return Ok(());
    }
    Session::look().map_err(|error| Failure::usage(error.to_string()))
}

/// The API's socket: ramdisks of the embedded service need it, the console does not.
async fn listener(config: &Config) -> Result<TcpListener, Failure> {
    let address = config.api.listen;
    TcpListener::bind(address).await.map_err(|e| {
        let taken = e.kind() == std::io::ErrorKind::AddrInUse;
        let more = if taken {
            format!(
                ". If that is Cupola already, open the console on it with `cupola --api \
                 http://{address}`; else set api.listen to another address"
            )
        } else {
            String::new()
        };
        Failure::failed(format!("the API cannot listen on {address}: {e}{more}"))
    })
}

/// Shows the console over this client.
pub(crate) async fn show(
    common: &Common,
    look: &Look,
    client: Client,
    shell: Shell,
    welcome: Option<Welcome>,
) -> Outcome {
    let care = Care::of(look)?;
    let safety = care.safety();
    if look.plain() {
        for line in welcome.iter().flat_map(|welcome| &welcome.lines) {
            output::line(line)?;
        }
        return Box::pin(plain::run(client, safety)).await;
    }
    let keep_lists = care.settings.list.remember;
    let look = app::Look {
        mouse: look.mouse || care.settings.terminal.mouse,
        safety,
        shell,
        settings: care.settings,
        files: Files::of(
            settings::place(look.console_config().as_deref()),
            keep_lists,
        ),
        theme: look.theme(),
        ascii: look.ascii(),
        wanted: look.wanted(),
        welcome,
    };
    let outcome = app::run(client, &look, common.log.as_deref()).await;
    outcome.map_err(|error| match error {
        AppError::Session(_) | AppError::Theme(_) => Failure::usage(error.to_string()),
        AppError::Lost | AppError::Panicked(_) | AppError::Io(_) => {
            Failure::failed(error.to_string())
        }
    })
}
