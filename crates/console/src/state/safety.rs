//! What keeps a person from harm: what is set for the console, for its whole run.

use std::time::Duration;

/// What is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Safety {
    /// From so many nodes on, what destroys wants their number typed.
    pub(crate) challenge: usize,
    /// So long what destroys can be taken back before it is sent.
    pub(crate) grace: Duration,
    /// A run stops when more than so many of a hundred nodes failed.
    pub(crate) stop_percent: u8,
    /// And at least so many.
    pub(crate) stop_least: usize,
    /// So many nodes at once.
    pub(crate) parallel: usize,
    /// The name of the profile, where it is guarded.
    pub(crate) guarded: Option<String>,
    /// Who says that nothing may be changed, where that is so.
    pub(crate) read_only: Option<String>,
    /// Whether the console is all that its person has on this host: it neither gives a shell back,
    /// nor names files for it.
    pub(crate) captive: bool,
}

impl Default for Safety {
    fn default() -> Self {
        Self {
            challenge: 4,
            grace: Duration::from_secs(5),
            stop_percent: 20,
            stop_least: 3,
            parallel: 20,
            guarded: None,
            read_only: None,
            captive: false,
        }
    }
}

impl Safety {
    /// What must be typed before so many nodes are destroyed: their number, or on a guarded profile
    /// for a few of them its name.
    pub(crate) fn challenge(&self, count: usize) -> Option<String> {
        if count >= self.challenge.max(1) {
            return Some(count.to_string());
        }
        self.guarded.clone()
    }

    /// Why nothing may be changed, where that is so.
    pub(crate) fn refusal(&self) -> Option<String> {
        let who = self.read_only.as_ref()?;
        Some(format!("read-only ({who}): this console changes nothing"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_want_their_number_and_a_guarded_profile_always_something() {
        let mut safety = Safety::default();
        assert_eq!(safety.challenge(3), None);
        assert_eq!(safety.challenge(4), Some("4".to_owned()));
        safety.guarded = Some("prod".to_owned());
        assert_eq!(safety.challenge(1), Some("prod".to_owned()));
        assert_eq!(safety.challenge(42), Some("42".to_owned()));
    }
}
