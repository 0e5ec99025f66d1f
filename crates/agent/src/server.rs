//! The command API: HTTP over TLS with the boot's own certificate, for the conductor alone. Every
//! command needs the agent token; what the agent is may be read without.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use cupola_api::agent::{AgentFault, AgentToken, Command, CommandList};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::command::{CommandCore, Refusal};

/// A whole node with a config drive of 64 MiB in base64.
const MAX_BODY: usize = 128 * 1024 * 1024;
/// Connections at a time; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 32;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long answers under way may take when the agent leaves.
const DRAIN: Duration = Duration::from_secs(2);

/// What the handlers share.
pub(crate) struct ApiState {
    pub(crate) core: Arc<CommandCore>,
    pub(crate) token: AgentToken,
    pub(crate) started: SystemTime,
}

#[derive(Debug, Default, Deserialize)]
struct Params {
    #[serde(default)]
    agent_token: Option<String>,
    #[serde(default)]
    wait: Option<String>,
}

impl Params {
    /// `wait=true`, in any of Python's spellings.
    fn wait(&self) -> bool {
        self.wait
            .as_deref()
            .is_some_and(|wait| wait.eq_ignore_ascii_case("true") || wait == "1")
    }
}

type Shared = State<Arc<ApiState>>;

/// An error as the protocol has it.
struct Fault(StatusCode, String);

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let side = if self.0.is_client_error() {
            "Client"
        } else {
            "Server"
        };
        let fault = AgentFault {
            faultcode: side.to_owned(),
            faultstring: self.1,
        };
        (self.0, Json(fault)).into_response()
    }
}

impl From<QueryRejection> for Fault {
    fn from(rejection: QueryRejection) -> Self {
        Self(StatusCode::BAD_REQUEST, rejection.body_text())
    }
}

impl From<JsonRejection> for Fault {
    fn from(rejection: JsonRejection) -> Self {
        Self(rejection.status(), rejection.body_text())
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let status = match &refusal {
            Refusal::Busy(_) => StatusCode::CONFLICT,
            Refusal::Unknown(_) => StatusCode::NOT_FOUND,
        };
        Self(status, refusal.to_string())
    }
}

impl ApiState {
    fn check(&self, params: &Params) -> Result<(), Fault> {
        match &params.agent_token {
            Some(token) if self.token.matches(token) => Ok(()),
            Some(_) => Err(Fault(StatusCode::UNAUTHORIZED, "Token invalid.".to_owned())),
            None => Err(Fault(
                StatusCode::UNAUTHORIZED,
                "Token required.".to_owned(),
            )),
        }
    }
}

/// The routes, with and without `/v1`, with and without the slash at the end.
pub(crate) fn router(state: Arc<ApiState>) -> Router {
    let mut router = Router::new()
        .route("/", get(root))
        .route("/v1", get(version));
    router = router.route("/v1/", get(version));
    for prefix in ["", "/v1"] {
        for slash in ["", "/"] {
            router = router
                .route(&format!("{prefix}/status{slash}"), get(status))
                .route(
                    &format!("{prefix}/commands{slash}"),
                    get(list).post(execute),
                )
                .route(&format!("{prefix}/commands/{{id}}{slash}"), get(show));
        }
    }
    router
        .fallback(async || Fault(StatusCode::NOT_FOUND, "Not found".to_owned()))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(state)
}

async fn root() -> Json<Value> {
    let version = json!({"id": "v1", "links": [{"href": "/v1/", "rel": "self"}]});
    Json(json!({
        "name": "OpenStack Ironic Python Agent API",
        "description": "The deploy-ramdisk agent of Cupola",
        "versions": [version],
        "default_version": version,
    }))
}

async fn version() -> Json<Value> {
    let link = |path: &str| json!([{"href": path, "rel": "self"}]);
    Json(json!({
        "id": "v1",
        "links": link("/v1/"),
        "commands": link("/v1/commands/"),
        "status": link("/v1/status/"),
        "media_types": [{
            "base": "application/json",
            "type": "application/vnd.openstack.ironic-python-agent.v1+json",
        }],
    }))
}

async fn status(State(state): Shared) -> Json<Value> {
    let started = state.started.duration_since(UNIX_EPOCH).unwrap_or_default();
    Json(json!({"started_at": started.as_secs_f64(), "version": crate::VERSION}))
}

async fn list(
    State(state): Shared,
    params: Result<Query<Params>, QueryRejection>,
) -> Result<Json<CommandList>, Fault> {
    let Query(params) = params?;
    state.check(&params)?;
    Ok(Json(CommandList {
        commands: state.core.list(),
    }))
}

async fn show(
    State(state): Shared,
    Path(id): Path<String>,
    params: Result<Query<Params>, QueryRejection>,
) -> Result<Response, Fault> {
    let Query(params) = params?;
    state.check(&params)?;
    match state.core.get(&id, params.wait()).await {
        Some(result) => Ok(Json(result).into_response()),
        None => Err(Fault(
            StatusCode::NOT_FOUND,
            format!("Command with id {id} not found"),
        )),
    }
}

async fn execute(
    State(state): Shared,
    params: Result<Query<Params>, QueryRejection>,
    command: Result<Json<Command>, JsonRejection>,
) -> Result<Response, Fault> {
    let Query(params) = params?;
    state.check(&params)?;
    let Json(command) = command?;
    let result = state.core.execute(command, params.wait()).await?;
    Ok(Json(result).into_response())
}

/// Serves until cancelled, then lets answers under way end.
pub(crate) async fn serve(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    cancel: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = cancel.cancelled() => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        let (stream, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, most likely: without a pause this loop would spin.
                tracing::warn!(%error, "accepting a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (acceptor, router, watcher) = (acceptor.clone(), router.clone(), graceful.watcher());
        let cancel = cancel.clone();
        tokio::spawn(async move {
            let _permit = permit;
            match acceptor {
                None => connection(stream, router, watcher).await,
                Some(acceptor) => {
                    let handshake =
                        tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream));
                    tokio::select! {
                        () = cancel.cancelled() => {}
                        handshake = handshake => match handshake {
                            Ok(Ok(stream)) => connection(stream, router, watcher).await,
                            Ok(Err(error)) => tracing::debug!(%error, "TLS handshake"),
                            Err(_) => tracing::debug!("TLS handshake took too long"),
                        }
                    }
                }
            }
        });
    }
    if tokio::time::timeout(DRAIN, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::debug!("a connection did not end in time");
    }
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits)
        .acquire_owned()
        .await
        .map_err(std::io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(30));
    let service = TowerToHyperService::new(router);
    let serving = builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
    if let Err(error) = watcher.watch(serving).await {
        tracing::debug!(error, "connection");
    }
}
