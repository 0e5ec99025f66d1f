//! `wrk` as the client: requests as fast as they are answered, and what it says of them.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

/// What is asked, and how hard.
#[derive(Clone, Copy)]
pub(crate) struct Load<'a> {
    pub(crate) connections: u32,
    pub(crate) seconds: u32,
    /// Lua that makes the requests; a GET of the URL without.
    pub(crate) script: Option<&'a str>,
}

/// Requests per second, and times in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// Starts the load; [`figures`] waits for its end.
pub(crate) fn start(url: &str, load: Load<'_>, directory: &Path) -> Result<Child> {
    let mut command = Command::new("wrk");
    command
        .args(["-t1", "--latency", "--timeout", "60s"])
        .arg(format!("-c{}", load.connections))
        .arg(format!("-d{}s", load.seconds))
        .args(["-H", "X-OpenStack-Ironic-API-Version: latest"]);
    if let Some(script) = load.script {
        let file = directory.join(format!("{}.lua", uuid::Uuid::new_v4()));
        std::fs::write(&file, script)?;
        command.arg("-s").arg(file);
    }
    command
        .arg(url)
        .stdout(Stdio::piped())
        .spawn()
        .context("wrk cannot be run")
}

pub(crate) fn figures(url: &str, load: Child) -> Result<Figures> {
    let output = load.wait_with_output()?;
    let text = String::from_utf8(output.stdout)?;
    let after = |label: &str| {
        text.lines()
            .filter_map(|line| line.trim().strip_prefix(label))
            .map(|rest| rest.trim().to_owned())
            .next()
    };
    ensure!(
        after("Non-2xx").is_none(),
        "{url} answered with errors:\n{text}"
    );
    let found = |label: &str| after(label).with_context(|| format!("no {label} in:\n{text}"));
    Ok(Figures {
        per_second: found("Requests/sec:")?.parse()?,
        p50: milliseconds(&found("50%")?)?,
        p99: milliseconds(&found("99%")?)?,
    })
}

/// Runs the load to its end.
pub(crate) fn run(url: &str, load: Load<'_>, directory: &Path) -> Result<Figures> {
    figures(url, start(url, load, directory)?)
}

fn milliseconds(text: &str) -> Result<f64> {
    let units = [("us", 0.001), ("ms", 1.0), ("s", 1_000.0), ("m", 60_000.0)];
    for (unit, factor) in units {
        if let Some(number) = text.strip_suffix(unit)
            && let Ok(number) = number.parse::<f64>()
        {
            return Ok(number * factor);
        }
    }
    anyhow::bail!("`{text}` is no time")
}

/// Creates nodes with new names.
pub(crate) const CREATE: &str = r#"
local headers = {["Content-Type"] = "application/json", ["X-OpenStack-Ironic-API-Version"] = "latest"}
local run = tostring({}):match("0x(%x+)")
local number = 0
request = function()
  number = number + 1
  local body = string.format('{"name":"new-%s-%d","driver":"fake-hardware","resource_class":"baremetal",' ..
    '"properties":{"cpus":32,"memory_mb":131072,"cpu_arch":"x86_64"},"extra":{"u":%d}}', run, number, number)
  return wrk.format("POST", "/v1/nodes", headers, body)
end
"#;

/// Changes one field of one node after the other.
pub(crate) fn change(nodes: usize) -> String {
    format!(
        r#"
local headers = {{["Content-Type"] = "application/json", ["X-OpenStack-Ironic-API-Version"] = "latest"}}
local number = 0
request = function()
  number = number + 1
  local path = string.format("/v1/nodes/node-%06d", number % {nodes})
  local body = string.format('[{{"op":"add","path":"/extra/change","value":%d}}]', number)
  return wrk.format("PATCH", path, headers, body)
end
"#
    )
}

/// Puts one node after the other into maintenance.
pub(crate) fn maintain(nodes: usize) -> String {
    format!(
        r#"
local headers = {{["Content-Type"] = "application/json", ["X-OpenStack-Ironic-API-Version"] = "latest"}}
local number = 0
request = function()
  number = number + 1
  local path = string.format("/v1/nodes/node-%06d/maintenance", number % {nodes})
  return wrk.format("PUT", path, headers, string.format('{{"reason":"turn %d"}}', number))
end
"#
    )
}

/// Shows nodes all over the list.
pub(crate) fn show(nodes: usize) -> String {
    format!(
        r#"
local headers = {{["X-OpenStack-Ironic-API-Version"] = "latest"}}
request = function()
  return wrk.format("GET", string.format("/v1/nodes/node-%06d", math.random(0, {nodes} - 1)), headers)
end
"#
    )
}
