//! A machine to enrol, and files of them: CSV with a head line, YAML or JSON with a list.

use std::path::Path;

use cupola_api::cupola::ProbeRequest;
use cupola_api::mac::MacAddress;
use cupola_api::node::Object;
use cupola_api::secret::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::Failure;

/// A machine to enrol.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Machine {
    /// Its name.
    pub(crate) name: Option<String>,
    /// Its hardware type.
    #[serde(default = "ipmi")]
    pub(crate) driver: String,
    /// The address of its BMC.
    pub(crate) address: Option<String>,
    /// The port of its BMC.
    pub(crate) port: Option<u16>,
    /// The user name at its BMC.
    pub(crate) user: Option<String>,
    /// The password at its BMC.
    pub(crate) password: Option<Secret>,
    /// The addresses that netboot.
    pub(crate) macs: Vec<MacAddress>,
    /// Its resource class.
    pub(crate) resource_class: Option<String>,
    /// Properties.
    pub(crate) properties: Object,
    /// More driver information.
    pub(crate) driver_info: Object,
}

fn ipmi() -> String {
    "ipmi".to_owned()
}

/// A line of a CSV file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: Option<String>,
    driver: Option<String>,
    address: Option<String>,
    port: Option<u16>,
    user: Option<String>,
    password: Option<Secret>,
    /// Separated by blanks or semicolons.
    macs: Option<String>,
    resource_class: Option<String>,
}

impl Machine {
    /// What a person calls it.
    pub(crate) fn label(&self) -> String {
        let named = self.name.as_ref().or(self.address.as_ref());
        named.cloned().unwrap_or_else(|| "machine".to_owned())
    }

    fn full_driver_info(&self) -> Object {
        let mut info = self.driver_info.clone();
        let mut add = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                info.insert(key.to_owned(), value);
            }
        };
        add("ipmi_address", self.address.clone().map(Value::from));
        add("ipmi_port", self.port.map(Value::from));
        add("ipmi_username", self.user.clone().map(Value::from));
        add(
            "ipmi_password",
            self.password.as_ref().map(|p| p.expose().into()),
        );
        info
    }

    /// What its BMC is tested with; nothing when it has none.
    pub(crate) fn probe(&self) -> Option<ProbeRequest> {
        self.address.as_ref()?;
        Some(ProbeRequest {
            driver: self.driver.clone(),
            driver_info: self.full_driver_info(),
        })
    }

    /// The body of the enrolment request.
    pub(crate) fn body(&self) -> Value {
        let mut body = json!({
            "driver": self.driver,
            "driver_info": self.full_driver_info(),
            "properties": self.properties,
        });
        for (key, value) in [
            ("name", &self.name),
            ("resource_class", &self.resource_class),
        ] {
            if let (Some(value), Some(members)) = (value, body.as_object_mut()) {
                members.insert(key.to_owned(), value.as_str().into());
            }
        }
        body
    }
}

/// Reads machines from a file; its name says of which kind it is.
pub(crate) fn from_file(path: &Path) -> Result<Vec<Machine>, Failure> {
    let wrong = |e: &dyn std::fmt::Display| Failure::usage(format!("{}: {e}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| wrong(&e))?;
    let extension = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default();
    let machines = match extension {
        "csv" => from_csv(&text),
        "yaml" | "yml" => serde_saphyr::from_str(&text).map_err(|e| e.to_string()),
        "json" => serde_json::from_str(&text).map_err(|e| e.to_string()),
        _ => Err("the name must end in .csv, .yaml or .json".to_owned()),
    };
    let machines = machines.map_err(|e| wrong(&e))?;
    if machines.is_empty() {
        return Err(wrong(&"there is no machine in it"));
    }
    Ok(machines)
}

fn from_csv(text: &str) -> Result<Vec<Machine>, String> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let rows = reader.deserialize::<Row>();
    let rows = rows.map(|row| row.map_err(|e| e.to_string()));
    rows.map(|row| machine(row?)).collect()
}

fn machine(row: Row) -> Result<Machine, String> {
    let separator = |c: char| c.is_whitespace() || c == ';';
    let macs = row.macs.unwrap_or_default();
    let macs = macs.split(separator).filter(|t| !t.is_empty());
    let macs: Result<Vec<MacAddress>, _> = macs.map(str::parse).collect();
    Ok(Machine {
        name: row.name,
        driver: row.driver.unwrap_or_else(ipmi),
        address: row.address,
        port: row.port,
        user: row.user,
        password: row.password,
        macs: macs.map_err(|e| e.to_string())?,
        resource_class: row.resource_class,
        properties: Object::new(),
        driver_info: Object::new(),
    })
}

/// Splits an address from its port; IPv6 addresses with a port stand in brackets.
pub(crate) fn split_address(text: &str) -> Result<(String, Option<u16>), Failure> {
    let (host, port) = match text.strip_prefix('[').and_then(|t| t.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None if text.matches(':').count() > 1 => (text, None),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = port.map(str::parse).transpose();
    let port = port.map_err(|_| Failure::usage(format!("{text}: the port is no number")))?;
    Ok((host.to_owned(), port))
}

/// Splits `KEY=VALUE`; a value that is JSON is taken as that.
pub(crate) fn pair(text: &str) -> Result<(String, Value), Failure> {
    let split = text.split_once('=');
    let (key, value) =
        split.ok_or_else(|| Failure::usage(format!("{text}: KEY=VALUE is needed")))?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((key.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_csv_and_yaml() {
        let csv = "name,address,port,user,password,macs\n\
                   # the first rack\n\
                   u1, 10.0.0.1, 623, admin, pw, 52:54:00:00:00:01 52:54:00:00:00:02\n\
                   u2, 10.0.0.2, , admin, pw, 52:54:00:00:00:03\n";
        let machines = from_csv(csv).expect("machines");
        assert_eq!(machines.len(), 2);
        assert_eq!(machines[0].macs.len(), 2);
        assert_eq!(
            (machines[1].port, machines[1].driver.as_str()),
            (None, "ipmi")
        );
        assert!(!format!("{machines:?}").contains("pw"));

        let yaml = "- name: u1\n  address: 10.0.0.1\n  macs: ['52:54:00:00:00:01']\n  properties: {cpus: 4}\n";
        let machines: Vec<Machine> = serde_saphyr::from_str(yaml).expect("machines");
        assert_eq!(machines[0].body()["properties"]["cpus"], 4);
        assert_eq!(machines[0].driver, "ipmi");
    }

    #[test]
    fn addresses_and_ports() {
        let split = |text| split_address(text).expect("an address");
        assert_eq!(split("10.0.0.1"), ("10.0.0.1".to_owned(), None));
        assert_eq!(
            split("bmc.example:6230"),
            ("bmc.example".to_owned(), Some(6230))
        );
        assert_eq!(split("fe80::1"), ("fe80::1".to_owned(), None));
        assert_eq!(split("[fe80::1]:623"), ("fe80::1".to_owned(), Some(623)));
        assert!(split_address("h:x").is_err());
    }
}
