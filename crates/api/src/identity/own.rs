//! One's own token: got when it is first needed, renewed before it expires, and when somebody does
//! not take it any more.

use futures_util::lock::Mutex;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{IdentityError, IdentityService, IssuedToken, Login};
use crate::Secret;

/// So long before its end a token is renewed; one that is good for less, after half its time.
const AHEAD: SignedDuration = SignedDuration::from_secs(60);

/// A token that is there when it is needed.
pub struct OwnToken {
    service: IdentityService,
    login: Login,
    /// Held while a token is got, so that many questions get one.
    current: Mutex<Option<Current>>,
}

impl std::fmt::Debug for OwnToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnToken")
            .field("service", &self.service.url())
            .finish_non_exhaustive()
    }
}

struct Current {
    token: Secret,
    renew_at: Timestamp,
}

impl OwnToken {
    /// Asks nothing yet.
    #[must_use]
    pub fn new(service: IdentityService, login: Login) -> Self {
        Self {
            service,
            login,
            current: Mutex::new(None),
        }
    }

    /// What somebody else's token is worth; `None` where it is not good.
    ///
    /// # Errors
    /// As [`IdentityService::validate`] and [`IdentityService::authenticate`].
    pub async fn validate(
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
    ///
    /// # Errors
    /// As [`IdentityService::authenticate`].
    pub async fn token(&self, refused: Option<&Secret>) -> Result<Secret, IdentityError> {
        let mut current = self.current.lock().await;
        let now = Timestamp::now();
        if let Some(known) = current.as_ref()
            && known.renew_at > now
            && refused != Some(&known.token)
        {
            return Ok(known.token.clone());
        }
        let IssuedToken { token, expires_at } = self.service.authenticate(&self.login).await?;
        let good_for = expires_at.duration_since(now);
        let ahead = AHEAD.min(good_for / 2);
        *current = Some(Current {
            token: token.clone(),
            renew_at: now.checked_add(good_for - ahead).unwrap_or(now),
        });
        Ok(token)
    }
}
