//! Looking for BMCs that speak Redfish: the service root, which everybody may read (DSP0266, section
//! "Service root"), and with credentials the first system, which says what the machine is. Reads
//! only. Certificates are not checked: nobody has given this BMC one that could be.

use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::interface::{Credentials, LoginAttempt, Place, Sighting};

/// How long an address may take to be connected to.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// How long one answer may take; BMCs are slow.
const ANSWER_LIMIT: Duration = Duration::from_secs(6);
/// The most bytes of an answer; a real one has some thousand.
const LONGEST: usize = 256 << 10;

/// The service root.
#[derive(Deserialize)]
struct Root {
    #[serde(rename = "RedfishVersion")]
    _version: String,
    #[serde(rename = "Vendor", default)]
    vendor: Option<String>,
    #[serde(rename = "Product", default)]
    product: Option<String>,
    #[serde(rename = "Systems", default)]
    systems: Option<Link>,
}

#[derive(Deserialize)]
struct Link {
    #[serde(rename = "@odata.id")]
    path: String,
}

#[derive(Deserialize)]
struct Collection {
    #[serde(rename = "Members")]
    members: Vec<Link>,
}

/// A system, as far as it says what it is.
#[derive(Deserialize)]
struct System {
    #[serde(rename = "Manufacturer", default)]
    manufacturer: Option<String>,
    #[serde(rename = "Model", default)]
    model: Option<String>,
    #[serde(rename = "SerialNumber", default)]
    serial_number: Option<String>,
}

/// Why there is no answer to read.
enum Missing {
    Refused,
    Other(String),
}

/// Nothing where there can be no client, which says so in the log.
fn client() -> Option<&'static Client> {
    static CLIENT: OnceLock<Option<Client>> = OnceLock::new();
    let made = CLIENT.get_or_init(|| {
        // Fails only where a provider is there already, which is just as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let made = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_LIMIT)
            .timeout(ANSWER_LIMIT)
            .pool_max_idle_per_host(0)
            .tls_danger_accept_invalid_certs(true)
            .build();
        made.inspect_err(|error| tracing::warn!(%error, "no client for Redfish"))
            .ok()
    });
    made.as_ref()
}

/// What is asked, and as whom.
struct Service<'a> {
    client: &'a Client,
    base: String,
}

impl Service<'_> {
    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        user: Option<&Credentials>,
    ) -> Result<T, Missing> {
        let other = |error: reqwest::Error| Missing::Other(error.without_url().to_string());
        if !path.starts_with('/') || path.starts_with("//") {
            return Err(Missing::Other(format!("a link to {path:?}")));
        }
        let mut request = self.client.get(format!("{}{path}", self.base));
        if let Some(user) = user {
            request = request.basic_auth(&user.username, Some(user.password.expose()));
        }
        let mut response = request.send().await.map_err(other)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(Missing::Refused),
            status => return Err(Missing::Other(format!("HTTP status {status}"))),
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(other)? {
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST {
                return Err(Missing::Other("an answer of endless length".to_owned()));
            }
        }
        serde_json::from_slice(&body).map_err(|error| Missing::Other(error.to_string()))
    }

    async fn system(&self, path: &str, user: &Credentials) -> Result<System, Missing> {
        let all: Collection = self.get(path, Some(user)).await?;
        match all.members.first() {
            Some(first) => self.get(&first.path, Some(user)).await,
            None => Err(Missing::Other("it has no system".to_owned())),
        }
    }
}

/// Looks at one place.
pub(super) async fn look(place: &Place, credentials: &[Credentials]) -> Option<Sighting> {
    let service = Service {
        client: client()?,
        base: base(place.address, place.redfish_port?),
    };
    let root: Root = service.get("/redfish/v1/", None).await.ok()?;
    let mut sighting = Sighting {
        protocol: "redfish",
        manufacturer: root.vendor,
        model: root.product,
        ..Sighting::default()
    };
    let systems = root
        .systems
        .map_or_else(|| "/redfish/v1/Systems".to_owned(), |link| link.path);
    for (at, user) in credentials.iter().enumerate() {
        match service.system(&systems, user).await {
            Ok(system) => {
                sighting.manufacturer = system.manufacturer.or(sighting.manufacturer);
                sighting.model = system.model.or(sighting.model);
                sighting.serial_number = system.serial_number;
                sighting.login = LoginAttempt::Accepted(at);
                break;
            }
            Err(Missing::Refused) => {
                let said = format!("the BMC refuses user '{}' and password", user.username);
                sighting.login = LoginAttempt::Refused(said);
            }
            Err(Missing::Other(why)) => {
                sighting.login = LoginAttempt::Failed(why);
                break;
            }
        }
    }
    Some(sighting)
}

fn base(address: IpAddr, port: u16) -> String {
    format!("https://{}", SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::Router;
    use axum::http::HeaderMap;
    use axum::routing::get;
    use base64::Engine;
    use hyper_util::rt::TokioIo;
    use serde_json::{Value, json};
    use tokio::net::TcpListener;

    use super::*;

    fn is_let_in(headers: &HeaderMap) -> bool {
        let right = base64::engine::general_purpose::STANDARD.encode("root:calvin");
        headers.get("authorization").is_some_and(|sent| {
            sent.to_str()
                .is_ok_and(|sent| sent == format!("Basic {right}"))
        })
    }

    fn system(headers: &HeaderMap, body: Value) -> Result<axum::Json<Value>, StatusCode> {
        match is_let_in(headers) {
            true => Ok(axum::Json(body)),
            false => Err(StatusCode::UNAUTHORIZED),
        }
    }

    /// A BMC behind TLS with a certificate that nobody has signed.
    async fn bmc(root: Value) -> u16 {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let own = rcgen::generate_simple_self_signed(["bmc".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(own.signing_key.serialize_der());
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key.unwrap())
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let members = json!({ "Members": [{ "@odata.id": "/redfish/v1/Systems/1" }] });
        let one = json!({ "Manufacturer": "Dell Inc.", "Model": "R650", "SerialNumber": "CZ1" });
        let router = Router::new()
            .route("/redfish/v1/", get(async move || axum::Json(root)))
            .route(
                "/redfish/v1/Systems",
                get(async move |headers: HeaderMap| system(&headers, members)),
            )
            .route(
                "/redfish/v1/Systems/1",
                get(async move |headers: HeaderMap| system(&headers, one)),
            );
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, router) = (acceptor.clone(), router.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let service = hyper_util::service::TowerToHyperService::new(router);
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        port
    }

    fn place(port: u16) -> Place {
        Place {
            address: [127, 0, 0, 1].into(),
            ipmi_port: 623,
            redfish_port: Some(port),
        }
    }

    fn user(password: &str) -> Credentials {
        Credentials {
            username: "root".to_owned(),
            password: password.into(),
        }
    }

    #[tokio::test]
    async fn the_root_is_enough_to_be_found_and_a_login_says_what_it_is() {
        let port = bmc(json!({ "RedfishVersion": "1.11.0", "Vendor": "Dell" })).await;
        let found = look(&place(port), &[]).await.unwrap();
        assert_eq!(found.login, LoginAttempt::NotTried);
        assert_eq!(found.manufacturer.as_deref(), Some("Dell"));
        let found = look(&place(port), &[user("wrong")]).await.unwrap();
        assert!(matches!(found.login, LoginAttempt::Refused(why) if !why.contains("wrong")));
        let found = look(&place(port), &[user("wrong"), user("calvin")]).await;
        let found = found.unwrap();
        assert_eq!(found.login, LoginAttempt::Accepted(1));
        assert_eq!(found.model.as_deref(), Some("R650"));
        assert_eq!(found.serial_number.as_deref(), Some("CZ1"));
    }

    #[tokio::test]
    async fn what_is_no_redfish_service_is_not_found() {
        let port = bmc(json!({ "hello": "world" })).await;
        assert_eq!(look(&place(port), &[]).await, None);
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = nobody.local_addr().unwrap().port();
        drop(nobody);
        assert_eq!(look(&place(port), &[]).await, None);
    }
}
