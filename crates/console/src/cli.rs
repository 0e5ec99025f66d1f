//! The command line: which commands there are, and where each one goes.
//!
//! One file per command beside this one. A command returns a [`Failure`] instead of printing an
//! error; [`main`] prints it once and turns it into the exit code.

mod ask;
mod check;
mod connect;
mod console;
mod demo;
mod deploy;
mod enroll;
mod failure;
mod node;
mod output;
mod ramdisk;
mod serve;
mod service;
mod tally;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

pub(crate) use failure::Failure;

/// What a command returns.
pub(crate) type Outcome = Result<(), Failure>;

/// Bare-metal provisioning from a terminal.
#[derive(Debug, Parser)]
#[command(
    name = "cupola",
    version,
    propagate_version = true,
    max_term_width = 100
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Options that every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    /// API to speak to, as http://HOST:PORT; without it the service runs inside this process
    #[arg(long, global = true, value_name = "URL", env = "CUPOLA_API")]
    pub(crate) api: Option<String>,
    /// Configuration file
    #[arg(long, global = true, value_name = "FILE", env = "CUPOLA_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Directory that holds database, keys and images
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Override a configuration key, such as drivers.enabled=["ipmi"]
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    pub(crate) overrides: Vec<String>,
    /// What is logged, such as info or cupola_backend=debug
    #[arg(long, global = true, value_name = "FILTER", env = "CUPOLA_LOG")]
    pub(crate) log: Option<String>,
    #[command(flatten)]
    pub(crate) look: Look,
}

/// How the console looks.
#[derive(Clone, Debug, Args)]
pub(crate) struct Look {
    /// Theme: default, light, mono, or a TOML file
    #[arg(long, global = true, value_name = "NAME|FILE", env = "CUPOLA_THEME")]
    pub(crate) theme: Option<String>,
    /// Draw with ASCII characters only
    #[arg(long, global = true)]
    pub(crate) ascii: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service without the console
    Serve(serve::Arguments),
    /// Open the console over a rack of simulated machines
    Demo(demo::Arguments),
    /// Enrol machines and bring them to available
    Enroll(enroll::Arguments),
    /// Deploy an image to nodes
    Deploy(deploy::Arguments),
    /// Follow what happens to a node until it is at rest
    Watch(watch::Arguments),
    /// List and show nodes
    #[command(subcommand)]
    Node(node::Command),
    /// Build the deploy ramdisk
    #[command(subcommand)]
    Ramdisk(ramdisk::Command),
    /// Check whether this host is fit to provision
    Check(check::Arguments),
}

/// Parses the arguments, runs the command, and returns the exit code: 0 done, 1 failed, 2 bad
/// usage, 3 the server refused, 4 not reachable.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match runtime() {
        Ok(runtime) => {
            let outcome = runtime.block_on(run(cli));
            // A task that ignores its cancellation must not keep the shell waiting.
            runtime.shutdown_timeout(std::time::Duration::from_secs(2));
            outcome
        }
        Err(error) => Err(Failure::failed(format!("cannot start: {error}"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::error(&failure.to_string());
            failure.exit_code()
        }
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
}

async fn run(cli: Cli) -> Outcome {
    let common = cli.common;
    let Some(command) = cli.command else {
        return Box::pin(console::run(&common)).await;
    };
    match command {
        Command::Demo(arguments) => Box::pin(demo::run(&common, arguments)).await,
        Command::Serve(arguments) => Box::pin(serve::run(&common, arguments)).await,
        Command::Enroll(arguments) => Box::pin(enroll::run(&common, arguments)).await,
        Command::Deploy(arguments) => Box::pin(deploy::run(&common, arguments)).await,
        Command::Watch(arguments) => Box::pin(watch::run(&common, arguments)).await,
        Command::Node(command) => Box::pin(node::run(&common, command)).await,
        Command::Ramdisk(command) => Box::pin(ramdisk::run(&common, command)).await,
        Command::Check(arguments) => Box::pin(check::run(&common, arguments)).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn common_options_may_follow_the_command() {
        let cli = Cli::try_parse_from(["cupola", "node", "list", "--api", "http://h:1", "--json"]);
        assert_eq!(
            cli.expect("parses").common.api.as_deref(),
            Some("http://h:1")
        );
    }
}
