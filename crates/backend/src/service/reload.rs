//! Reading again, while the service runs, the files that it lets people in by: users, policy,
//! certificate. The configuration itself is read at the start alone.

use std::fmt::Display;

use super::Service;

impl Service {
    /// Reads them all, and logs of each what was read, or why what was known before is kept.
    pub async fn reload(&self) {
        if let Some(users) = self.authentication.reload().await {
            tell("users", users);
        }
        if let Some(rules) = self.policy.reload().await {
            tell("policy", rules.map(|()| "the policy file is in force"));
        }
        if let Some(tls) = &self.tls {
            let read = tls.reload().await;
            let read = read.map(|fingerprint| format!("SHA-256 fingerprint {fingerprint}"));
            tell("certificate", read);
        }
        tracing::info!("reloaded; the configuration itself counts from the next start on");
    }
}

fn tell(what: &str, read: Result<impl Display, impl Display>) {
    match read {
        Ok(read) => tracing::info!(what, "read again: {read}"),
        Err(error) => {
            tracing::error!(what, "what was known before is kept: {error}");
        }
    }
}
