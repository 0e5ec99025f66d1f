//! What of the configuration the API itself needs.

use std::sync::Arc;
use std::time::Duration;

use cupola_api::cupola::Image;
use tokio::sync::Semaphore;

use super::body::Limits;
use crate::auth::{KeystoneSettings, SettingsError};
use crate::config::{AuthStrategy, Config};
use crate::limit::PerAddress;
use crate::policy::{Policy, PolicyError};

/// What of the configuration shows on the wire.
#[derive(Clone, Debug)]
pub struct ApiOptions {
    /// Scheme and authority of links, without a slash at the end; none: as the request came in.
    pub(super) public_endpoint: Option<Arc<str>>,
    /// The largest page of a list, and the usual one.
    pub(super) max_limit: usize,
    /// How long a conductor counts as alive after its last sign of life.
    pub(super) conductor_timeout: Duration,
    /// The images that can be deployed.
    pub(super) images: Vec<Image>,
    /// Whether nodes that are available may be deleted.
    pub(super) may_delete_available: bool,
    /// Whether agents are served.
    pub(super) serves_ramdisks: bool,
    /// How large and how deep bodies may be.
    pub(super) limits: Limits,
    /// How many requests without credentials an address may make; none: as many as it likes.
    pub(super) strangers: Option<Arc<PerAddress>>,
    /// How much memory their bodies may take altogether: a permit for each KiB.
    pub(super) stranger_memory: Arc<Semaphore>,
    /// What holders of tokens may do.
    pub(super) policy: Arc<Policy>,
    /// Whether administrators of a project may enrol and remove its nodes.
    pub(super) self_owned_nodes: bool,
}

/// Why the API cannot be served as configured.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// Tokens cannot be validated.
    #[error(transparent)]
    Keystone(#[from] SettingsError),
    /// The policy file cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

impl ApiOptions {
    /// What holders of tokens may do.
    pub(crate) fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy)
    }

    /// Takes what the API needs. Reads the policy file, so it blocks.
    ///
    /// # Errors
    /// When the configuration asks for a protection that is not there.
    pub fn new(config: &Config) -> Result<Self, OptionsError> {
        match config.api.auth {
            AuthStrategy::None | AuthStrategy::HttpBasic => {}
            AuthStrategy::Keystone => drop(KeystoneSettings::of(&config.keystone)?),
        }
        let endpoint = config.api.public_endpoint.as_ref();
        Ok(Self {
            public_endpoint: endpoint.map(|url| url.as_str().trim_end_matches('/').into()),
            max_limit: config.api.max_limit.max(1),
            conductor_timeout: config.conductor.heartbeat_timeout,
            images: config.images.clone(),
            may_delete_available: config.conductor.allow_deleting_available_nodes,
            policy: Arc::new(Policy::open(&config.api)?),
            self_owned_nodes: config.api.project_admin_can_manage_own_nodes,
            serves_ramdisks: config.api.enable_ramdisk_endpoints,
            strangers: PerAddress::new(
                config.api.ramdisk_requests_per_second,
                config.api.ramdisk_requests_burst,
            )
            .map(Arc::new),
            stranger_memory: Arc::new(Semaphore::new(
                config
                    .api
                    .max_ramdisk_memory
                    .saturating_mul(1024)
                    .min(Semaphore::MAX_PERMITS),
            )),
            limits: Limits {
                usual: config.api.max_json_body_size.saturating_mul(1024),
                provision: config.api.max_json_body_size_provision.saturating_mul(1024),
                inspection: config
                    .api
                    .max_json_body_size_inspection
                    .saturating_mul(1024),
                depth: config.api.max_json_body_depth,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_to_be_protected_is_not_served_openly() {
        let mut config = Config::default();
        assert!(ApiOptions::new(&config).is_ok());
        config.api.auth = AuthStrategy::HttpBasic;
        assert!(ApiOptions::new(&config).is_ok());
        config.api.auth = AuthStrategy::Keystone;
        assert!(matches!(
            ApiOptions::new(&config),
            Err(OptionsError::Keystone(_))
        ));
    }
}
