//! What the HTTP boot server serves.
//!
//! | path | what |
//! |---|---|
//! | `/boot/{mac}/script.ipxe` | the node's iPXE script, by the directory's decision |
//! | `/boot/{mac}/grub.cfg` | its GRUB configuration, likewise |
//! | `/boot/{mac}/kernel`, `/boot/{mac}/ramdisk` | its files, while it shall boot the ramdisk |
//! | `/loaders/{name}` | loaders, for UEFI HTTP boot |
//! | `/grub/…`, `/loaders/grub/…` | the GRUB configuration that leads each machine to its own |
//! | `/images/…` | the image directory, with ranges |
//!
//! The MAC address in the URL, not the peer's address, says which machine it is: that holds behind
//! a proxy too.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use cupola_api::MacAddress;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::Peer;
use super::answer::answer;
use super::counted::Counted;
use crate::boot::contact::ContactKind;
use crate::boot::content::Content;
use crate::boot::files::FileSet;
use crate::boot::grub::{self, ConfigName};
use crate::boot::node_files::{Missing, NodeFile, NodeFiles, node_path};
use crate::boot::reporter::Party;

const SCRIPT: &str = "script.ipxe";

const TEXT: &str = "text/plain";
const OCTETS: &str = "application/octet-stream";
/// A UEFI HTTP boot client refuses a loader of another type.
const EFI: &str = "application/efi";

/// What the handlers need.
pub(crate) struct HttpState {
    pub(crate) nodes: Arc<NodeFiles>,
    pub(crate) files: Arc<FileSet>,
    /// The directory served below `/images/`.
    pub(crate) images: Option<PathBuf>,
}

pub(crate) fn router(state: HttpState) -> Router {
    let state = Arc::new(state);
    Router::new()
        .route("/boot/{mac}/{file}", get(node_file))
        .route("/loaders/{*path}", get(loader))
        .route("/grub/{*path}", get(grub_file))
        .route("/images/{*path}", get(image))
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
            .nodes
            .reporter
            .report(&party, ContactKind::HttpStarted { path: path.clone() });
    }
    let response = next.run(request).await;
    let status = response.status().as_u16();
    let length = response.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
    let reporter = state.nodes.reporter.clone();
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
    let Some(file) = NodeFile::parse(&file) else {
        return not_found("a node has script.ipxe, grub.cfg, kernel and ramdisk");
    };
    let peer = peer_of(&request);
    let (parts, _) = request.into_parts();
    node_answer(&state, mac, file, peer, &parts.headers).await
}

fn peer_of(request: &Request) -> Option<IpAddr> {
    let peer = request.extensions().get::<Peer>();
    peer.map(|peer| peer.0.ip())
}

async fn node_answer(
    state: &HttpState,
    mac: MacAddress,
    file: NodeFile,
    peer: Option<IpAddr>,
    headers: &HeaderMap,
) -> Response {
    match state.nodes.find(mac, file, peer).await {
        Ok(content) => {
            let mut response = answer(headers, content, kind_of(file));
            if matches!(file, NodeFile::Script | NodeFile::GrubConfiguration) {
                let never = HeaderValue::from_static("no-store");
                response.headers_mut().insert(header::CACHE_CONTROL, never);
            }
            response
        }
        Err(missing @ Missing::TooSlow) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("{missing}\n")).into_response()
        }
        Err(
            missing @ (Missing::NotEnrolled
            | Missing::BootsFromDisk
            | Missing::BootsOther
            | Missing::NoFile
            | Missing::Unreadable),
        ) => not_found(&missing.to_string()),
    }
}

fn kind_of(file: NodeFile) -> &'static str {
    match file {
        NodeFile::Script | NodeFile::GrubConfiguration => TEXT,
        NodeFile::Kernel | NodeFile::Ramdisk | NodeFile::Iso => OCTETS,
    }
}

/// A loader, and what it loads from beside itself. Paths are loaders' own work: shim 16 asks for
/// `/loaders//grubx64.efi`.
async fn loader(
    State(state): State<Arc<HttpState>>,
    Path(path): Path<String>,
    request: Request,
) -> Response {
    let path = path.trim_start_matches('/');
    match state.files.get(path) {
        Some(content) => answer(request.headers(), Content::Memory(content), EFI),
        None => grub_file(State(state), Path(path.to_owned()), request).await,
    }
}

/// What GRUB looks for, wherever it was loaded from.
async fn grub_file(
    State(state): State<Arc<HttpState>>,
    Path(path): Path<String>,
    request: Request,
) -> Response {
    match ConfigName::parse(&path) {
        Some(ConfigName::Common) => {
            let content = Content::Memory(grub::common().into());
            answer(request.headers(), content, TEXT)
        }
        Some(ConfigName::Machine(mac)) => {
            let peer = peer_of(&request);
            let (parts, _) = request.into_parts();
            let file = NodeFile::GrubConfiguration;
            node_answer(&state, mac, file, peer, &parts.headers).await
        }
        None => not_found("here are the loaders and GRUB's grub.cfg, and nothing else"),
    }
}

/// An image: a file below the image directory. Links are followed, for nodes' images are published
/// as links; a name that leads out of the directory by itself is refused.
async fn image(
    State(state): State<Arc<HttpState>>,
    Path(path): Path<String>,
    request: Request,
) -> Response {
    let missing = || not_found("no such image");
    let Some(path) = state.images.as_ref().and_then(|root| below(root, &path)) else {
        return missing();
    };
    let (parts, _) = request.into_parts();
    match state.nodes.open_files.open(&path).await {
        Ok(file) => answer(&parts.headers, Content::File(file), OCTETS),
        Err(error) => {
            tracing::debug!(path = %path.display(), %error, "image not served");
            missing()
        }
    }
}

/// The path below this directory, unless it would leave it.
fn below(root: &FilePath, path: &str) -> Option<PathBuf> {
    let plain = |part: &str| {
        !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', '\0'])
    };
    path.split('/').all(plain).then(|| root.join(path))
}

fn not_found(why: &str) -> Response {
    (StatusCode::NOT_FOUND, format!("{why}\n")).into_response()
}

impl HttpState {
    /// Whom a request is about: by the MAC address of its path, else by the peer's lease.
    fn party(&self, path: &str, peer: Option<SocketAddr>) -> Party {
        let peer = peer.map(|peer| peer.ip());
        match (node_path(path.trim_start_matches('/')), peer) {
            (Some((mac, _)), peer) => self.nodes.party(mac, peer),
            (None, Some(peer)) => self.nodes.reporter.by_lease(peer),
            (None, None) => Party::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_images() {
        let root = FilePath::new("/srv/images");
        assert_eq!(
            below(root, "nodes/a.raw"),
            Some("/srv/images/nodes/a.raw".into())
        );
        for path in [
            "",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a//b",
            "a/./b",
            "a\\..\\x",
            "a\0b",
        ] {
            assert_eq!(below(root, path), None, "{path:?}");
        }
    }
}
