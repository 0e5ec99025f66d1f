//! Questions to the network that wait for an answer, each for a short time.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long an answer may take. A host on the same network answers within a millisecond or two; a
/// ROM waits four seconds for its offer.
const PATIENCE: Duration = Duration::from_millis(300);

/// Who waits for what.
#[derive(Debug)]
pub(crate) struct Waiting<K, V> {
    questions: Mutex<HashMap<K, Vec<oneshot::Sender<V>>>>,
}

impl<K, V> Default for Waiting<K, V> {
    fn default() -> Self {
        Self {
            questions: Mutex::default(),
        }
    }
}

/// An answer that may come.
#[derive(Debug)]
pub(crate) struct Expected<V> {
    answer: oneshot::Receiver<V>,
}

impl<K: Eq + Hash, V: Copy> Waiting<K, V> {
    /// Waits for an answer from here on. Questions that nobody waits for any more are forgotten.
    pub(crate) fn ask(&self, key: K) -> Expected<V> {
        let (tell, answer) = oneshot::channel();
        let mut questions = self.questions.lock();
        questions.retain(|_, askers| {
            askers.retain(|asker| !asker.is_closed());
            !askers.is_empty()
        });
        questions.entry(key).or_default().push(tell);
        Expected { answer }
    }

    /// An answer has come.
    pub(crate) fn tell(&self, key: K, answer: V) {
        let askers = self.questions.lock().remove(&key);
        for asker in askers.into_iter().flatten() {
            // It may have lost its patience just now.
            let _ = asker.send(answer);
        }
    }
}

impl<V> Expected<V> {
    /// The answer; `None` where it does not come in time.
    pub(crate) async fn receive(self) -> Option<V> {
        timeout(PATIENCE, self.answer).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_who_ask_are_told_and_nobody_is_kept_waiting() {
        let waiting = Waiting::<u8, u8>::default();
        let (first, second, other) = (waiting.ask(1), waiting.ask(1), waiting.ask(2));
        waiting.tell(1, 7);
        waiting.tell(3, 9);
        assert_eq!(
            (first.receive().await, second.receive().await),
            (Some(7), Some(7))
        );
        assert_eq!(other.receive().await, None);
        drop(waiting.ask(4));
        assert_eq!(waiting.questions.lock().len(), 1);
    }
}
