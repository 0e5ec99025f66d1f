//! A conductor: the API's three ramdisk endpoints and an image server on one port, and the client of
//! the agent's command API that trusts what the heartbeat said.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path as UrlPath, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use cupola_agent::{Agent, AgentConfig, AgentExit};
use cupola_api::agent::{CommandResult, CommandStatus, Heartbeat};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;

use super::machine::FileMachine;

pub(crate) const TOKEN: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Inner {
    pub(crate) directory: PathBuf,
    pub(crate) properties: Mutex<Value>,
    pub(crate) ranges: AtomicBool,
    /// Further image downloads that break off in the middle.
    pub(crate) breaks: AtomicU32,
    pub(crate) inspected: Mutex<Vec<Value>>,
    pub(crate) lookups: Mutex<Vec<(String, HashMap<String, String>)>>,
    heartbeats: mpsc::UnboundedSender<(Uuid, Heartbeat)>,
}

pub(crate) struct Conductor {
    pub(crate) inner: Arc<Inner>,
    pub(crate) url: Url,
    pub(crate) heartbeats: mpsc::UnboundedReceiver<(Uuid, Heartbeat)>,
}

impl Conductor {
    /// Serves the images of a directory.
    pub(crate) async fn start(directory: &Path) -> Self {
        let (sender, heartbeats) = mpsc::unbounded_channel();
        let inner = Arc::new(Inner {
            directory: directory.to_owned(),
            properties: Mutex::new(json!({})),
            ranges: AtomicBool::new(true),
            breaks: AtomicU32::new(0),
            inspected: Mutex::default(),
            lookups: Mutex::default(),
            heartbeats: sender,
        });
        let router = Router::new()
            .route(
                "/",
                get(async || Json(json!({"default_version": {"version": "1.95"}}))),
            )
            .route("/v1/lookup", get(lookup))
            .route("/v1/heartbeat/{node}", post(heartbeat))
            .route("/v1/continue_inspection", post(inspect))
            .route("/images/{name}", get(image))
            .with_state(Arc::clone(&inner));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            inner,
            url,
            heartbeats,
        }
    }

    pub(crate) fn config(&self) -> AgentConfig {
        let mut config = AgentConfig::new(self.url.clone());
        config.listen = "127.0.0.1:0".parse().unwrap();
        config.download_retry_interval = Duration::from_millis(10);
        config
    }

    pub(crate) fn image_url(&self, path: &Path) -> String {
        format!(
            "{}images/{}",
            self.url,
            path.file_name().unwrap().to_str().unwrap()
        )
    }

    /// Starts an agent and waits for its first heartbeat.
    pub(crate) async fn boot(&mut self, machine: &Arc<FileMachine>) -> RunningAgent {
        let cancel = CancellationToken::new();
        let agent = Agent::new(self.config(), Arc::clone(machine) as _);
        let task = tokio::spawn(agent.run(cancel.clone()));
        let heartbeat = self.heartbeat().await;
        RunningAgent {
            client: AgentClient::new(&heartbeat),
            cancel,
            task,
        }
    }

    pub(crate) async fn heartbeat(&mut self) -> Heartbeat {
        tokio::time::timeout(PATIENCE, self.heartbeats.recv())
            .await
            .unwrap()
            .unwrap()
            .1
    }
}

pub(crate) struct RunningAgent {
    pub(crate) client: AgentClient,
    pub(crate) cancel: CancellationToken,
    pub(crate) task: JoinHandle<AgentExit>,
}

impl RunningAgent {
    pub(crate) async fn exit(self) -> AgentExit {
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .unwrap()
            .unwrap()
    }
}

pub(crate) struct AgentClient {
    http: reqwest::Client,
    base: String,
}

impl AgentClient {
    pub(crate) fn new(heartbeat: &Heartbeat) -> Self {
        let pem = heartbeat.agent_verify_ca.as_ref().unwrap();
        let certificate = reqwest::Certificate::from_pem(pem.as_bytes()).unwrap();
        let http = reqwest::Client::builder()
            .tls_certs_only([certificate])
            .build()
            .unwrap();
        Self {
            http,
            base: heartbeat.callback_url.clone().unwrap(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        let response = self
            .http
            .get(format!("{}{path}", self.base))
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    pub(crate) async fn post(&self, query: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}/v1/commands/?{query}", self.base);
        let response = self.http.post(url).json(body).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, name: &str, params: Value) -> CommandResult {
        let query = format!("wait=true&agent_token={TOKEN}");
        let (status, answer) = self
            .post(&query, &json!({"name": name, "params": params}))
            .await;
        assert_eq!(status, 200, "{answer}");
        serde_json::from_value(answer).unwrap()
    }

    /// Writes an image; `info` is laid over what is always sent.
    pub(crate) async fn write_image(&self, info: Value, configdrive: Value) -> CommandResult {
        self.write_image_by_hints(info, configdrive, json!({}))
            .await
    }

    /// The same to the disk that these root device hints pick.
    pub(crate) async fn write_image_by_hints(
        &self,
        info: Value,
        configdrive: Value,
        hints: Value,
    ) -> CommandResult {
        let params = json!({
            "step": {"interface": "deploy", "step": "write_image", "priority": 80,
                     "args": {"image_info": info, "configdrive": configdrive}},
            "node": {"uuid": Uuid::nil(), "properties": {"root_device": hints}, "instance_info": {}},
            "ports": [],
            "deploy_version": {"GenericHardwareManager": "1.0"},
        });
        self.run("deploy.execute_deploy_step", params).await
    }
}

/// The error of a command that has to have failed.
pub(crate) fn failure(result: &CommandResult) -> String {
    assert_eq!(result.command_status, CommandStatus::Failed, "{result:?}");
    result.command_error.as_ref().unwrap().text().to_owned()
}

async fn lookup(
    State(inner): State<Arc<Inner>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let version = headers
        .get("X-OpenStack-Ironic-API-Version")
        .unwrap()
        .to_str()
        .unwrap();
    let mac = query.get("addresses").cloned().unwrap_or_default();
    inner
        .lookups
        .lock()
        .unwrap()
        .push((version.to_owned(), query));
    // The node's UUID is made of the address, so that many agents are told apart.
    let node = Uuid::new_v5(&Uuid::NAMESPACE_OID, mac.as_bytes());
    Json(json!({
        "node": {"uuid": node, "properties": *inner.properties.lock().unwrap(),
                 "instance_info": {}, "driver_internal_info": {}, "links": []},
        "config": {"heartbeat_timeout": 300, "agent_token": TOKEN, "agent_token_required": true,
                   "permitted_image_formats": ["raw", "gpt", "qcow2", "iso"],
                   "tls_min_version": "1.3"},
    }))
    .into_response()
}

async fn heartbeat(
    State(inner): State<Arc<Inner>>,
    UrlPath(node): UrlPath<Uuid>,
    headers: HeaderMap,
    Json(heartbeat): Json<Heartbeat>,
) -> StatusCode {
    assert_eq!(
        headers.get("X-OpenStack-Ironic-API-Version").unwrap(),
        "1.68"
    );
    assert_eq!(heartbeat.agent_token.as_ref().unwrap().expose(), TOKEN);
    let _ = inner.heartbeats.send((node, heartbeat));
    StatusCode::ACCEPTED
}

async fn inspect(State(inner): State<Arc<Inner>>, Json(data): Json<Value>) -> Response {
    inner.inspected.lock().unwrap().push(data);
    (StatusCode::ACCEPTED, Json(json!({"uuid": Uuid::nil()}))).into_response()
}

async fn image(
    State(inner): State<Arc<Inner>>,
    UrlPath(name): UrlPath<String>,
    headers: HeaderMap,
) -> Response {
    let Ok(bytes) = std::fs::read(inner.directory.join(name)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let total = bytes.len();
    let range = headers
        .get(header::RANGE)
        .filter(|_| inner.ranges.load(Ordering::SeqCst));
    let (status, start, end) = match range {
        None => (StatusCode::OK, 0, total),
        Some(range) => {
            let range = range.to_str().unwrap().strip_prefix("bytes=").unwrap();
            let (first, last) = range.split_once('-').unwrap();
            let last: usize = last.parse().unwrap_or(total - 1);
            (
                StatusCode::PARTIAL_CONTENT,
                first.parse().unwrap(),
                (last + 1).min(total),
            )
        }
    };
    let mut body = bytes[start..end].to_vec();
    let whole = end == total && body.len() > 1 << 20;
    let breaks = whole
        && inner
            .breaks
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            })
            .is_ok();
    let length = body.len();
    if breaks {
        body.truncate(length / 2);
    }
    let chunks: Vec<_> = body
        .chunks(64 << 10)
        .map(|it| Ok::<_, String>(it.to_vec()))
        .collect();
    let cut = breaks.then(|| Err("cut".to_owned()));
    let stream = futures_util::stream::iter(chunks.into_iter().chain(cut));
    Response::builder()
        .status(status)
        .header(header::CONTENT_LENGTH, length)
        .header(
            header::CONTENT_RANGE,
            format!("bytes {start}-{}/{total}", end.max(1) - 1),
        )
        .body(Body::from_stream(stream))
        .unwrap()
}
