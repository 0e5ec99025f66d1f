//! Connections: what closes them, TLS on them, and how often a stranger may ask.

use std::net::SocketAddr;
use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::config::{self, TlsMode};
use crate::http::{ServeOptions, Tls};

const DEADLINE: Duration = Duration::from_secs(10);

/// Serves as this section says.
async fn serve(api: &Api, section: config::Api) -> (SocketAddr, Option<Arc<Tls>>) {
    serve_within(api, section, None).await
}

/// The same, with another limit on answers that nobody takes.
async fn serve_within(
    api: &Api,
    section: config::Api,
    untaken: Option<Duration>,
) -> (SocketAddr, Option<Arc<Tls>>) {
    let config = Config {
        api: section,
        ..Config::default()
    };
    let tls = Tls::open(&config, api.directory.path()).await.unwrap();
    let tls = tls.map(Arc::new);
    let mut options = ServeOptions::new(&config.api, tls.clone());
    options.untaken = untaken.unwrap_or(options.untaken);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (router, shutdown) = (api.router.clone(), api.shutdown.clone());
    tokio::spawn(crate::http::serve(listener, router, options, shutdown));
    (address, tls)
}

fn impatient() -> config::Api {
    config::Api {
        keep_alive_timeout: Duration::from_millis(100),
        ..config::Api::default()
    }
}

/// What comes over a connection until it is closed.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut text)).await;
    // A reset closes it too.
    let _ = read.expect("the connection is closed");
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn who_says_nothing_is_not_waited_for() {
    let api = Api::start().await;
    let (address, _) = serve(&api, impatient()).await;
    for (sent, answer) in [
        ("", ""),
        // A head that never ends.
        ("GET /v1 HTTP/1.1\r\nhost: h\r\nx-a: ", ""),
        // HTTP/2, and then nothing.
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ""),
        // A request, and none after it.
        ("GET / HTTP/1.1\r\nhost: h\r\n\r\n", "HTTP/1.1 200 OK"),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let text = until_closed(&mut stream).await;
        assert!(text.starts_with(answer), "{sent:?}: {text}");
    }
    api.shutdown.cancel();
}

#[tokio::test]
async fn who_does_not_take_the_answer_is_cut() {
    let mut api = Api::start().await;
    // More than all buffers between the two hold.
    let pieces = || futures_util::stream::repeat_with(|| Ok::<_, axum::Error>(vec![0_u8; 1 << 16]));
    let list = move || async move { Body::from_stream(pieces()) };
    api.router = Router::new().route("/list", axum::routing::get(list));
    let limit = Duration::from_millis(200);
    let section = config::Api {
        max_connections: 1,
        ..config::Api::default()
    };
    let (address, _) = serve_within(&api, section, Some(limit)).await;
    let mut idler = TcpStream::connect(address).await.unwrap();
    let request = b"GET /list HTTP/1.1\r\nhost: h\r\n\r\n";
    idler.write_all(request).await.unwrap();
    // The one slot is free only when the other connection is cut.
    let mut next = TcpStream::connect(address).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
    next.write_all(request).await.unwrap();
    assert!(until_closed(&mut next).await.starts_with("HTTP/1.1 404"));
    drop(idler);
    api.shutdown.cancel();
}

#[tokio::test]
async fn who_has_no_handshake_gets_no_slot_for_ever() {
    let api = Api::start().await;
    let section = config::Api {
        tls: TlsMode::SelfSigned,
        max_connections: 1,
        ..impatient()
    };
    let (address, tls) = serve(&api, section).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    until_closed(&mut stream).await;
    // The one slot is free again.
    let client = client(tls.unwrap().certificate(), false);
    let answer = client.get(format!("https://{address}/v1")).send().await;
    assert_eq!(answer.unwrap().status(), StatusCode::OK);
    api.shutdown.cancel();
}

#[tokio::test]
async fn one_address_does_not_take_all_connections() {
    let api = Api::start().await;
    let section = config::Api {
        max_connections_per_address: 2,
        ..config::Api::default()
    };
    let (address, _) = serve(&api, section).await;
    let from = async |last: u8| {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, last], 0).into()).unwrap();
        socket.connect(address).await.unwrap()
    };
    let answered = async |stream: &mut TcpStream| {
        let request = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n";
        // It may be closed already.
        let _ = stream.write_all(request).await;
        let mut first = [0; 12];
        let read = tokio::time::timeout(DEADLINE, stream.read_exact(&mut first)).await;
        read.expect("an end").is_ok() && &first == b"HTTP/1.1 200"
    };
    let mut all = [from(1).await, from(1).await];
    for stream in &mut all {
        assert!(answered(stream).await);
    }
    assert!(!answered(&mut from(1).await).await);
    assert!(answered(&mut from(2).await).await);
    api.shutdown.cancel();
}

fn client(certificate: &std::path::Path, is_h2: bool) -> reqwest::Client {
    let trust = cupola_api::trust::Trust::File(certificate.to_owned());
    let builder = trust.builder().unwrap().no_proxy();
    let builder = if is_h2 { builder } else { builder.http1_only() };
    builder.build().unwrap()
}

#[tokio::test]
async fn both_protocols_are_spoken_over_tls_and_links_say_so() {
    let api = Api::start().await;
    let section = config::Api {
        tls: TlsMode::SelfSigned,
        ..config::Api::default()
    };
    let (address, tls) = serve(&api, section).await;
    let certificate = tls.unwrap().certificate().to_owned();
    for (is_h2, version) in [
        (true, http::Version::HTTP_2),
        (false, http::Version::HTTP_11),
    ] {
        let url = format!("https://{address}/v1");
        let answer = client(&certificate, is_h2).get(url).send().await.unwrap();
        assert_eq!(answer.version(), version);
        let body: Value = answer.json().await.unwrap();
        let link = body["links"][0]["href"].as_str().unwrap();
        assert!(link.starts_with(&format!("https://{address}/")), "{link}");
    }
    // Without the certificate nobody is trusted.
    let trust = cupola_api::trust::Trust::System;
    let stranger = trust.builder().unwrap().no_proxy().build().unwrap();
    assert!(
        stranger
            .get(format!("https://{address}/v1"))
            .send()
            .await
            .is_err()
    );
    api.shutdown.cancel();
}

#[tokio::test]
async fn http2_is_spoken_without_tls_too() {
    let api = Api::start().await;
    let (address, _) = serve(&api, config::Api::default()).await;
    let trust = cupola_api::trust::Trust::System;
    let builder = trust.builder().unwrap().no_proxy();
    let client = builder.http2_prior_knowledge().build().unwrap();
    let answer = client.get(format!("http://{address}/v1")).send().await;
    let answer = answer.unwrap();
    assert_eq!(answer.version(), http::Version::HTTP_2);
    let body: Value = answer.json().await.unwrap();
    let link = body["links"][0]["href"].as_str().unwrap();
    assert!(link.starts_with("http://"), "{link}");
    api.shutdown.cancel();
}

#[tokio::test]
async fn a_stranger_who_asks_too_often_is_told_when_to_come_again() {
    let mut config = Config::default();
    config.api.ramdisk_requests_per_second = 1;
    config.api.ramdisk_requests_burst = 2;
    let api = Api::start_configured(&config).await;
    let (address, _) = serve(&api, config.api.clone()).await;
    // Fails only when a provider is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let lookup = format!("http://{address}/v1/lookup?addresses=52:54:00:00:00:01");
    for status in [404, 404, 429] {
        let request = client
            .get(&lookup)
            .header("x-openstack-ironic-api-version", "1.22");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(answer.headers().contains_key("retry-after"), status == 429);
    }
    // What needs credentials, or nothing of the database, is not counted.
    let answer = client.get(format!("http://{address}/v1")).send().await;
    assert_eq!(answer.unwrap().status(), StatusCode::OK);
    api.shutdown.cancel();
}
