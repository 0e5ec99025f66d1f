//! Who is let in, and what those are told who are not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::*;
use crate::config;
use crate::http::in_process;

/// A service for the user `me` with the password `secret`.
async fn protected(directory: &tempfile::TempDir) -> Api {
    let path = directory.path().join("users");
    let hash = bcrypt::hash("secret", 4).unwrap();
    std::fs::write(&path, format!("me:{hash}\n")).unwrap();
    let api = config::Api {
        auth: config::AuthStrategy::HttpBasic,
        http_basic_auth_user_file: path,
        ..config::Api::default()
    };
    let config = Config {
        api,
        ..Config::default()
    };
    Api::start_configured(&config).await
}

fn request(path: &str, authorization: Option<&str>) -> Request<Body> {
    let mut request = Request::get(path);
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    request.body(Body::empty()).unwrap()
}

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

#[tokio::test]
async fn only_who_proves_it_is_let_in() {
    let directory = tempfile::tempdir().unwrap();
    let api = protected(&directory).await;
    let right = basic("me:secret");
    assert_eq!(
        api.send(request("/v1/nodes", Some(&right))).await.status,
        200
    );
    let cases = [
        (None, 401, "Authorization required"),
        (
            Some(basic("me:other")),
            401,
            "Incorrect username or password",
        ),
        (
            Some(basic("you:secret")),
            401,
            "Incorrect username or password",
        ),
        (
            Some("Bearer x".to_owned()),
            400,
            "Unsupported authorization type \"Bearer\"",
        ),
        (
            Some("Basic x".to_owned()),
            400,
            "Could not parse Authorization header",
        ),
    ];
    for (authorization, status, message) in cases {
        // What is there and what is not look the same from outside.
        for path in ["/v1/nodes", "/v1/nothing", "/cupola/v1/nodes"] {
            let reply = api.send(request(path, authorization.as_deref())).await;
            assert_eq!(reply.status, status, "{path} {authorization:?}");
            assert_eq!(
                reply.body,
                json!({"error": {"message": message, "code": status}})
            );
            let challenge = reply.header("www-authenticate");
            assert_eq!(challenge.starts_with("Basic realm="), status == 401);
        }
    }
}

#[tokio::test]
async fn discovery_and_agents_need_no_password() {
    let directory = tempfile::tempdir().unwrap();
    let api = protected(&directory).await;
    for path in ["/", "/v1", "/v1/"] {
        assert_eq!(api.send(request(path, None)).await.status, 200, "{path}");
    }
    let mut lookup = request("/v1/lookup?addresses=52:54:00:00:00:01", None);
    let version = "x-openstack-ironic-api-version";
    lookup
        .headers_mut()
        .insert(version, "1.115".parse().unwrap());
    assert_eq!(api.send(lookup).await.status, 404);
}

#[tokio::test]
async fn the_process_itself_is_not_asked() {
    let directory = tempfile::tempdir().unwrap();
    let api = protected(&directory).await;
    let answer = in_process(api.router.clone())
        .oneshot(request("/v1/nodes", None))
        .await;
    assert_eq!(answer.unwrap().status(), 200);
}

#[tokio::test]
async fn a_stream_of_events_ends_with_its_user() {
    let directory = tempfile::tempdir().unwrap();
    let api = protected(&directory).await;
    let right = basic("me:secret");
    let request = request("/cupola/v1/events", Some(&right));
    let answer = api.router.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut body = answer.into_body();
    assert!(body.frame().await.unwrap().is_ok());
    let hash = bcrypt::hash("other", 4).unwrap();
    std::fs::write(directory.path().join("users"), format!("you:{hash}\n")).unwrap();
    let last = tokio::time::timeout(std::time::Duration::from_secs(30), body.frame()).await;
    let last = last.unwrap().unwrap().unwrap().into_data().unwrap();
    let last = String::from_utf8_lossy(&last);
    let said = last.starts_with("event: end\n") && last.contains("Incorrect username");
    assert!(said, "{last}");
    assert!(body.frame().await.is_none());
}
