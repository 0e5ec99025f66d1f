//! Methods of vendor interfaces, called through the API.

use std::sync::Arc;

use cupola_api::fault::ApiFault;
use cupola_api::id::NodeId;
use cupola_api::node::Object;
use cupola_drivers::interface::{DriverError, Hardware, Task, Vendor, VendorMethod, vendor_method};
use serde_json::Value;

use super::Conductor;
use super::error::{WorkError, WorkResult};
use super::rpc::ANSWER_LIMIT;
use super::work::Work;

/// A method that was found, and what it is called with.
struct Call {
    vendor: Arc<dyn Vendor>,
    method: &'static VendorMethod,
    arguments: Object,
}

impl Conductor {
    pub(super) async fn methods_of_vendor(&self, id: NodeId) -> Result<Object, ApiFault> {
        let (task, hardware) = Work::new(self.clone(), id).hardware().await?;
        let methods = vendor(&task, &hardware)?.methods().iter();
        Ok(methods
            .map(|method| (method.name.to_owned(), method.describe()))
            .collect())
    }

    pub(super) async fn run_vendor(
        &self,
        id: NodeId,
        name: &str,
        http_method: &str,
        arguments: Object,
    ) -> Result<Option<Value>, ApiFault> {
        let work = Work::new(self.clone(), id);
        let (task, hardware) = work.hardware().await?;
        let vendor = vendor(&task, &hardware)?;
        let method = vendor_method(&*vendor, name, http_method, &arguments);
        let method = method.map_err(WorkError::from)?;
        let call = Call {
            vendor,
            method,
            arguments,
        };
        if method.is_async {
            self.start_vendor(id, call).await?;
            return Ok(None);
        }
        if !method.is_exclusive {
            return Ok(Some(work.call_vendor(&call).await?));
        }
        let held = self.lock(id).await?;
        let called = held.work.call_vendor(&call).await;
        self.release(held).await;
        Ok(Some(called?))
    }

    async fn start_vendor(&self, id: NodeId, call: Call) -> Result<(), ApiFault> {
        let worker = self.inner.workers.for_request()?;
        let held = self.lock(id).await?;
        self.spawn(held, worker, move |work| async move {
            let Err(error) = work.call_vendor(&call).await else {
                return;
            };
            if !work.is_stopping() {
                let text = format!("Vendor method {} failed: {error}", call.method.name);
                work.note_error("UNKNOWN", &text).await;
            }
        });
        Ok(())
    }
}

impl Work {
    async fn call_vendor(&self, call: &Call) -> WorkResult<Value> {
        let (task, _) = self.hardware().await?;
        let task = task.within(ANSWER_LIMIT);
        Ok(call
            .vendor
            .call(&task, call.method, &call.arguments)
            .await?)
    }
}

fn vendor(task: &Task, hardware: &Hardware) -> WorkResult<Arc<dyn Vendor>> {
    hardware.vendor.clone().ok_or_else(|| {
        let driver = task.node().driver.clone();
        let what = "vendor".to_owned();
        DriverError::Unsupported { driver, what }.into()
    })
}
