//! A provisioning network of namespaces: our services on a bridge, other hosts behind veth pairs.
//!
//! A test that needs one runs itself again inside a fresh network namespace, which is gone with it.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::process::Stdio;
use std::time::Duration;

use cupola_api::MacAddress;
use nix::sched::{CloneFlags, setns, unshare};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::lab::client;

const INSIDE: &str = "CUPOLA_TEST_INSIDE_NAMESPACE";

/// Whether the test runs inside its namespace. If not, it has been run there by the time this
/// returns, or it has been skipped loudly.
pub(crate) async fn inside(test: &str, programs: &[&str]) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    for program in programs {
        if client(program, &["--help"]).await.is_none() {
            return false;
        }
    }
    let flags = if nix::unistd::Uid::effective().is_root() {
        "-n"
    } else {
        "-rn"
    };
    let probe = client("unshare", &[flags, "true"]).await;
    if !probe.as_ref().is_some_and(|output| output.status.success()) {
        println!("SKIPPED: network namespaces cannot be made here: {probe:?}");
        return false;
    }
    let own = std::env::current_exe().unwrap();
    let variable = format!("{INSIDE}=1");
    let own = own.to_str().unwrap();
    let arguments = [flags, "env", &variable, own, "--exact", test, "--nocapture"];
    let output = client("unshare", &arguments).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    false
}

/// Runs a command that must succeed; its standard output.
pub(crate) async fn run(command: &str) -> String {
    let words: Vec<_> = command.split(' ').collect();
    let output = client(words[0], &words[1..]).await.unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Makes a bridge with our address on it: the provisioning network.
pub(crate) async fn bridge(name: &str, address: &str) {
    run("ip link set lo up").await;
    run(&format!(
        "ip link add {name} type bridge forward_delay 0 mcast_snooping 0"
    ))
    .await;
    run(&format!("ip addr add {address} dev {name}")).await;
    run(&format!("ip link set {name} up")).await;
}

/// A host with a network of its own.
pub(crate) struct Host {
    namespace: File,
}

impl Host {
    /// A host without interfaces.
    pub(crate) async fn new() -> Self {
        let make = || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            File::open("/proc/thread-self/ns/net").unwrap()
        };
        let namespace = std::thread::spawn(make).join().unwrap();
        let host = Self { namespace };
        host.run("ip link set lo up").await;
        host
    }

    fn path(&self) -> String {
        let descriptor = self.namespace.as_raw_fd();
        format!("/proc/{}/fd/{descriptor}", std::process::id())
    }

    /// Plugs the host into a bridge: `eth0` here, `port` there.
    pub(crate) async fn plug(&self, interface: &str, mac: MacAddress, bridge: &str, port: &str) {
        let path = self.path();
        run(&format!(
            "ip link add {port} type veth peer name {interface} address {mac} netns {path}"
        ))
        .await;
        run(&format!("ip link set {port} master {bridge} up")).await;
        self.run(&format!("ip link set {interface} up")).await;
    }

    /// Runs a command there that must succeed; its standard output.
    pub(crate) async fn run(&self, command: &str) -> String {
        run(&format!("nsenter --net={} {command}", self.path())).await
    }

    /// Starts dnsmasq there and waits until it serves; it ends when this is dropped.
    pub(crate) async fn dnsmasq(&self, ready: &str, arguments: &[&str]) -> Child {
        let mut child = Command::new("nsenter")
            .arg(format!("--net={}", self.path()))
            .args([
                "dnsmasq",
                "--keep-in-foreground",
                "--user=root",
                "--log-facility=-",
            ])
            .args(["--pid-file=", "--leasefile-ro"])
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let serving = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.contains(ready) {
                    return;
                }
                said.push(line);
            }
            panic!("dnsmasq ended");
        };
        let outcome = tokio::time::timeout(Duration::from_secs(10), serving).await;
        assert!(outcome.is_ok(), "dnsmasq does not serve: {said:?}");
        // What it says later must not block it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        child
    }

    /// Something made inside, such as a socket, which stays there.
    pub(crate) fn make<T: Send>(&self, make: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                setns(self.namespace.as_fd(), CloneFlags::CLONE_NEWNET).unwrap();
                make()
            });
            inside.join().unwrap()
        })
    }
}
