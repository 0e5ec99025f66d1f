//! What lets a request in, looked at again while its answer goes on: who sends it, until when that is
//! proved, and the rule of its route. A stream of events may last for days.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use cupola_api::contract::Route;
use http::request::Parts;
use jiff::Timestamp;

use super::permit::Permit;
use super::serve::Connection;
use crate::auth::{Authentication, Denied};
use crate::policy::Policy;

/// How often it is looked whether who follows may still.
const LOOK_AGAIN: Duration = Duration::from_secs(3);

/// How often in a row it may be unknown whether who follows may still.
const UNKNOWN: u32 = 5;

/// What a request was let in by.
#[derive(Debug)]
pub(super) struct Proof {
    authentication: Authentication,
    request: Box<Parts>,
    route: &'static Route,
    policy: Arc<Policy>,
}

/// Whether a request would be let in now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It would; until then at most.
    Holds(Option<Timestamp>),
    /// Nobody can tell now, for this reason.
    Unknown(String),
    /// It would not, for this reason.
    Gone(String),
}

impl Proof {
    /// Of this request.
    pub(super) fn new(
        authentication: Authentication,
        mut request: Parts,
        route: &'static Route,
        policy: Arc<Policy>,
    ) -> Self {
        // Asked by this process: its address' other refusals do not count here.
        request.extensions.remove::<Connection>();
        Self {
            authentication,
            request: Box::new(request),
            route,
            policy,
        }
    }

    /// Whether it would be let in now.
    async fn standing(&self) -> Standing {
        match self.authentication.admit(&self.request).await {
            Ok((caller, until)) => {
                let mut permit = Permit::of(&caller, self.route, &self.policy).await;
                match permit.enter(self.request.uri.path()) {
                    Ok(()) => Standing::Holds(until),
                    Err(fault) => Standing::Gone(fault.message),
                }
            }
            Err(
                unknown @ (Denied::Busy { .. }
                | Denied::TooMany { .. }
                | Denied::Stopping
                | Denied::Identity(_)),
            ) => Standing::Unknown(unknown.to_string()),
            Err(
                gone @ (Denied::Missing
                | Denied::Wrong(_)
                | Denied::Scheme(_)
                | Denied::Malformed
                | Denied::Token(_)),
            ) => Standing::Gone(gone.to_string()),
        }
    }

    /// Waits until the request would not be let in any more; says why.
    pub(super) async fn ended(&self) -> String {
        ended(LOOK_AGAIN, || self.standing()).await
    }
}

async fn ended<F: Future<Output = Standing>>(again: Duration, look: impl Fn() -> F) -> String {
    let mut unknown = 0;
    let mut last = None;
    loop {
        let looked = match last {
            // Until the end to the moment, whatever the looks cost.
            Some(last) => tokio::select! {
                biased;
                () = tokio::time::sleep_until(last) => {
                    return "The token has expired.".to_owned();
                }
                looked = look() => looked,
            },
            None => look().await,
        };
        match looked {
            Standing::Gone(reason) => return reason,
            Standing::Holds(until) => {
                unknown = 0;
                last = until.map(moment);
            }
            Standing::Unknown(reason) => {
                unknown += 1;
                if unknown >= UNKNOWN {
                    return format!(
                        "It could not be told {unknown} times in a row whether this may still be \
                         followed: {reason}"
                    );
                }
            }
        }
        let next = tokio::time::Instant::now() + again;
        tokio::time::sleep_until(last.map_or(next, |last| last.min(next))).await;
    }
}

/// The moment by this process' own clock.
fn moment(at: Timestamp) -> tokio::time::Instant {
    let left = at.duration_since(Timestamp::now());
    tokio::time::Instant::now() + Duration::try_from(left).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;

    const AGAIN: Duration = Duration::from_millis(10);

    /// Why it ended, with these standings one after the other; how many of them were looked at.
    async fn followed(standings: Vec<Standing>) -> (usize, String) {
        let looks = Mutex::new(0);
        let reason = ended(AGAIN, || {
            let mut looks = looks.lock();
            *looks += 1;
            let last = standings.len() - 1;
            std::future::ready(standings[(*looks - 1).min(last)].clone())
        })
        .await;
        (looks.into_inner(), reason)
    }

    fn unknown() -> Standing {
        Standing::Unknown("nobody answers".to_owned())
    }

    #[tokio::test]
    async fn it_ends_with_its_token_to_the_moment() {
        let left = Duration::from_millis(45);
        let until = Timestamp::now() + jiff::SignedDuration::from_millis(45);
        let begun = std::time::Instant::now();
        let (_, reason) = followed(vec![Standing::Holds(Some(until))]).await;
        assert!(begun.elapsed() + Duration::from_millis(2) >= left);
        assert!(reason.contains("expired"), "{reason}");
        // Also while a look goes on that has no end.
        let looks = Mutex::new(0);
        let reason = ended(AGAIN, || {
            let number = {
                let mut looks = looks.lock();
                *looks += 1;
                *looks
            };
            async move {
                if number > 1 {
                    std::future::pending::<()>().await;
                }
                Standing::Holds(Some(
                    Timestamp::now() + jiff::SignedDuration::from_millis(30),
                ))
            }
        });
        assert!(reason.await.contains("expired"));
    }

    #[tokio::test]
    async fn it_ends_when_it_cannot_be_told_for_long() {
        let holds = || Standing::Holds(None);
        let mut standings = vec![holds()];
        standings.extend([
            unknown(),
            unknown(),
            unknown(),
            unknown(),
            holds(),
            unknown(),
        ]);
        let (looks, reason) = followed(standings).await;
        assert_eq!(looks, 11);
        assert!(reason.contains("nobody answers"), "{reason}");
    }

    #[tokio::test]
    async fn it_ends_when_it_is_refused() {
        let gone = Standing::Gone("no".to_owned());
        let (looks, reason) = followed(vec![Standing::Holds(None), gone]).await;
        assert_eq!((looks, reason.as_str()), (2, "no"));
    }
}
