//! `cupola boot`: what other programs need to know of the boot services.

use clap::Subcommand;

use super::{Common, Failure, Outcome, output, service};

/// Commands of `boot`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print a dnsmasq configuration for networks where dnsmasq does DHCP (boot.dhcp = "off")
    DnsmasqConfig,
}

/// Runs one of them.
pub(crate) fn run(common: &Common, command: &Command) -> Outcome {
    match command {
        Command::DnsmasqConfig => {
            let config = service::config(common)?;
            let text = cupola_backend::service::dnsmasq_config(&config)
                .map_err(|error| Failure::usage(error.to_string()))?;
            output::lines(text.trim_end())?;
            Ok(())
        }
    }
}
