//! A machine to enrol, and files of them: CSV with a head line, YAML or JSON with a list.

use std::net::Ipv6Addr;
use std::path::Path;

use cupola_api::cupola::ProbeRequest;
use cupola_api::mac::MacAddress;
use cupola_api::node::Object;
use cupola_api::secret::Secret;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Value, json};

use crate::cli::Failure;

/// A CSV file as the help shows it.
const EXAMPLE_CSV: &str = "\
name,bmc,user,password,mac,resource_class
rack1-u07,10.0.0.7,admin,secret,52:54:00:12:34:56,compute
rack1-u08,10.0.0.8:6230,admin,secret,52:54:00:12:34:57;52:54:00:12:34:58,
";

/// A YAML file as the help shows it.
const EXAMPLE_YAML: &str = "\
- name: rack1-u07
  bmc: 10.0.0.7
  user: admin
  password: secret
  mac: 52:54:00:12:34:56
- name: rack1-u08
  bmc: 10.0.0.8:6230
  user: admin
  password: secret
  macs: ['52:54:00:12:34:57', '52:54:00:12:34:58']
  resource_class: compute
  properties: {cpus: 16}
  driver_info: {ipmi_cipher_suite: 3}
";

/// What may stand in a file of machines, for `--help`.
pub(crate) fn help() -> String {
    let indented = |text: &str| {
        let lines: Vec<_> = text.lines().map(|line| format!("  {line}")).collect();
        lines.join("\n")
    };
    format!(
        "Files of machines, by the end of their name:
  .csv   a head line, then a line per machine; # begins a comment
  .yaml  a list of machines; .json likewise

Columns of CSV, keys of YAML and JSON; all may be left out:
  name            name of the machine
  driver          hardware type; ipmi when left out
  bmc             address of the BMC, ADDRESS[:PORT]; also called address
  port            port of the BMC; 623 when left out
  user, password  at the BMC
  mac             MAC address that netboots; several in CSV with a blank or ; between them, in YAML
                  and JSON as a list; also called macs
  resource_class  resource class
  properties, driver_info
                  YAML and JSON only: maps

machines.csv:
{}

machines.yaml:
{}",
        indented(EXAMPLE_CSV),
        indented(EXAMPLE_YAML)
    )
}

/// A machine to enrol.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Machine {
    /// Its name.
    pub(crate) name: Option<String>,
    /// Its hardware type.
    #[serde(default = "ipmi")]
    pub(crate) driver: String,
    /// The address of its BMC; in a file also with the port.
    #[serde(alias = "bmc")]
    pub(crate) address: Option<String>,
    /// The port of its BMC.
    pub(crate) port: Option<u16>,
    /// The user name at its BMC.
    pub(crate) user: Option<String>,
    /// The password at its BMC.
    pub(crate) password: Option<Secret>,
    /// The addresses that netboot.
    #[serde(alias = "mac", deserialize_with = "one_or_many")]
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
    #[serde(alias = "bmc")]
    address: Option<String>,
    port: Option<u16>,
    user: Option<String>,
    password: Option<Secret>,
    /// Separated by blanks or semicolons.
    #[serde(alias = "mac")]
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
    let machines = machines.and_then(|machines| machines.into_iter().map(settled).collect());
    let machines: Vec<Machine> = machines.map_err(|e| wrong(&e))?;
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

/// The machine with the port taken out of its BMC's address.
fn settled(mut machine: Machine) -> Result<Machine, String> {
    if let Some(text) = &machine.address {
        let (address, port) = split_address(text).map_err(|e| e.to_string())?;
        if port.is_some() && machine.port.is_some() {
            return Err(format!("{text}: the port is given twice"));
        }
        machine.port = port.or(machine.port);
        machine.address = Some(address);
    }
    Ok(machine)
}

/// MAC addresses in one text, or in a list.
fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<MacAddress>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        One(String),
        Many(Vec<String>),
    }
    let text = match Given::deserialize(from)? {
        Given::One(text) => text,
        Given::Many(texts) => texts.join(" "),
    };
    addresses(&text).map_err(de::Error::custom)
}

fn addresses(text: &str) -> Result<Vec<MacAddress>, String> {
    let separator = |c: char| c.is_whitespace() || c == ';';
    let macs = text.split(separator).filter(|t| !t.is_empty());
    let macs: Result<Vec<MacAddress>, _> = macs.map(str::parse).collect();
    macs.map_err(|e| e.to_string())
}

fn machine(row: Row) -> Result<Machine, String> {
    let macs = addresses(&row.macs.unwrap_or_default())?;
    Ok(Machine {
        name: row.name,
        driver: row.driver.unwrap_or_else(ipmi),
        address: row.address,
        port: row.port,
        user: row.user,
        password: row.password,
        macs,
        resource_class: row.resource_class,
        properties: Object::new(),
        driver_info: Object::new(),
    })
}

/// Splits an address from its port; IPv6 addresses with a port stand in brackets.
pub(crate) fn split_address(text: &str) -> Result<(String, Option<u16>), Failure> {
    let wrong = || {
        Failure::usage(format!(
            "{text:?} is no ADDRESS[:PORT], such as 10.0.0.7, bmc7.example:6230 or [fd00::7]:623"
        ))
    };
    let (host, port) = match text.strip_prefix('[').and_then(|t| t.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':').ok_or_else(wrong)?)),
        None if is_ipv6(text) => (text, None),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let bad_host = host.is_empty() || host.contains(char::is_whitespace);
    if bad_host || (host.contains(':') && !is_ipv6(host)) {
        return Err(wrong());
    }
    let port: Option<u16> = port.map(str::parse).transpose().map_err(|_| wrong())?;
    if port == Some(0) {
        return Err(wrong());
    }
    Ok((host.to_owned(), port))
}

/// Whether it is an IPv6 address, with a zone or without (RFC 4007, section 11).
fn is_ipv6(text: &str) -> bool {
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    address.parse::<Ipv6Addr>().is_ok()
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
        assert_eq!(split("fe80::1%eth0"), ("fe80::1%eth0".to_owned(), None));
        for bad in [
            "h:x",
            "127.0.0.1:9:9",
            "[fe80::1]9",
            "[h:1]",
            ":623",
            "",
            "h:0",
        ] {
            let failure = split_address(bad).expect_err(bad);
            assert!(failure.to_string().contains("ADDRESS[:PORT]"), "{failure}");
        }
    }

    #[test]
    fn the_examples_of_the_help_are_files_of_machines() {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, text) in [("m.csv", EXAMPLE_CSV), ("m.yaml", EXAMPLE_YAML)] {
            let path = directory.path().join(name);
            std::fs::write(&path, text).expect("a file");
            let machines = from_file(&path).expect(name);
            assert_eq!(machines.len(), 2);
            assert_eq!(machines[0].address.as_deref(), Some("10.0.0.7"));
            assert_eq!((machines[0].port, machines[1].port), (None, Some(6230)));
            assert_eq!((machines[0].macs.len(), machines[1].macs.len()), (1, 2));
        }
        let readme = include_str!("../../../../../README.md");
        assert!(readme.contains(EXAMPLE_CSV) && readme.contains(EXAMPLE_YAML));
    }
}
