//! The service as commands start it: its configuration and its state directory.

use std::path::{Path, PathBuf};

use cupola_backend::config::Config;
use cupola_backend::service::ServiceError;

use super::{Common, Failure};

/// The configuration from file, environment and arguments.
///
/// # Errors
/// Names the key that is wrong.
pub(crate) fn config(common: &Common) -> Result<Config, Failure> {
    let file = common.config.clone().or_else(Config::default_file);
    Config::load(file.as_deref(), std::env::vars(), &common.overrides)
        .map_err(|error| Failure::usage(error.to_string()))
}

/// The service did not start.
pub(crate) fn failure(error: ServiceError) -> Failure {
    if error.is_configuration() {
        Failure::usage(error.to_string())
    } else {
        Failure::failed(error.to_string())
    }
}

/// Where the service keeps its state: `--state-dir`, `/var/lib/cupola` for root, else below
/// `$XDG_STATE_HOME`.
pub(crate) fn state_directory(common: &Common) -> PathBuf {
    if let Some(given) = &common.state_dir {
        return given.clone();
    }
    if nix::unistd::geteuid().is_root() {
        return PathBuf::from("/var/lib/cupola");
    }
    let below_home = || std::env::home_dir().map(|home| home.join(".local/state"));
    std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(below_home)
        .unwrap_or_else(|| Path::new(".").to_owned())
        .join("cupola")
}
