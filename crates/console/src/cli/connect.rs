//! Which API a command speaks to, and as whom: arguments, then the environment as the OpenStack
//! clients have it, then `clouds.yaml`.

mod access;
mod cloud;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use cupola_api::client::remote::{Credentials, RemoteTransport};
use cupola_api::client::{Client, ClientError};
use cupola_api::trust::Trust;

use super::{Common, Failure};
use crate::state::commands::shell::{Login as LoginKind, Shell};

/// The port that the Bare Metal API has by convention.
const DEFAULT_API: &str = "http://127.0.0.1:6385";

/// The type of the Bare Metal API in a catalog.
const SERVICE: &str = "baremetal";

/// How long one request to the identity service may take.
const IDENTITY_DEADLINE: Duration = Duration::from_secs(30);

/// What the environment (`OS_AUTH_URL`) or a cloud (`auth_url`) says, by the latter's names.
type Settings = BTreeMap<String, String>;

/// The API that is configured: `--api`, then `OS_ENDPOINT`, then what the cloud says or the catalog of
/// its identity service.
///
/// # Errors
/// The login makes no sense, or the identity service does not take it.
pub(crate) async fn configured(common: &Common) -> Result<Option<String>, Failure> {
    let given = |url: &Option<String>| url.clone().filter(|url| !url.is_empty());
    let endpoint = std::env::var("OS_ENDPOINT").ok();
    if let Some(url) = given(&common.api).or_else(|| given(&endpoint)) {
        return Ok(Some(url));
    }
    let settings = settings(common)?;
    let named = ["baremetal_endpoint_override", "endpoint"];
    let url = named.iter().find_map(|name| settings.get(*name));
    if let Some(url) = url {
        return Ok(Some(url.clone()));
    }
    let trust = trust(common, &settings);
    let Some((service, login)) = access::identity(&settings, &trust)? else {
        return Ok(None);
    };
    let region = settings.get("region_name").map(String::as_str);
    let found = service.endpoint(&login, SERVICE, region).await;
    match found.map_err(ClientError::from)? {
        Some(url) => Ok(Some(url)),
        None => Err(Failure::usage(format!(
            "the catalog of {} has no public endpoint of the type {SERVICE} for this login: name the \
             API with --api URL, or in OS_ENDPOINT",
            service.url()
        ))),
    }
}

/// A client for a one-shot command, which always speaks to a service that runs already.
pub(crate) async fn client(common: &Common) -> Result<Client, Failure> {
    let url = configured(common).await?;
    remote(common, &url.unwrap_or_else(|| DEFAULT_API.to_owned()))
}

/// A client of the API at this URL.
pub(crate) fn remote(common: &Common, url: &str) -> Result<Client, Failure> {
    let settings = settings(common)?;
    let trust = trust(common, &settings);
    // A user in the URL is who is meant.
    let credentials = match url.contains('@') {
        true => Credentials::None,
        false => access::credentials(&settings, &trust)?,
    };
    let transport = RemoteTransport::with(url, &trust, credentials)?;
    Ok(Client::new(transport))
}

/// What a command for a shell needs to reach the same API as the same user.
pub(crate) fn shell(common: &Common, url: &str) -> Result<Shell, Failure> {
    let settings = settings(common)?;
    let mut plain = url.to_owned();
    let mut login = access::login(&settings, common.cloud.clone())?;
    if url.contains('@')
        && let Ok(mut parsed) = url::Url::parse(url)
        && parsed.set_username("").is_ok()
        && parsed.set_password(None).is_ok()
    {
        plain = parsed.to_string();
        login = LoginKind::Basic;
    }
    let (authorities, insecure) = match trust(common, &settings) {
        Trust::File(file) => (Some(file.display().to_string()), false),
        Trust::Anybody => (None, true),
        Trust::System => (None, false),
    };
    Ok(Shell {
        url: plain,
        login,
        authorities,
        insecure,
    })
}

/// The environment, over what the cloud says that is named.
fn settings(common: &Common) -> Result<Settings, Failure> {
    let mut settings = match &common.cloud {
        Some(name) => cloud::read(name)?,
        None => Settings::new(),
    };
    let variables = std::env::vars().filter_map(|(name, value)| {
        let name = name.strip_prefix("OS_")?.to_ascii_lowercase();
        Some((name, value)).filter(|(_, value)| !value.is_empty())
    });
    // A cloud that is named is meant as a whole, as the OpenStack clients have it; only what it does
    // not say is looked for in the environment.
    for (name, value) in variables {
        settings.entry(name).or_insert(value);
    }
    Ok(settings)
}

fn trust(common: &Common, settings: &Settings) -> Trust {
    let is = |name: &str, words: &[&str]| {
        let value = settings.get(name).map(|value| value.to_ascii_lowercase());
        value.is_some_and(|value| words.contains(&value.as_str()))
    };
    if common.insecure || is("insecure", &["1", "true", "yes"]) || is("verify", &["false"]) {
        return Trust::Anybody;
    }
    let file = common.cacert.clone();
    match file.or_else(|| settings.get("cacert").map(PathBuf::from)) {
        Some(file) => Trust::File(file),
        None => Trust::System,
    }
}
