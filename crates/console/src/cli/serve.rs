//! `cupola serve`: the service without the console.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};

use super::{Common, Failure, Outcome};

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
    #[value(name = "http_basic")]
    HttpBasic,
    /// By Keystone tokens
    Keystone,
}

/// What a process of the service does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// API and conductor
    All,
    /// The API alone
    Api,
    /// The conductor alone
    Conductor,
}

/// Runs the service until it is told to stop.
pub(crate) async fn run(_common: &Common, _arguments: Arguments) -> Outcome {
    Err(Failure::failed("this build has no service yet"))
}
