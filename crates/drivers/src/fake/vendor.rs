//! The fake vendor interface: methods that compare a word and steps that do nothing, as upstream's
//! do.

use async_trait::async_trait;
use cupola_api::agent::StepFlow;
use cupola_api::node::Object;
use serde_json::Value;

use super::behaviour::FakeSettings;
use crate::interface::{Changes, Outcome, Result, Step, Task, Vendor, VendorMethod, WaitFor};

const fn compares(name: &'static str, description: &'static str) -> VendorMethod {
    VendorMethod {
        name,
        description,
        required: &["bar"],
        is_async: true,
        is_exclusive: true,
    }
}

const METHODS: &[VendorMethod] = &[
    compares("second_method", "Test if the value of bar is kazoo"),
    VendorMethod {
        is_async: false,
        ..compares("third_method_sync", "Test if the value of bar is meow")
    },
    VendorMethod {
        is_exclusive: false,
        ..compares(
            "fourth_method_shared_lock",
            "Test if the value of bar is woof",
        )
    },
    VendorMethod {
        required: &[],
        ..compares("log_passthrough", "Test pass-through to wait.")
    },
];

/// A vendor without hardware.
#[derive(Debug, Default)]
pub struct FakeVendor(pub FakeSettings);

#[async_trait]
impl Vendor for FakeVendor {
    fn methods(&self) -> &'static [VendorMethod] {
        METHODS
    }

    async fn call(&self, task: &Task, method: &VendorMethod, arguments: &Object) -> Result<Value> {
        self.0.act(task, "vendor", method.name).await?;
        let wanted = match method.name {
            "second_method" => "kazoo",
            "third_method_sync" => "meow",
            "fourth_method_shared_lock" => "woof",
            _ => return Ok(Value::Null),
        };
        let is_wanted = arguments.get("bar").and_then(Value::as_str) == Some(wanted);
        Ok(Value::Bool(is_wanted))
    }
    fn steps(&self, flow: StepFlow) -> Vec<Step> {
        let in_ramdisk = |name, priority| Step {
            requires_ramdisk: true,
            ..Step::new("vendor", name, priority)
        };
        match flow {
            StepFlow::Deploy => Vec::new(),
            StepFlow::Clean => vec![in_ramdisk("log_passthrough", 1)],
            StepFlow::Service => {
                let waits = Step {
                    abortable: false,
                    ..in_ramdisk("trigger_servicewait", 0)
                };
                vec![Step::new("vendor", "log_passthrough", 0), waits]
            }
        }
    }

    async fn execute(&self, task: &Task, _: StepFlow, step: &Step) -> Result<Outcome> {
        self.0.act(task, "vendor", &step.step).await?;
        Ok(match step.step.as_str() {
            "trigger_servicewait" => Outcome::Wait {
                what: "the next heartbeat".to_owned(),
                until: WaitFor::Heartbeat,
                limit: None,
                changes: Changes::none(),
            },
            _ => Outcome::done(),
        })
    }
}
