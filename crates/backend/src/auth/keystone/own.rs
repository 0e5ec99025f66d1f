//! The service's own token, with which it asks about those of others: got at the first question,
//! renewed before it expires, and when the identity service does not take it any more.

use std::time::Duration;

use cupola_api::Secret;
use cupola_api::identity::{IdentityError, IdentityService, IssuedToken, Login};
use cupola_api::trust::Trust;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

/// So long before its end a token is renewed; one that is good for less, after half its time.
const AHEAD: SignedDuration = SignedDuration::from_secs(60);

/// Asks the identity service.
pub(super) struct OwnToken {
    service: IdentityService,
    login: Login,
    /// Held while a token is got, so that many questions get one.
    current: Mutex<Option<Current>>,
}

struct Current {
    token: Secret,
    renew_at: Timestamp,
}

impl OwnToken {
    /// Asks nothing yet.
    ///
    /// # Errors
    /// The URL or the file of authorities cannot be used.
    pub(super) fn new(
        url: &Url,
        trust: &Trust,
        timeout: Duration,
        login: Login,
    ) -> Result<Self, IdentityError> {
        Ok(Self {
            service: IdentityService::new(url, trust, timeout)?,
            login,
            current: Mutex::new(None),
        })
    }

    /// What a token is worth; `None` where it is not good.
    pub(super) async fn validate(
        &self,
        token: &Secret,
        allow_expired: bool,
    ) -> Result<Option<Value>, IdentityError> {
        let own = self.token(None).await?;
        let answer = self.service.validate(&own, token, allow_expired).await;
        match answer {
            // Revoked, or the identity service has other keys.
            Err(IdentityError::Refused { status: 401, .. }) => {
                let own = self.token(Some(&own)).await?;
                self.service.validate(&own, token, allow_expired).await
            }
            other => other,
        }
    }

    /// The token: another one than `refused`, which was not taken.
    async fn token(&self, refused: Option<&Secret>) -> Result<Secret, IdentityError> {
        let mut current = self.current.lock().await;
        let now = Timestamp::now();
        if let Some(known) = current.as_ref()
            && known.renew_at > now
            && refused != Some(&known.token)
        {
            return Ok(known.token.clone());
        }
        let IssuedToken { token, expires_at } = self.service.authenticate(&self.login).await?;
        tracing::debug!(%expires_at, "got a token to validate others with");
        let good_for = expires_at.duration_since(now);
        let ahead = AHEAD.min(good_for / 2);
        *current = Some(Current {
            token: token.clone(),
            renew_at: now.checked_add(good_for - ahead).unwrap_or(now),
        });
        Ok(token)
    }
}
