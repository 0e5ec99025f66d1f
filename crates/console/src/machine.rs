//! A machine to enrol, what is sent of it, and what the help says of files of machines, which `file`
//! reads.

pub(crate) mod file;

use cupola_api::cupola::ProbeRequest;
use cupola_api::mac::MacAddress;
use cupola_api::node::Object;
use cupola_api::secret::Secret;
use serde_json::{Value, json};

use crate::given;

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
  mac: '52:54:00:12:34:56'
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
  -      standard input, of which kind it is shows its first character

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

/// What somebody gave is no machine, no address, or no file of machines; it says what to do.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NoMachine(pub(crate) String);

/// A machine to enrol.
#[derive(Clone, Debug, Default)]
pub(crate) struct Machine {
    /// Its name.
    pub(crate) name: Option<String>,
    /// Its hardware type.
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

/// Splits an address from its port; IPv6 addresses with a port stand in brackets.
pub(crate) fn split_address(text: &str) -> Result<(String, Option<u16>), NoMachine> {
    let wrong = || {
        NoMachine(format!(
            "{text:?} is no ADDRESS[:PORT], such as 10.0.0.7, bmc7.example:6230 or [fd00::7]:623"
        ))
    };
    let (host, port) = match text.strip_prefix('[').and_then(|t| t.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':').ok_or_else(wrong)?)),
        None if given::is_ipv6(text) => (text, None),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if let Err(why) = given::host(host) {
        return Err(NoMachine(format!("{}: {why}", wrong())));
    }
    let port: Option<u16> = port.map(str::parse).transpose().map_err(|_| wrong())?;
    if port == Some(0) {
        return Err(wrong());
    }
    Ok((host.to_owned(), port))
}

/// Splits `KEY=VALUE`; a value that is JSON is taken as that.
pub(crate) fn pair(text: &str) -> Result<(String, Value), NoMachine> {
    let split = text.split_once('=');
    let (key, value) = split.ok_or_else(|| NoMachine(format!("{text}: KEY=VALUE is needed")))?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((key.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
