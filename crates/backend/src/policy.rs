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
use crate::operator_file::{self, Exposure, Looker, Stamp};
pub(crate) use evaluate::Target;
pub use file::PolicyError;
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
    looker: Looker,
}

#[derive(Clone, Debug)]
struct Known {
    rules: Arc<Rules>,
    /// Of the file when it was read last, whether or not it could be used.
    stamp: Option<Stamp>,
    at: Instant,
}

/// Whether a policy file can be used: the rules it sets that do not exist or cannot be passed by
/// anybody because of what they refer to; and what is wrong with its permissions. Reads it, so it
/// blocks.
pub(crate) fn check_file(path: &Path) -> Result<(Vec<String>, Option<Exposure>), PolicyError> {
    let file = path.to_owned();
    let looked = operator_file::wait(move || Ok((file::read(&file)?, file::exposure(&file))));
    let (overrides, exposure) =
        looked.unwrap_or_else(|error| Err(file::unreadable(path)(error)))?;
    let mut problems = Vec::new();
    Rules::new(&overrides, |problem| problems.push(problem));
    Ok((problems, exposure))
}

impl Known {
    /// Takes what was found; the rules that are in force now.
    fn looked(&mut self, (stamp, rules): (Option<Stamp>, Option<Rules>)) -> Arc<Rules> {
        self.at = Instant::now();
        self.stamp = stamp;
        if let Some(rules) = rules {
            self.rules = Arc::new(rules);
        }
        Arc::clone(&self.rules)
    }
}

impl Policy {
    /// As configured. Reads the file, so it blocks, but not for long.
    pub(crate) fn open(api: &Api) -> Result<Self, PolicyError> {
        let path: Option<Arc<Path>> = api.policy_file.as_deref().map(Into::into);
        let (rules, stamp) = match &path {
            // The stamp is taken first: a file replaced between the two is read again.
            Some(path) => {
                let file = Arc::clone(path);
                let looked = operator_file::wait(move || {
                    let stamp = operator_file::stamp(&file).ok();
                    Ok((read(&file)?, stamp))
                });
                looked.unwrap_or_else(|error| Err(file::unreadable(path)(error)))?
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
            })),
            looker: Looker::default(),
        })
    }

    /// The rules, as the file had them at most about a second ago.
    pub(crate) async fn rules(&self) -> Arc<Rules> {
        let Some(path) = self.path.as_ref().map(Arc::clone) else {
            return Arc::clone(&self.known.lock().rules);
        };
        let before = {
            let known = self.known.lock();
            if known.at.elapsed() < FRESH {
                return Arc::clone(&known.rules);
            }
            known.stamp
        };
        let known = Arc::clone(&self.known);
        // Ends also when the request that began it is cut off.
        let look = self.looker.try_look(move || {
            let read = again(&path, before);
            known.lock().looked(read)
        });
        match look.await {
            Some(Ok(rules)) => rules,
            // Somebody else looks just now.
            None => Arc::clone(&self.known.lock().rules),
            Some(Err(error)) => {
                tracing::error!(%error, "the rules stay: the policy file could not be looked at");
                let mut known = self.known.lock();
                known.looked((before, None))
            }
        }
    }

    /// Whether the holder of these credentials passes the rule of this name; none where there is none.
    pub(crate) fn passes_named(
        &self,
        rules: &Rules,
        name: &str,
        who: &Credentials,
        target: Target<'_>,
    ) -> Option<bool> {
        rules.passes_named(name, who, target, self.service_project.as_deref())
    }

    /// Reads the file again, whether or not it has changed; nothing where there is none.
    ///
    /// # Errors
    /// What is wrong with it. The rules before are kept then.
    pub(crate) async fn reload(&self) -> Option<Result<(), String>> {
        let path = self.path.as_ref().map(Arc::clone)?;
        let known = Arc::clone(&self.known);
        let look = self.looker.look(move || {
            let stamp = operator_file::stamp(&path).ok();
            let (rules, read) = match read(&path) {
                Ok(rules) => (Some(rules), Ok(())),
                Err(error) => (None, Err(error.to_string())),
            };
            known.lock().looked((stamp, rules));
            read
        });
        Some(look.await.unwrap_or_else(|error| Err(error.to_string())))
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
    let stamp = match operator_file::stamp(path) {
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
    if let Some(exposure) = file::exposure(path) {
        tracing::warn!("api.policy_file: {exposure}");
    }
    Ok(Rules::new(&file::read(path)?, warn))
}

fn warn(problem: String) {
    tracing::error!("policy: {problem}");
}

#[cfg(test)]
mod tests;
