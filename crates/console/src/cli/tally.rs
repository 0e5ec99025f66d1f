//! How work on several nodes ended: each one told once, one exit code for all.

use cupola_api::node::Node;
use serde_json::{Value, json};

use super::{Failure, Outcome, output};

/// Collects how the work on each node ended.
#[derive(Debug)]
pub(crate) struct Tally {
    /// How many there are. When it is one, its failure is the command's, and told as that.
    total: usize,
    done: Vec<Value>,
    failures: Vec<Failure>,
}

impl Tally {
    /// For work on so many nodes.
    pub(crate) const fn new(total: usize) -> Self {
        Self {
            total,
            done: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Tells how the work on one of them ended.
    pub(crate) fn add(&mut self, name: &str, outcome: Result<Node, Failure>) {
        match outcome {
            Ok(node) => {
                let state = node.provision_state;
                output::note(&format!("{name} is {state} ({})", node.uuid));
                let done = json!({ "name": name, "uuid": node.uuid, "provision_state": state });
                self.done.push(done);
            }
            Err(failure) => {
                let error = failure.to_string();
                self.done.push(json!({ "name": name, "error": error }));
                let failure = failure.about(name);
                if self.total > 1 {
                    output::error(&failure.to_string());
                }
                self.failures.push(failure);
            }
        }
    }

    /// The outcome of all; failures of one kind keep their exit code.
    ///
    /// # Errors
    /// When the work on one of them failed.
    pub(crate) fn finish(mut self, json: bool) -> Outcome {
        if json {
            output::json(&self.done)?;
        }
        let failed = self.failures.len();
        match self.failures.pop() {
            None => Ok(()),
            Some(only) if self.total == 1 => Err(only),
            Some(last) => {
                let text = format!("{failed} of {} nodes failed", self.total);
                let same = self.failures.iter().all(|f| f.is_like(&last));
                Err(if same {
                    last.with(text)
                } else {
                    Failure::failed(text)
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Failure {
        Failure::Refused("node is locked".to_owned())
    }

    #[test]
    fn failures_of_one_kind_keep_their_exit_code() {
        let mut tally = Tally::new(3);
        tally.add("a", Err(refused()));
        tally.add("b", Ok(Node::default()));
        tally.add("c", Err(refused()));
        let failure = tally.finish(false).expect_err("two were refused");
        assert!(matches!(failure, Failure::Refused(_)), "{failure:?}");
        assert_eq!(failure.to_string(), "2 of 3 nodes failed");
    }

    #[test]
    fn failures_of_several_kinds_are_a_failure() {
        let mut tally = Tally::new(2);
        tally.add("a", Err(refused()));
        tally.add("b", Err(Failure::failed("no disk")));
        let failure = tally.finish(false).expect_err("both failed");
        assert!(matches!(failure, Failure::Failed(_)), "{failure:?}");
    }

    #[test]
    fn the_failure_of_a_single_one_names_it() {
        let mut tally = Tally::new(1);
        tally.add("a", Err(refused()));
        let failure = tally.finish(false).expect_err("it was refused");
        assert_eq!(failure.to_string(), "a: node is locked");
    }
}
