//! The vendor interface: what only one kind of hardware can, by name.

use async_trait::async_trait;
use cupola_api::agent::StepFlow;
use cupola_api::node::Object;
use serde_json::{Value, json};

use super::{DriverError, Outcome, Result, Step, Task};

/// A method of a vendor interface, as the Bare Metal API lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VendorMethod {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub description: &'static str,
    /// The arguments that it must be given.
    pub required: &'static [&'static str],
    /// Whether the caller is answered before it is done.
    pub is_async: bool,
    /// Whether nobody else may work on the node meanwhile.
    pub is_exclusive: bool,
}

impl VendorMethod {
    /// What the API tells of it.
    #[must_use]
    pub fn describe(&self) -> Value {
        json!({
            "http_methods": ["POST"],
            "async": self.is_async,
            "attach": false,
            "description": self.description,
            "require_exclusive_lock": self.is_exclusive,
        })
    }
}

/// Does what no other interface has a word for.
#[async_trait]
pub trait Vendor: Send + Sync + 'static {
    /// The methods that it has; all of them are called by POST.
    fn methods(&self) -> &'static [VendorMethod];

    /// Runs a method of it.
    ///
    /// # Errors
    /// The hardware does not answer or refuses, or an argument cannot be used.
    async fn call(&self, task: &Task, method: &VendorMethod, arguments: &Object) -> Result<Value>;

    /// Its steps; those of priority 0 run only when asked for.
    fn steps(&self, flow: StepFlow) -> Vec<Step> {
        let _ = flow;
        Vec::new()
    }

    /// Runs one step of [`Vendor::steps`].
    ///
    /// # Errors
    /// Why the step failed.
    async fn execute(&self, task: &Task, flow: StepFlow, step: &Step) -> Result<Outcome> {
        let _ = (task, flow);
        Err(DriverError::StepFailed(format!(
            "the vendor interface has no step {}",
            step.step
        )))
    }
}

/// Finds a method and checks how it is called, as Ironic words it.
///
/// # Errors
/// There is no such method, it is not called so, or an argument is missing.
pub fn vendor_method(
    vendor: &dyn Vendor,
    name: &str,
    http_method: &str,
    arguments: &Object,
) -> Result<&'static VendorMethod> {
    let method = vendor
        .methods()
        .iter()
        .find(|method| method.name == name)
        .ok_or_else(|| DriverError::InvalidParameter(format!("No handler for method {name}")))?;
    if http_method != "POST" {
        return Err(DriverError::InvalidParameter(format!(
            "The method {name} does not support HTTP {http_method}"
        )));
    }
    let is_missing = |argument: &&&str| match arguments.get(**argument) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(_) => false,
    };
    match method.required.iter().find(is_missing) {
        None => Ok(method),
        Some(argument) => Err(DriverError::MissingParameter(format!(
            "Parameter '{argument}' not passed to method '{name}'."
        ))),
    }
}
