//! What the HTTP boot server serves.
//!
//! | path | what |
//! |---|---|
//! | `/boot/{mac}/script.ipxe` | the node's iPXE script, by the directory's decision |
//! | `/boot/{mac}/kernel`, `/boot/{mac}/ramdisk` | its files, while it shall boot the ramdisk |
//! | `/loaders/{name}` | loaders, for UEFI HTTP boot |
//! | `/images/…` | the image directory, with ranges |
//!
//! The MAC address in the URL, not the peer's address, says which machine it is: that holds behind
//! a proxy too.

use std::net::SocketAddr;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use cupola_api::MacAddress;
use http::{StatusCode, header};
use tokio::time::timeout;
use tower::ServiceExt;
use tower_http::services::{ServeDir, ServeFile};
use url::Url;

use super::counted::Counted;
use super::{HttpConfig, Peer};
use crate::boot::DIRECTORY_DEADLINE;
use crate::boot::client::{BootStage, ClientSystem};
use crate::boot::contact::{ContactKind, ScriptAction};
use crate::boot::directory::{BootDecision, BootDirectory, BootHost};
use crate::boot::files::FileSet;
use crate::boot::leases::LeaseTable;
use crate::boot::reporter::{Party, Reporter};
use crate::boot::script;

/// Octets read from a file at once: four times faster than small reads, and still little for a
/// hundred machines that download together.
const CHUNK: usize = 256 << 10;

const SCRIPT: &str = "script.ipxe";

/// What the handlers need.
pub(crate) struct HttpState {
    /// Base URL with a trailing slash.
    pub(crate) base: Url,
    pub(crate) directory: Arc<dyn BootDirectory>,
    pub(crate) files: Arc<FileSet>,
    pub(crate) leases: Arc<LeaseTable>,
    pub(crate) reporter: Reporter,
}

pub(crate) fn router(config: &HttpConfig, state: HttpState) -> Router {
    let state = Arc::new(state);
    let mut router = Router::new()
        .route("/boot/{mac}/{file}", get(node_file))
        .route("/loaders/{name}", get(loader));
    if let Some(directory) = &config.image_directory {
        let images = ServeDir::new(directory).with_buf_chunk_size(CHUNK);
        router = router.nest_service("/images", images);
    }
    router
        .layer(from_fn_with_state(Arc::clone(&state), follow))
        .with_state(state)
}

/// Reports the request's start, and its end when the last octet has gone out.
async fn follow(State(state): State<Arc<HttpState>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let path = request.uri().path().to_owned();
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let party = state.party(&path, peer);
    if !path.ends_with(SCRIPT) {
        state
            .reporter
            .report(&party, ContactKind::HttpStarted { path: path.clone() });
    }
    let response = next.run(request).await;
    let status = response.status().as_u16();
    let length = response.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
    let reporter = state.reporter.clone();
    response.map(|body| {
        Body::new(Counted::new(body, length, move |bytes, complete| {
            let duration = started.elapsed();
            let kind = ContactKind::HttpDone {
                path,
                status,
                bytes,
                duration,
                complete,
            };
            reporter.report(&party, kind);
        }))
    })
}

async fn node_file(
    State(state): State<Arc<HttpState>>,
    Path((mac, file)): Path<(String, String)>,
    request: Request,
) -> Response {
    let Ok(mac) = mac.parse::<MacAddress>() else {
        return not_found("the path names no MAC address");
    };
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let decided = timeout(DIRECTORY_DEADLINE, state.decide(mac)).await;
    let Ok(decided) = decided else {
        let text = "the node could not be looked up in time; ask again\n";
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    let Some((host, decision)) = decided else {
        return not_found("no enrolled port has this MAC address");
    };
    match (file.as_str(), &decision) {
        (SCRIPT, _) => {
            let action = match decision {
                BootDecision::Local => ScriptAction::Local,
                BootDecision::Ramdisk(_) => ScriptAction::Ramdisk,
            };
            let party = Party {
                mac: Some(mac),
                node: Some(host.node),
                peer: peer.map(|peer| peer.ip()),
                client: None,
            };
            state
                .reporter
                .report(&party, ContactKind::ScriptServed { action });
            let text = script::render(&host, &decision, &state.base);
            (
                [
                    (header::CONTENT_TYPE, "text/plain"),
                    (header::CACHE_CONTROL, "no-store"),
                ],
                text,
            )
                .into_response()
        }
        ("kernel", BootDecision::Ramdisk(boot)) => serve(&boot.kernel, request).await,
        ("ramdisk", BootDecision::Ramdisk(boot)) => serve(&boot.ramdisk, request).await,
        ("kernel" | "ramdisk", BootDecision::Local) => {
            not_found("this node boots from its disk now, not the ramdisk")
        }
        _ => not_found("a node has script.ipxe, kernel and ramdisk"),
    }
}

async fn loader(State(state): State<Arc<HttpState>>, Path(name): Path<String>) -> Response {
    match state.files.get(&name) {
        Some(content) => ([(header::CONTENT_TYPE, "application/efi")], content).into_response(),
        None => not_found("no such loader"),
    }
}

async fn serve(path: &FilePath, request: Request) -> Response {
    let service = ServeFile::new(path).with_buf_chunk_size(CHUNK);
    let Ok(response) = service.oneshot(request).await;
    if response.status() == StatusCode::NOT_FOUND {
        tracing::error!(
            path = %path.display(),
            "the boot file does not exist; build it with `cupola ramdisk build`, or correct the \
             node's deploy_kernel and deploy_ramdisk"
        );
    }
    response.map(Body::new)
}

fn not_found(why: &str) -> Response {
    (StatusCode::NOT_FOUND, format!("{why}\n")).into_response()
}

impl HttpState {
    /// Whom a request is about: by the MAC address of its path, else by the peer's lease.
    fn party(&self, path: &str, peer: Option<SocketAddr>) -> Party {
        let named = path
            .strip_prefix("/boot/")
            .and_then(|rest| rest.split('/').next())
            .and_then(|mac| mac.parse::<MacAddress>().ok());
        match (named, peer) {
            (Some(mac), peer) => Party {
                mac: Some(mac),
                node: self.leases.lease(&mac).map(|lease| lease.node),
                peer: peer.map(|peer| peer.ip()),
                client: None,
            },
            (None, Some(peer)) => self.reporter.by_lease(peer.ip()),
            (None, None) => Party::default(),
        }
    }

    async fn decide(&self, mac: MacAddress) -> Option<(BootHost, BootDecision)> {
        let host = self.directory.host(&mac).await?;
        if !host.pxe_enabled {
            return Some((host, BootDecision::Local));
        }
        let client = self.leases.client(&mac).unwrap_or(ClientSystem {
            architecture: None,
            stage: BootStage::Ipxe,
            user_class: None,
            vendor_class: None,
        });
        let decision = self.directory.decision(&host, &client).await;
        Some((host, decision))
    }
}
