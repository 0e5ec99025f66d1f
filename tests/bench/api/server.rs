//! The two that are measured: how they are started, filled, asked and weighed.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cupola_tests::serve::Serve;
use cupola_tests::upstream::{Hardware, UpstreamIronic};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How many nodes are created at once.
const AT_ONCE: usize = 16;

enum Process {
    Cupola(Serve),
    Ironic(UpstreamIronic),
}

/// A running service with a directory of its own.
pub(crate) struct Server {
    process: Process,
    directory: TempDir,
    http: reqwest::Client,
}

impl Server {
    pub(crate) fn cupola(directory: TempDir) -> Result<Self> {
        let enabled = ["--set", r#"drivers.enabled=["fake-hardware"]"#];
        let serve = Serve::start(directory.path(), &enabled)?;
        Self::with(Process::Cupola(serve), directory)
    }

    pub(crate) async fn ironic(venv: &Path, directory: TempDir) -> Result<Self> {
        let ironic = UpstreamIronic::start_with(venv, directory.path(), Hardware::Fake).await?;
        Self::with(Process::Ironic(ironic), directory)
    }

    fn with(process: Process, directory: TempDir) -> Result<Self> {
        Ok(Self {
            process,
            directory,
            http: reqwest::Client::builder()
                .timeout(Duration::from_secs(60))
                .build()?,
        })
    }

    /// Ends it; what it has stored is left.
    pub(crate) fn stop(self) -> Result<TempDir> {
        if let Process::Cupola(serve) = self.process {
            ensure!(serve.stop()?.success(), "cupola failed as it ended");
        }
        Ok(self.directory)
    }

    pub(crate) fn url(&self) -> &str {
        match &self.process {
            Process::Cupola(serve) => serve.url(),
            Process::Ironic(ironic) => ironic.url(),
        }
    }

    /// The proportional set size of all its processes, in MiB: what they share counts once.
    pub(crate) fn memory(&self) -> Result<f64> {
        let pid = match &self.process {
            Process::Cupola(serve) => serve.pid(),
            Process::Ironic(ironic) => ironic.pid(),
        };
        let mut kib = proportional(pid)?;
        for child in children(pid)? {
            kib += proportional(child)?;
        }
        Ok(kib / 1024.0)
    }

    pub(crate) async fn call(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, Value)> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url()))
            .header("X-OpenStack-Ironic-API-Version", "latest");
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        Ok((status, answer.json().await.unwrap_or_default()))
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        let (status, body) = self.call(reqwest::Method::GET, path, None).await?;
        ensure!(status == 200, "GET {path} answered {status}: {body}");
        Ok(body)
    }

    /// Creates the nodes with these numbers.
    pub(crate) async fn fill(&self, numbers: std::ops::Range<usize>) -> Result<()> {
        stream::iter(numbers.map(Ok))
            .try_for_each_concurrent(AT_ONCE, async |number| {
                let body = node(number);
                let made = self.call(reqwest::Method::POST, "/v1/nodes", Some(&body));
                let (status, answer) = made.await?;
                ensure!(status == 201, "node {number}: {status} {answer}");
                Ok(())
            })
            .await
    }

    /// Asks for the list once, a page of 1 000 at a time, as a client does; how many there are.
    pub(crate) async fn read_all(&self, path: &str) -> Result<usize> {
        let mut next = format!("{path}?limit=1000");
        let mut count = 0;
        loop {
            let page = self.get(&next).await?;
            count += page["nodes"].as_array().map_or(0, Vec::len);
            let Some(url) = page["next"].as_str() else {
                return Ok(count);
            };
            let place = url.find("/v1/").context("a link without a path")?;
            next = url.get(place..).unwrap_or_default().to_owned();
        }
    }

    /// Waits until all nodes pass; asks for the list again and again, as clients of Ironic do.
    pub(crate) async fn wait(&self, mut is_there: impl FnMut(&Value) -> bool) -> Result<()> {
        let fields = "uuid,provision_state,power_state,target_power_state,reservation,last_error";
        let path = format!("/v1/nodes?limit=1000&fields={fields}");
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        loop {
            ticks.tick().await;
            let page = self.get(&path).await?;
            let nodes = page["nodes"].as_array().context("no list")?;
            let failed = |n: &&Value| {
                n["provision_state"]
                    .as_str()
                    .is_some_and(|s| s.contains("fail"))
            };
            if let Some(node) = nodes.iter().find(failed) {
                anyhow::bail!("{node}");
            }
            if nodes.iter().all(&mut is_there) {
                return Ok(());
            }
        }
    }
}

pub(crate) fn name(number: usize) -> String {
    format!("node-{number:06}")
}

fn node(number: usize) -> Value {
    json!({
        "name": name(number),
        "driver": "fake-hardware",
        "resource_class": "baremetal",
        "properties": { "cpus": 32, "memory_mb": 131_072, "cpu_arch": "x86_64" },
        "extra": { "rack": format!("r{}", number / 40), "u": number % 40 },
    })
}

/// Runs the work for every number, so many at once.
pub(crate) async fn at_once<F: Future<Output = Result<()>>>(
    limit: usize,
    numbers: std::ops::Range<usize>,
    work: impl Fn(usize) -> F,
) -> Result<()> {
    stream::iter(numbers)
        .map(work)
        .buffer_unordered(limit)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(())
}

fn proportional(pid: u32) -> Result<f64> {
    let file = format!("/proc/{pid}/smaps_rollup");
    let text = std::fs::read_to_string(&file).with_context(|| file.clone())?;
    let kib = text
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse().ok());
    kib.with_context(|| format!("{file} tells no size"))
}

fn children(pid: u32) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("children"))?;
        found.extend(
            text.split_whitespace()
                .filter_map(|id| id.parse::<u32>().ok()),
        );
    }
    Ok(found)
}
