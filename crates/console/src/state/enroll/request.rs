//! What the wizard sends: the live test, the locate LED, the new node.

use cupola_api::cupola::{IdentifyRequest, ProbeRequest};
use serde_json::{Map, Value, json};

use super::Enroll;

impl Enroll {
    /// What the BMC is tested with.
    pub(crate) fn probe_request(&self) -> ProbeRequest {
        ProbeRequest {
            driver: self.bmc.text("Driver"),
            driver_info: self.driver_info(),
        }
    }

    /// The locate LED lit, or put out.
    pub(crate) fn identify_request(&self, on: bool) -> IdentifyRequest {
        IdentifyRequest {
            driver: self.bmc.text("Driver"),
            driver_info: self.driver_info(),
            state: if on { "on" } else { "off" }.to_owned(),
        }
    }

    fn driver_info(&self) -> Map<String, Value> {
        let mut info = Map::new();
        if !self.has_bmc() {
            return info;
        }
        let mut add = |key: &str, value: String| {
            if !value.is_empty() {
                info.insert(key.to_owned(), value.into());
            }
        };
        add("ipmi_address", self.bmc.text("BMC address"));
        add("ipmi_port", self.bmc.text("Port"));
        add("ipmi_username", self.bmc.text("User name"));
        add("ipmi_password", self.bmc.text("Password"));
        info
    }

    /// The body of the enrolment request.
    pub(crate) fn body(&self) -> Value {
        let mut properties = Map::new();
        for (label, key) in [
            ("CPUs", "cpus"),
            ("Memory MiB", "memory_mb"),
            ("Disk GiB", "local_gb"),
        ] {
            if let Ok(number) = self.properties.text(label).parse::<u64>() {
                properties.insert(key.to_owned(), number.into());
            }
        }
        let serial = self.properties.text("Root disk serial");
        if !serial.is_empty() {
            properties.insert("root_device".to_owned(), json!({ "serial": serial }));
        }
        let mut body = json!({
            "driver": self.bmc.text("Driver"),
            "driver_info": self.driver_info(),
            "properties": properties,
        });
        let extra = self.extra();
        if let (false, Some(members)) = (extra.is_empty(), body.as_object_mut()) {
            members.insert("extra".to_owned(), extra.into());
        }
        for (key, text) in [
            ("name", self.bmc.text("Name")),
            ("resource_class", self.properties.text("Resource class")),
        ] {
            if let (false, Some(members)) = (text.is_empty(), body.as_object_mut()) {
                members.insert(key.to_owned(), text.into());
            }
        }
        body
    }
}
