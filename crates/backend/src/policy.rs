//! What callers with a token may do: the rules of [`cupola_api::policy`], those that a file of the
//! operator overrides, and who passes one. Which rule a request must pass is the handlers'.

mod evaluate;
mod expression;
mod file;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
#[cfg(test)]
mod matrix;
mod rules;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cupola_api::policy::Rule;
use parking_lot::Mutex;

use crate::auth::Credentials;
use crate::config::Api;
pub(crate) use evaluate::Target;
pub use file::PolicyError;
use file::Stamp;
pub(crate) use rules::Rules;

/// How old what was read of the file may be.
const FRESH: Duration = Duration::from_secs(1);

/// The rules as they are now.
#[derive(Debug)]
pub(crate) struct Policy {
    path: Option<Arc<Path>>,
    /// The project whose services are as good as those of the system.
    service_project: Option<Arc<str>>,
    known: Arc<Mutex<Known>>,
}

#[derive(Clone, Debug)]
struct Known {
    rules: Arc<Rules>,
    /// Of the file when it was read last, whether or not it could be used.
    stamp: Option<Stamp>,
    at: Instant,
    /// Whether somebody looks at the file just now.
    is_looking: bool,
}

/// Whether a policy file can be used: the rules it sets that do not exist or cannot be passed by
/// anybody because of what they refer to. Reads it, so it blocks.
pub(crate) fn check_file(path: &Path) -> Result<Vec<String>, PolicyError> {
    let overrides = file::read(path)?;
    let mut problems = Vec::new();
    Rules::new(&overrides, |problem| problems.push(problem));
    Ok(problems)
}

impl Known {
    /// Takes what was found; the rules that are in force now.
    fn looked(&mut self, (stamp, rules): (Option<Stamp>, Option<Rules>)) -> Arc<Rules> {
        self.is_looking = false;
        self.at = Instant::now();
        self.stamp = stamp;
        if let Some(rules) = rules {
            self.rules = Arc::new(rules);
        }
        Arc::clone(&self.rules)
    }
}

impl Policy {
    /// As configured. Reads the file, so it blocks.
    pub(crate) fn open(api: &Api) -> Result<Self, PolicyError> {
        let path: Option<Arc<Path>> = api.policy_file.as_deref().map(Into::into);
        let (rules, stamp) = match &path {
            // The stamp is taken first: a file replaced between the two is read again.
            Some(path) => {
                let stamp = file::stamp(path).ok();
                (read(path)?, stamp)
            }
            None => (Rules::new(&[], warn), None),
        };
        let service_project = api.service_project.as_deref().map(Into::into);
        Ok(Self {
            path,
            service_project,
            known: Arc::new(Mutex::new(Known {
                rules: Arc::new(rules),
                stamp,
                at: Instant::now(),
                is_looking: false,
            })),
        })
    }

    /// The rules, as the file had them at most about a second ago.
    pub(crate) async fn rules(&self) -> Arc<Rules> {
        let Some(path) = self.path.as_ref().map(Arc::clone) else {
            return Arc::clone(&self.known.lock().rules);
        };
        let before = {
            let mut known = self.known.lock();
            if known.is_looking || known.at.elapsed() < FRESH {
                return Arc::clone(&known.rules);
            }
            known.is_looking = true;
            known.stamp
        };
        let known = Arc::clone(&self.known);
        // Ends also when the request that began it is cut off: nobody else looks meanwhile.
        let looked = tokio::task::spawn_blocking(move || {
            let read = again(&path, before);
            known.lock().looked(read)
        });
        match looked.await {
            Ok(rules) => rules,
            Err(error) => {
                tracing::error!(%error, "the policy file could not be looked at");
                let mut known = self.known.lock();
                known.looked((before, None))
            }
        }
    }

    /// Whether the holder of these credentials passes a rule.
    pub(crate) fn passes(
        &self,
        rules: &Rules,
        rule: Rule,
        who: &Credentials,
        target: Target<'_>,
    ) -> bool {
        rules.passes(rule, who, target, self.service_project.as_deref())
    }
}

/// Reads the file again if it has changed; a broken one changes nothing but the log.
fn again(path: &Path, before: Option<Stamp>) -> (Option<Stamp>, Option<Rules>) {
    let stamp = match file::stamp(path) {
        Ok(stamp) if Some(stamp) == before => return (before, None),
        Ok(stamp) => Some(stamp),
        Err(_) if before.is_none() => return (None, None),
        Err(_) => None,
    };
    match read(path) {
        Ok(rules) => {
            tracing::info!(path = %path.display(), "the policy file has changed and is in force");
            (stamp, Some(rules))
        }
        Err(error) => {
            tracing::error!(%error, "the rules stay as they were before the policy file changed");
            (stamp, None)
        }
    }
}

fn read(path: &Path) -> Result<Rules, PolicyError> {
    Ok(Rules::new(&file::read(path)?, warn))
}

fn warn(problem: String) {
    tracing::error!("policy: {problem}");
}

#[cfg(test)]
mod tests;
