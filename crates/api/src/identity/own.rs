//! One's own token: got when it is first needed, renewed before it expires, and when somebody does
//! not take it any more. A login that is refused is tried again after a pause, not for each question.

use std::time::{Duration, Instant};

use futures_util::lock::Mutex;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{IdentityError, IdentityService, IssuedToken, Login};
use crate::Secret;

/// So long before its end a token is renewed; one that is good for less, after half its time.
const AHEAD: SignedDuration = SignedDuration::from_secs(60);

/// The pause after a login that was refused; twice as long after each further one.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest pause: what an operator mends counts soon.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A token that is there when it is needed.
pub struct OwnToken {
    service: IdentityService,
    login: Login,
    /// Held while a token is got, so that many questions get one.
    state: Mutex<State>,
}

impl std::fmt::Debug for OwnToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnToken")
            .field("service", &self.service.url())
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct State {
    current: Option<Current>,
    refused: Option<Refused>,
}

/// The identity service did not take the login, or the token that it gave for it.
struct Refused {
    error: IdentityError,
    at: Instant,
    pause: Duration,
}

impl State {
    /// Notes a refusal.
    fn refuse(&mut self, error: IdentityError) {
        // One long after the pause before is the first again.
        let before = self.refused.take();
        let before = before.filter(|before| before.at.elapsed() < before.pause * 2);
        self.refused = Some(Refused {
            error,
            at: Instant::now(),
            pause: before.map_or(PAUSE, |before| (before.pause * 2).min(LONGEST_PAUSE)),
        });
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
            state: Mutex::default(),
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
                let again = self.service.validate(&own, token, allow_expired).await;
                if let Err(error @ IdentityError::Refused { status: 401, .. }) = &again {
                    self.state.lock().await.refuse(error.clone());
                }
                again
            }
            other => other,
        }
    }

    /// The token: another one than `refused`, which was not taken.
    ///
    /// # Errors
    /// As [`IdentityService::authenticate`]; while a refusal is recent, the same again.
    pub async fn token(&self, refused: Option<&Secret>) -> Result<Secret, IdentityError> {
        let mut state = self.state.lock().await;
        if let Some(refused) = &state.refused
            && refused.at.elapsed() < refused.pause
        {
            return Err(refused.error.clone());
        }
        let now = Timestamp::now();
        if let Some(known) = state.current.as_ref()
            && known.renew_at > now
            && refused != Some(&known.token)
        {
            return Ok(known.token.clone());
        }
        let issued = self.service.authenticate(&self.login).await;
        if let Err(error @ IdentityError::Refused { .. }) = &issued {
            state.refuse(error.clone());
        }
        let IssuedToken { token, expires_at } = issued?;
        let good_for = expires_at.duration_since(now);
        let ahead = AHEAD.min(good_for / 2);
        state.current = Some(Current {
            token: token.clone(),
            renew_at: now.checked_add(good_for - ahead).unwrap_or(now),
        });
        Ok(token)
    }
}
