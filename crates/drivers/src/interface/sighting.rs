//! BMCs that are looked for at addresses: where, as whom, and what was seen.

use std::net::IpAddr;

use cupola_api::Secret;

/// Where a BMC may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The address.
    pub address: IpAddr,
    /// The UDP port of IPMI.
    pub ipmi_port: u16,
    /// The TCP port of Redfish; none where Redfish is not to be asked.
    pub redfish_port: Option<u16>,
}

/// A user to log in as.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// How logging in went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LoginAttempt {
    /// There was nobody to log in as.
    #[default]
    NotTried,
    /// The credentials at this place of the list were taken.
    Accepted(usize),
    /// None was taken; what the BMC said to the last.
    Refused(String),
    /// It could not be tried to an end.
    Failed(String),
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sighting {
    /// What is spoken: `ipmi` or `redfish`.
    pub protocol: &'static str,
    /// The maker.
    pub manufacturer: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// The machine's serial number.
    pub serial_number: Option<String>,
    /// How logging in went.
    pub login: LoginAttempt,
}
