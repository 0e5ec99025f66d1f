//! A DHCP server that is there already: dnsmasq, on a host of its own on the provisioning network.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use cupola_rack::qemu::NetworkHost;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

/// How long dnsmasq may take to start.
const START_DEADLINE: Duration = Duration::from_secs(15);

/// A running dnsmasq. Dropping it ends it.
#[derive(Debug)]
pub struct Dnsmasq {
    _child: Child,
    log: Arc<Mutex<String>>,
}

impl Dnsmasq {
    /// Starts it with these options, one per line of a configuration file, and waits until it
    /// serves DHCP.
    ///
    /// # Errors
    /// When it does not start; the error has what it said.
    pub async fn start(
        host: &NetworkHost,
        directory: &std::path::Path,
        options: &str,
    ) -> Result<Self> {
        let file = directory.join("dnsmasq.conf");
        tokio::fs::write(&file, options).await?;
        let mut child = host
            .command("dnsmasq")
            .args(["--keep-in-foreground", "--user=root", "--pid-file="])
            .args(["--log-facility=-", "--log-dhcp"])
            .arg(format!(
                "--dhcp-leasefile={}",
                directory.join("dnsmasq.leases").display()
            ))
            .arg(format!("--conf-file={}", file.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("dnsmasq cannot be started")?;
        let stderr = child
            .stderr
            .take()
            .context("dnsmasq has no standard error")?;
        let mut lines = BufReader::new(stderr).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let keep = |log: &Mutex<String>, line: &str| {
            if let Ok(mut log) = log.lock() {
                log.push_str(line);
                log.push('\n');
            }
        };
        let ready = tokio::time::timeout(START_DEADLINE, async {
            while let Ok(Some(line)) = lines.next_line().await {
                keep(&log, &line);
                if line.contains("DHCP, ") || line.contains("DHCP-proxy") {
                    return true;
                }
            }
            false
        });
        if !ready.await.unwrap_or(false) {
            bail!(
                "dnsmasq does not serve DHCP:\n{}",
                log.lock().map(|log| log.clone()).unwrap_or_default()
            );
        }
        let following = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                keep(&following, &line);
            }
        });
        Ok(Self { _child: child, log })
    }

    /// What it has said so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().map(|log| log.clone()).unwrap_or_default()
    }
}

/// A site's server that gives addresses and knows nothing of netboots.
#[must_use]
pub fn addresses_only(host: &NetworkHost) -> String {
    let device = host.device();
    let [a, b, c, _] = host.address().octets();
    format!(
        "port=0\n\
         interface={device}\n\
         bind-interfaces\n\
         no-ping\n\
         dhcp-authoritative\n\
         dhcp-range={a}.{b}.{c}.100,{a}.{b}.{c}.199,10m\n"
    )
}

/// What `cupola boot dnsmasq-config` prints for a service with these settings, with the lines that
/// are the host's own.
///
/// # Errors
/// When the command fails.
pub fn as_cupola_prints(host: &NetworkHost, settings: &[String]) -> Result<String> {
    let mut command = std::process::Command::new(crate::binary::cupola()?);
    command.args(["boot", "dnsmasq-config"]);
    for setting in settings {
        command.args(["--set", setting]);
    }
    let output = command.output().context("cupola cannot be run")?;
    if !output.status.success() {
        bail!(
            "cupola boot dnsmasq-config failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let printed = String::from_utf8(output.stdout)?;
    let own = |line: &&str| !line.starts_with("interface=");
    let printed: Vec<&str> = printed.lines().filter(own).collect();
    Ok(format!(
        "{}\ninterface={}\n",
        printed.join("\n"),
        host.device()
    ))
}
