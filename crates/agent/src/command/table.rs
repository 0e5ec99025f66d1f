//! The commands since the agent started: one runs at a time, all are kept for polling.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cupola_api::agent::{
    CommandError, CommandFailure, CommandResult, CommandStatus, WriteProgress,
};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::error::StepError;
use crate::image::ProgressCell;

/// How many are kept; the oldest goes first. A deployment has a dozen.
const LIMIT: usize = 256;

/// The list.
#[derive(Default)]
pub(super) struct CommandTable(Mutex<Vec<Arc<Entry>>>);

/// One command.
pub(super) struct Entry {
    id: String,
    name: &'static str,
    params: Value,
    outcome: Mutex<Outcome>,
    ended: CancellationToken,
    pub(super) progress: Arc<ProgressCell>,
}

struct Outcome {
    status: CommandStatus,
    error: Option<CommandError>,
    result: Option<Value>,
}

impl CommandTable {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Entry>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a running command; the name of the one that still runs is the error.
    pub(super) fn begin(
        &self,
        name: &'static str,
        params: &Map<String, Value>,
    ) -> Result<Arc<Entry>, &'static str> {
        let mut entries = self.lock();
        if let Some(last) = entries.last().filter(|last| last.is_running()) {
            return Err(last.name);
        }
        let entry = Arc::new(Entry {
            id: uuid::Uuid::new_v4().to_string(),
            name,
            params: shown(params),
            outcome: Mutex::new(Outcome {
                status: CommandStatus::Running,
                error: None,
                result: None,
            }),
            ended: CancellationToken::new(),
            progress: Arc::default(),
        });
        entries.push(Arc::clone(&entry));
        if entries.len() > LIMIT {
            entries.remove(0);
        }
        Ok(entry)
    }

    pub(super) fn list(&self) -> Vec<CommandResult> {
        self.lock().iter().map(|entry| entry.snapshot()).collect()
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<Entry>> {
        self.lock().iter().find(|entry| entry.id == id).cloned()
    }
}

/// The parameters as they are shown to whoever polls: without the node and its ports, which the
/// conductor knows, and without the config drive, which is large and secret.
fn shown(params: &Map<String, Value>) -> Value {
    let mut params = params.clone();
    params.retain(|key, _| !matches!(key.as_str(), "node" | "ports"));
    for value in params.values_mut() {
        mask(value);
    }
    Value::Object(params)
}

fn mask(value: &mut Value) {
    const SECRETS: [&str; 4] = [
        "configdrive",
        "image_server_password",
        "image_request_authorization",
        "rescue_password",
    ];
    match value {
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                if SECRETS.contains(&key.as_str()) && !value.is_null() {
                    *value = Value::from(cupola_api::agent::token::MASKED);
                } else {
                    mask(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

impl Entry {
    fn lock(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_running(&self) -> bool {
        self.lock().status == CommandStatus::Running
    }

    /// Waits for the end.
    pub(super) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    pub(super) fn succeed(&self, mut result: Value) {
        // How much was written stays readable after the end.
        if let (Some(progress), Some(object)) = (self.progress.get(), result.as_object_mut()) {
            object.insert(WriteProgress::KEY.to_owned(), json!(progress));
        }
        let result = (!result.is_null()).then_some(result);
        self.end(Outcome {
            status: CommandStatus::Succeeded,
            error: None,
            result,
        });
    }

    /// Ends it badly; of another version is a state of its own, for which the steps are fetched again.
    pub(super) fn fail(&self, error: &StepError) {
        let text = crate::error::with_causes(error);
        let failure = CommandFailure {
            kind: error.kind().to_owned(),
            code: error.code(),
            message: text.clone(),
            details: text,
        };
        let status = match error {
            StepError::VersionMismatch => CommandStatus::VersionMismatch,
            _ => CommandStatus::Failed,
        };
        self.end(Outcome {
            status,
            error: Some(CommandError::Failure(failure)),
            result: None,
        });
    }

    fn end(&self, outcome: Outcome) {
        *self.lock() = outcome;
        self.ended.cancel();
    }

    /// How far the command is, and what stands in its way.
    fn so_far(&self) -> Option<Value> {
        let progress = self.progress.get();
        let progress = progress.map(|it| (WriteProgress::KEY.to_owned(), json!(it)));
        let trouble = self.progress.trouble();
        let trouble = trouble.map(|it| (WriteProgress::TROUBLE_KEY.to_owned(), json!(it)));
        let told: Map<String, Value> = progress.into_iter().chain(trouble).collect();
        (!told.is_empty()).then_some(Value::Object(told))
    }

    pub(super) fn snapshot(&self) -> CommandResult {
        let outcome = self.lock();
        let result = match outcome.status {
            CommandStatus::Running => self.so_far(),
            CommandStatus::Succeeded | CommandStatus::Failed | CommandStatus::VersionMismatch => {
                outcome.result.clone()
            }
        };
        CommandResult {
            id: self.id.clone(),
            command_name: self.name.to_owned(),
            command_params: Some(self.params.clone()),
            command_status: outcome.status,
            command_error: outcome.error.clone(),
            command_result: result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_runs_at_a_time_and_secrets_are_not_shown() {
        let table = CommandTable::default();
        let Value::Object(params) = json!({
            "node": {"uuid": 1},
            "step": {"args": {"configdrive": "secret", "image_info": {"configdrive": "secret"}}}
        }) else {
            unreachable!()
        };
        let entry = table.begin("execute_deploy_step", &params).unwrap();
        assert_eq!(
            table.begin("sync", &Map::new()).err(),
            Some("execute_deploy_step")
        );
        entry.succeed(json!({"deploy_result": null}));
        table.begin("sync", &Map::new()).unwrap();
        let listed = serde_json::to_string(&table.list()).unwrap();
        assert!(
            !listed.contains("secret") && !listed.contains("uuid\":1"),
            "{listed}"
        );
        assert_eq!(table.list()[0].command_status, CommandStatus::Succeeded);
    }
}
