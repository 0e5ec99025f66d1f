//! Tokens against an identity service that is made up here: what it is asked, and how often.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::post;
use cupola_api::Secret;
use http::{HeaderMap, Request, StatusCode};
use parking_lot::Mutex;
use serde_json::json;
use tokio::net::TcpListener;
use url::Url;

use super::*;
use crate::config;

/// What the identity service knows, and what it was asked.
#[derive(Debug, Default)]
struct Identity {
    logins: usize,
    questions: usize,
    /// The token with which may be asked.
    own: String,
    /// How long its tokens are good, in seconds.
    lifetime: i64,
    /// Says nothing but this.
    only: Option<StatusCode>,
}

type Shared = Arc<Mutex<Identity>>;

async fn log_in(State(shared): State<Shared>, body: String) -> impl IntoResponse {
    let mut identity = shared.lock();
    identity.logins += 1;
    if let Some(status) = identity.only {
        return (status, HeaderMap::new(), "broken".to_owned());
    }
    if !body.contains("geheim") {
        let text = json!({"error": {"message": "who are you?"}});
        return (StatusCode::UNAUTHORIZED, HeaderMap::new(), text.to_string());
    }
    identity.own = format!("own-{}", identity.logins);
    let mut headers = HeaderMap::new();
    headers.insert("x-subject-token", identity.own.parse().unwrap());
    let body = json!({"token": {"expires_at": in_seconds(identity.lifetime)}});
    (StatusCode::CREATED, headers, body.to_string())
}

async fn validate(State(shared): State<Shared>, headers: HeaderMap) -> (StatusCode, String) {
    // Long enough that others with the same token come along.
    tokio::task::yield_now().await;
    let mut identity = shared.lock();
    identity.questions += 1;
    if headers["x-auth-token"] != identity.own.as_str() {
        return (StatusCode::UNAUTHORIZED, "{}".to_owned());
    }
    if let Some(status) = identity.only {
        return (status, "broken".to_owned());
    }
    let mut token = json!({
        "user": {"id": "u", "name": "me", "domain": {"id": "default"}},
        "roles": [{"name": "reader"}],
        "system": {"all": true},
        "expires_at": in_seconds(60),
    });
    match headers["x-subject-token"].to_str().unwrap() {
        "good" => {}
        "short" => token["expires_at"] = json!(in_seconds(0)),
        "service" => token["roles"] = json!([{"name": "service"}]),
        "limited" => {
            let rule = json!({"service": "baremetal", "method": "GET", "path": "/v1/ports"});
            token["application_credential"] = json!({"access_rules": [rule]});
        }
        "strange" => token["user"] = json!("me"),
        _ => return (StatusCode::NOT_FOUND, "{}".to_owned()),
    }
    (StatusCode::OK, json!({ "token": token }).to_string())
}

fn in_seconds(seconds: i64) -> String {
    (Timestamp::now() + jiff::SignedDuration::from_secs(seconds)).to_string()
}

/// The service, and who asks it.
async fn start(change: impl FnOnce(&mut config::Keystone)) -> (Shared, Keystone) {
    let shared = Shared::default();
    shared.lock().lifetime = 3600;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v3", listener.local_addr().unwrap());
    let router = Router::new()
        .route("/v3/auth/tokens", post(log_in).get(validate))
        .with_state(Arc::clone(&shared));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let mut section = config::Keystone {
        auth_url: Url::parse(&url).ok(),
        username: Some("ironic".to_owned()),
        password: Some(Secret::new("geheim")),
        ..config::Keystone::default()
    };
    change(&mut section);
    let settings = KeystoneSettings::of(&section).unwrap();
    let keystone = Keystone::new(settings, PerAddress::new(1, 10)).unwrap();
    (shared, keystone)
}

fn request(headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::get("/v1/nodes");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

async fn caller(keystone: &Keystone, request: &Parts) -> Result<Caller, Denied> {
    keystone.admit(request).await.map(|(caller, _)| caller)
}

async fn asked_from(keystone: &Keystone, token: &str, last: u8) -> Result<Caller, Denied> {
    let mut request = request(&[(TOKEN, token)]);
    request.extensions.insert(crate::http::Connection {
        peer: ([192, 0, 2, last], 1024).into(),
        is_secure: false,
    });
    caller(keystone, &request).await
}

async fn asked(keystone: &Keystone, token: &str) -> Result<Caller, Denied> {
    caller(keystone, &request(&[(TOKEN, token)])).await
}

fn is_refused(answer: &Result<Caller, Denied>) -> bool {
    matches!(answer, Err(Denied::Token(_)))
}

#[tokio::test]
async fn what_is_known_is_not_asked_again() {
    let (identity, keystone) = start(|_| {}).await;
    for _ in 0..3 {
        let Ok(Caller::Token(who)) = asked(&keystone, "good").await else {
            panic!("it is good");
        };
        assert_eq!(
            (who.user_name.as_str(), &who.scope),
            ("me", &super::super::Scope::System)
        );
        assert!(is_refused(&asked(&keystone, "bad").await));
    }
    let seen = identity.lock();
    assert_eq!((seen.logins, seen.questions), (1, 2));
}

#[tokio::test]
async fn many_at_once_ask_once() {
    let (identity, keystone) = start(|_| {}).await;
    let all = (0..50).map(|_| asked(&keystone, "good"));
    let answers = futures_util::future::join_all(all).await;
    assert!(answers.iter().all(Result::is_ok));
    let seen = identity.lock();
    assert_eq!((seen.logins, seen.questions), (1, 1));
}

#[tokio::test]
async fn who_floods_with_bad_tokens_keeps_nobody_else_out() {
    let (identity, keystone) = start(|_| {}).await;
    let flood = (0..2000).map(|number| {
        let keystone = &keystone;
        async move { asked_from(keystone, &format!("bad-{number}"), 1).await }
    });
    let mut flood = std::pin::pin!(futures_util::future::join_all(flood));
    // The flood stands in the queue before the good one comes.
    assert!(futures_util::poll!(flood.as_mut()).is_pending());
    let (answers, good) = futures_util::join!(flood, asked_from(&keystone, "good", 2));
    assert!(good.is_ok(), "{good:?}");
    let of = |wanted: fn(&Denied) -> bool| {
        let denied = answers.iter().filter_map(|answer| answer.as_ref().err());
        denied.filter(|denied| wanted(denied)).count()
    };
    let refused = of(|denied| matches!(denied, Denied::Token(_)));
    assert!((10..100).contains(&refused), "{refused}");
    assert_eq!(
        of(|denied| matches!(denied, Denied::TooMany { .. })) + refused,
        2000
    );
    assert!(identity.lock().questions < 100);
}

#[tokio::test]
async fn without_a_cache_every_request_asks() {
    let (identity, keystone) = start(|section| section.token_cache_time = Duration::ZERO).await;
    for _ in 0..2 {
        assert!(asked(&keystone, "good").await.is_ok());
    }
    assert_eq!(identity.lock().questions, 2);
}

#[tokio::test]
async fn what_is_no_good_token_is_refused() {
    let (identity, keystone) = start(|_| {}).await;
    for headers in [
        &[][..],
        &[(TOKEN, "")],
        &[(TOKEN, "  ")],
        &[(SERVICE_TOKEN, "service")],
    ] {
        assert!(
            is_refused(&caller(&keystone, &request(headers)).await),
            "{headers:?}"
        );
    }
    assert!(is_refused(&asked(&keystone, "short").await));
    assert!(is_refused(
        &asked(&keystone, &"x".repeat(LONGEST + 1)).await
    ));
    // The service's own token and the one that is too short were asked about.
    assert_eq!(identity.lock().questions, 2);
}

#[tokio::test]
async fn a_service_goes_on_with_an_expired_token() {
    let (_identity, keystone) = start(|_| {}).await;
    let with = |service| request(&[(TOKEN, "short"), (SERVICE_TOKEN, service)]);
    assert!(caller(&keystone, &with("service")).await.is_ok());
    for service in ["good", "bad", ""] {
        assert!(
            is_refused(&caller(&keystone, &with(service)).await),
            "{service}"
        );
    }
}

#[tokio::test]
async fn access_rules_are_kept() {
    let (_identity, keystone) = start(|_| {}).await;
    assert!(is_refused(&asked(&keystone, "limited").await));
    let mut ports = request(&[(TOKEN, "limited")]);
    ports.uri = "/v1/ports?limit=1".parse().unwrap();
    assert!(caller(&keystone, &ports).await.is_ok());
}

#[tokio::test]
async fn its_own_token_is_renewed() {
    let (identity, keystone) = start(|section| section.token_cache_time = Duration::ZERO).await;
    assert!(asked(&keystone, "good").await.is_ok());
    // Revoked: it is refused once.
    identity.lock().own = "another".to_owned();
    assert!(asked(&keystone, "good").await.is_ok());
    assert_eq!(identity.lock().logins, 2);
    // Expired before it is used again: it is not even tried.
    let (identity, keystone) = start(|section| section.token_cache_time = Duration::ZERO).await;
    identity.lock().lifetime = 0;
    for _ in 0..2 {
        assert!(asked(&keystone, "good").await.is_ok());
    }
    let seen = identity.lock();
    assert_eq!((seen.logins, seen.questions), (2, 2));
}

#[tokio::test]
async fn who_cannot_be_asked_is_told_and_asked_again() {
    let (identity, keystone) = start(|_| {}).await;
    identity.lock().only = StatusCode::from_u16(500).ok();
    let Err(Denied::Identity(reason)) = asked(&keystone, "good").await else {
        panic!("nobody can know");
    };
    assert!(reason.contains("500"), "{reason}");
    identity.lock().only = None;
    assert!(asked(&keystone, "good").await.is_ok());
    let strange = asked(&keystone, "strange").await;
    assert!(matches!(strange, Err(Denied::Identity(_))));
    let (_, keystone) = start(|section| section.password = Some(Secret::new("other"))).await;
    let Err(Denied::Identity(reason)) = asked(&keystone, "good").await else {
        panic!("its own login is refused");
    };
    assert!(
        reason.contains("who are you?") && !reason.contains("other"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_refused_login_is_not_repeated_for_each_token() {
    let (identity, keystone) = start(|section| section.password = Some(Secret::new("other"))).await;
    for number in 0..20 {
        let answer = asked(&keystone, &format!("token-{number}")).await;
        assert!(matches!(answer, Err(Denied::Identity(_))), "{answer:?}");
    }
    assert!(identity.lock().logins <= 2, "{:?}", identity.lock());
}

#[tokio::test]
async fn a_token_that_nobody_can_read_is_not_good() {
    let (identity, keystone) = start(|_| {}).await;
    assert!(asked(&keystone, "good").await.is_ok());
    for status in [400, 413, 431] {
        identity.lock().only = StatusCode::from_u16(status).ok();
        let answer = asked(&keystone, &format!("odd-{status}")).await;
        assert!(is_refused(&answer), "{answer:?}");
    }
}

#[tokio::test]
async fn nobody_there_is_told() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let (_, keystone) = start(|section| section.auth_url = Url::parse(&url).ok()).await;
    let Err(Denied::Identity(reason)) = asked(&keystone, "good").await else {
        panic!("nobody can know");
    };
    assert!(reason.contains("does not answer"), "{reason}");
    // One who takes the connection and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let (_, keystone) = start(|section| {
        section.auth_url = Url::parse(&url).ok();
        section.timeout = Duration::from_millis(50);
    })
    .await;
    let answer = asked(&keystone, "good").await;
    assert!(matches!(answer, Err(Denied::Identity(_))), "{answer:?}");
}
