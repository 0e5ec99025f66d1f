//! How one agent behaves, read from the kernel command line. The conductor's side of it (token,
//! heartbeat time-out) arrives with the lookup and is not here.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use cupola_api::agent::{AgentToken, DEFAULT_PORT};
use url::Url;

use crate::kernel_parameters::KernelParameters;

/// How one agent behaves.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// Base URLs of the API, without `/v1`; tried in turn.
    pub api_urls: Vec<Url>,
    /// Where to post the inventory; inspection happens only when it is given.
    pub inspection_callback_url: Option<Url>,
    /// A token given at boot (virtual media) instead of at lookup.
    pub agent_token: Option<AgentToken>,
    /// Where the command API listens. Port 0: the kernel picks one.
    pub listen: SocketAddr,
    /// The address the conductor is told; default: the one that reaches the API.
    pub advertise_host: Option<IpAddr>,
    /// How long to go on looking for the node.
    pub lookup_timeout: Duration,
    /// Time-out of one request to the API.
    pub request_timeout: Duration,
    /// Microversion minor to assume instead of asking the API.
    pub api_version: Option<u16>,
    /// Whether certificates of the API and of image servers are not checked (`ipa-insecure`).
    pub insecure: bool,
    /// PEM file of the certificates to trust (`ipa-cafile`); default: the system's.
    pub ca_file: Option<PathBuf>,
    /// Whether disks with file systems that machines share are left alone
    /// (`ipa-guard-special-filesystems`).
    pub guard_special_filesystems: bool,
    /// The HTTP proxy that http URLs are asked through; none by default.
    pub http_proxy: Option<Url>,
    /// How often a download is taken up again after a broken connection or a 5xx.
    pub download_retries: u32,
    /// Pause between those.
    pub download_retry_interval: Duration,
    /// How long a download may stay without a byte.
    pub download_idle_timeout: Duration,
}

/// Why the command line is not enough.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no API to call.
    #[error(
        "the kernel command line has no ipa-api-url: the ramdisk was not booted by a conductor; \
         add ipa-api-url=http://ADDRESS:6385"
    )]
    MissingApiUrl,
    /// A parameter is not understood.
    #[error("kernel parameter {key}={value}: {reason}")]
    Invalid {
        /// Which one.
        key: &'static str,
        /// What it says.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl AgentConfig {
    /// The defaults with one API URL.
    pub fn new(api_url: Url) -> Self {
        Self {
            api_urls: vec![api_url],
            inspection_callback_url: None,
            agent_token: None,
            listen: SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), DEFAULT_PORT),
            advertise_host: None,
            lookup_timeout: Duration::from_secs(600),
            request_timeout: Duration::from_secs(30),
            api_version: None,
            insecure: false,
            ca_file: None,
            guard_special_filesystems: true,
            http_proxy: None,
            download_retries: 9,
            download_retry_interval: Duration::from_secs(10),
            download_idle_timeout: Duration::from_secs(60),
        }
    }

    /// Reads the `ipa-*` parameters.
    ///
    /// # Errors
    /// No `ipa-api-url`, or a value that cannot be understood.
    pub fn from_kernel_parameters(parameters: &KernelParameters) -> Result<Self, ConfigError> {
        let urls = parameters
            .get("ipa-api-url")
            .ok_or(ConfigError::MissingApiUrl)?;
        let api_urls = urls
            .split(',')
            .map(|url| parse_url("ipa-api-url", url.trim()))
            .collect::<Result<Vec<_>, _>>()?;
        let first = api_urls
            .first()
            .cloned()
            .ok_or(ConfigError::MissingApiUrl)?;
        let mut config = Self {
            api_urls,
            ..Self::new(first)
        };
        config.inspection_callback_url = parameters
            .get("ipa-inspection-callback-url")
            .map(|url| parse_url("ipa-inspection-callback-url", url))
            .transpose()?;
        config.agent_token = parameters.get("ipa-agent-token").map(AgentToken::new);
        if let Some(host) = address(parameters, "ipa-listen-host")? {
            config.listen.set_ip(host);
        }
        if let Some(port) = number(parameters, "ipa-listen-port")? {
            config.listen.set_port(port);
        }
        config.advertise_host = address(parameters, "ipa-advertise-host")?;
        if let Some(seconds) = number(parameters, "ipa-lookup-timeout")? {
            config.lookup_timeout = Duration::from_secs(seconds);
        }
        if let Some(seconds) = number(parameters, "ipa-http-request-timeout")? {
            config.request_timeout = Duration::from_secs(seconds);
        }
        if let Some(retries) = number(parameters, "ipa-image-download-connection-retries")? {
            config.download_retries = retries;
        }
        if let Some(seconds) = number(parameters, "ipa-image-download-connection-retry-interval")? {
            config.download_retry_interval = Duration::from_secs(seconds);
        }
        if let Some(seconds) = number(parameters, "ipa-image-download-connection-timeout")? {
            config.download_idle_timeout = Duration::from_secs(seconds);
        }
        config.api_version = match parameters.get("ipa-ironic-api-version") {
            None | Some("auto") => None,
            Some(text) => Some(minor_version("ipa-ironic-api-version", text)?),
        };
        config.insecure = parameters.is_set("ipa-insecure");
        config.guard_special_filesystems = !matches!(
            parameters.get("ipa-guard-special-filesystems"),
            Some("0" | "false" | "False" | "no" | "off")
        );
        config.ca_file = parameters.get("ipa-cafile").map(PathBuf::from);
        Ok(config)
    }
}

fn invalid(key: &'static str, value: &str, reason: impl ToString) -> ConfigError {
    ConfigError::Invalid {
        key,
        value: value.to_owned(),
        reason: reason.to_string(),
    }
}

fn parse_url(key: &'static str, text: &str) -> Result<Url, ConfigError> {
    let url = Url::parse(text).map_err(|error| invalid(key, text, error))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(invalid(key, text, "expected an http or https URL")),
    }
}

fn number<T: std::str::FromStr<Err = std::num::ParseIntError>>(
    parameters: &KernelParameters,
    key: &'static str,
) -> Result<Option<T>, ConfigError> {
    parameters
        .get(key)
        .map(|text| text.parse().map_err(|error| invalid(key, text, error)))
        .transpose()
}

fn address(
    parameters: &KernelParameters,
    key: &'static str,
) -> Result<Option<IpAddr>, ConfigError> {
    parameters
        .get(key)
        .map(|text| {
            let bare = text.trim_start_matches('[').trim_end_matches(']');
            bare.parse().map_err(|error| invalid(key, text, error))
        })
        .transpose()
}

fn minor_version(key: &'static str, text: &str) -> Result<u16, ConfigError> {
    let minor = text
        .strip_prefix("1.")
        .ok_or_else(|| invalid(key, text, "expected 1.N"))?;
    minor.parse().map_err(|error| invalid(key, text, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<AgentConfig, ConfigError> {
        AgentConfig::from_kernel_parameters(&KernelParameters::parse(line))
    }

    #[test]
    fn reads_what_the_conductor_puts_on_the_command_line() {
        let config = read(
            "ipa-api-url=http://10.0.0.1:6385,http://10.0.0.2:6385 ipa-insecure=1 \
             ipa-inspection-callback-url=http://10.0.0.1:6385/v1/continue_inspection \
             ipa-listen-host=127.0.0.1 ipa-listen-port=0 ipa-ironic-api-version=1.68",
        )
        .unwrap();
        assert_eq!(config.api_urls.len(), 2);
        assert!(config.inspection_callback_url.is_some());
        assert_eq!(config.listen.to_string(), "127.0.0.1:0");
        assert_eq!(config.api_version, Some(68));
        assert!(config.insecure);
    }

    #[test]
    fn names_the_parameter_that_is_wrong() {
        assert!(matches!(read("quiet"), Err(ConfigError::MissingApiUrl)));
        let error = read("ipa-api-url=http://a ipa-listen-port=x").unwrap_err();
        assert!(error.to_string().contains("ipa-listen-port=x"), "{error}");
        assert!(read("ipa-api-url=ftp://a").is_err());
    }
}
