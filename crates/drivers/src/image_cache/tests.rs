//! The cache before a web server that counts, breaks off and changes its files.

use super::*;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use cupola_api::agent::ChecksumAlgorithm;
use std::sync::atomic::{AtomicUsize, Ordering};

struct Server {
    base: Url,
    state: Arc<Served>,
}

#[derive(Default)]
struct Served {
    content: Mutex<Vec<u8>>,
    /// Answers that end after half of what is left.
    breaks: AtomicUsize,
    gets: AtomicUsize,
    /// Bytes sent.
    sent: AtomicUsize,
}

impl Server {
    async fn start(content: &[u8]) -> Self {
        let state = Arc::new(Served::default());
        *state.content.lock() = content.to_vec();
        let router = Router::new()
            .route("/{name}", get(serve))
            .with_state(Arc::clone(&state));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, router).into_future());
        Self {
            base: Url::parse(&base).unwrap(),
            state,
        }
    }

    fn file(&self, name: &str, content: &[u8]) -> RemoteFile {
        let digest = hex::encode(Sha256::digest(content));
        RemoteFile {
            url: self.base.join(name).unwrap(),
            checksum: Some(Checksum::parse(Some(ChecksumAlgorithm::Sha256), &digest).unwrap()),
        }
    }
}

async fn serve(State(state): State<Arc<Served>>, headers: HeaderMap) -> Response {
    let content = state.content.lock().clone();
    let tag = format!("\"{}\"", hex::encode(Sha256::digest(&content)));
    let from = headers
        .get(header::RANGE)
        .and_then(|range| {
            range
                .to_str()
                .ok()?
                .strip_prefix("bytes=")?
                .strip_suffix('-')
        })
        .and_then(|from| from.parse::<usize>().ok());
    state.gets.fetch_add(1, Ordering::SeqCst);
    let start = from.unwrap_or(0).min(content.len());
    let rest = content[start..].to_vec();
    let length = rest.len();
    let left = |left: usize| left.checked_sub(1);
    let broken = state
        .breaks
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left)
        .is_ok();
    let sent = if broken { length / 2 } else { length };
    state.sent.fetch_add(sent, Ordering::SeqCst);
    let chunk = Ok::<_, String>(rest[..sent].to_vec());
    let cut = broken.then(|| Err("cut".to_owned()));
    let body = Body::from_stream(futures_util::stream::iter([chunk].into_iter().chain(cut)));
    let range = format!(
        "bytes {start}-{}/{}",
        content.len().max(1) - 1,
        content.len()
    );
    let status = match from {
        Some(_) => StatusCode::PARTIAL_CONTENT,
        None => StatusCode::OK,
    };
    let headers = [
        (header::CONTENT_LENGTH, length.to_string()),
        (header::CONTENT_RANGE, range),
        (header::ETAG, tag),
    ];
    (status, headers, body).into_response()
}

fn cache(directory: &Path, mib: u64) -> ImageCache {
    let limits = CacheLimits {
        size: mib << 20,
        ttl: Duration::from_secs(3600),
    };
    ImageCache::new(directory, limits, OpenFiles::default()).unwrap()
}

fn content(byte: u8) -> Vec<u8> {
    vec![byte; 1 << 20]
}

#[tokio::test]
async fn many_ask_and_one_download_serves_them() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&content(1)).await;
    let cache = cache(directory.path(), 8);
    let file = server.file("a", &content(1));
    let nodes: Vec<NodeId> = (0..20).map(|_| NodeId::random()).collect();
    let asked = nodes.iter().map(|node| cache.pin(*node, "image", &file));
    for path in futures_util::future::join_all(asked).await {
        assert!(std::fs::read(path.unwrap()).unwrap() == content(1));
    }
    assert_eq!(server.state.gets.load(Ordering::SeqCst), 1);
    cache.pin(nodes[0], "image", &file).await.unwrap();
    assert_eq!(server.state.gets.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_broken_download_goes_on_where_it_broke() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&content(1)).await;
    server.state.breaks.store(1, Ordering::SeqCst);
    let file = server.file("a", &content(1));
    let cache = cache(directory.path(), 8);
    let path = cache.pin(NodeId::random(), "image", &file).await.unwrap();
    assert!(std::fs::read(path).unwrap() == content(1));
    assert_eq!(server.state.gets.load(Ordering::SeqCst), 2);
    assert!(server.state.sent.load(Ordering::SeqCst) <= 1 << 20);
}

#[tokio::test]
async fn other_bytes_are_refused_and_not_kept() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&content(1)).await;
    let cache = cache(directory.path(), 8);
    let file = server.file("a", &content(2));
    let error = cache
        .pin(NodeId::random(), "image", &file)
        .await
        .unwrap_err();
    assert!(matches!(error, CacheError::Checksum { .. }), "{error}");
    assert_eq!(
        std::fs::read_dir(directory.path().join("files"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn the_oldest_goes_but_never_what_is_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&[]).await;
    let cache = cache(directory.path(), 2);
    let (first, second) = (NodeId::random(), NodeId::random());
    let fetch = async |node, name: &str, byte| {
        *server.state.content.lock() = content(byte);
        cache
            .pin(node, "image", &server.file(name, &content(byte)))
            .await
    };
    let used = fetch(first, "a", 1).await.unwrap();
    fetch(second, "b", 2).await.unwrap();
    let error = fetch(NodeId::random(), "c", 3).await.unwrap_err();
    assert!(matches!(error, CacheError::NoRoom { .. }), "{error}");
    cache.unpin(second, "image").await;
    fetch(second, "c", 3).await.unwrap();
    assert!(std::fs::read(used).unwrap() == content(1));
    assert_eq!(
        std::fs::read_dir(directory.path().join("files"))
            .unwrap()
            .count(),
        2
    );
}

#[tokio::test]
async fn without_a_checksum_the_server_says_what_is_new() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&content(1)).await;
    let cache = cache(directory.path(), 8);
    let file = RemoteFile {
        checksum: None,
        ..server.file("kernel", &[])
    };
    let node = NodeId::random();
    for byte in [1, 1, 2] {
        *server.state.content.lock() = content(byte);
        let path = cache.pin(node, "kernel", &file).await.unwrap();
        assert!(std::fs::read(path).unwrap() == content(byte));
    }
    // Each time the version is asked for, and two versions were downloaded.
    assert_eq!(server.state.gets.load(Ordering::SeqCst), 3 + 2);
}
