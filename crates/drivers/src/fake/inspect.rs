//! The fake inspect interface: it finds a small machine at once.

use async_trait::async_trait;
use cupola_api::node::Object;
use serde_json::json;

use super::behaviour::{FakeSettings, PROPERTIES};
use crate::interface::{Hardware, Inspect, Inspection, InspectionStart, Result, Task};

/// Inspecting without a machine.
#[derive(Debug, Default)]
pub struct FakeInspect(pub FakeSettings);

#[async_trait]
impl Inspect for FakeInspect {
    fn properties(&self) -> &'static [(&'static str, &'static str)] {
        PROPERTIES
    }

    fn validate(&self, task: &Task, _: &Hardware) -> Result<()> {
        FakeSettings::validate(task)
    }

    async fn start(&self, task: &Task, _: &Hardware) -> Result<InspectionStart> {
        self.0.act(task, "inspect", "inspect").await?;
        let mut found = Inspection::default();
        let properties = &mut found.changes.properties;
        properties.insert("cpu_arch".to_owned(), json!("x86_64"));
        properties.insert("memory_mb".to_owned(), json!(4096));
        properties.insert("local_gb".to_owned(), json!(10));
        properties.insert("cpus".to_owned(), json!(2));
        Ok(InspectionStart::Done(Box::new(found)))
    }

    async fn process(&self, _: &Task, _: &Hardware, _: Object) -> Result<Inspection> {
        Ok(Inspection::default())
    }

    async fn clean_up(&self, _: &Task, _: &Hardware) -> Result<()> {
        Ok(())
    }
}
