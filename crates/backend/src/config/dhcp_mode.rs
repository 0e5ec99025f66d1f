//! `boot.dhcp`: what this process does in DHCP. Earlier versions had a boolean, which is read still.

use toml::Value;

use super::value::Setting;

/// What this process does in DHCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DhcpMode {
    /// It hands out addresses and names the boot file.
    Server,
    /// It names the boot file; another server hands out addresses (proxyDHCP).
    Proxy,
    /// Nothing: another server does all of it.
    Off,
}

impl DhcpMode {
    const ALL: [Self; 3] = [Self::Server, Self::Proxy, Self::Off];

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Proxy => "proxy",
            Self::Off => "off",
        }
    }
}

impl Setting for DhcpMode {
    fn expected() -> String {
        format!("one of: {}", Self::ALL.map(Self::as_str).join(", "))
    }

    fn read(value: &Value) -> Option<Self> {
        match value.as_bool() {
            Some(true) => Some(Self::Server),
            Some(false) => Some(Self::Off),
            None => {
                let text = value.as_str()?;
                Self::ALL.into_iter().find(|mode| mode.as_str() == text)
            }
        }
    }

    fn show(&self) -> Option<String> {
        Some(format!("\"{}\"", self.as_str()))
    }
}
