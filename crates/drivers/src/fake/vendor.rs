//! The fake vendor interface: methods that compare a word, as upstream's do.

use async_trait::async_trait;
use cupola_api::node::Object;
use serde_json::Value;

use super::behaviour::FakeSettings;
use crate::interface::{Result, Task, Vendor, VendorMethod};

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
}
