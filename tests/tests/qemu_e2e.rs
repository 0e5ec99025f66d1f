//! The main job from end to end on real firmware: a QEMU machine behind OpenIPMI's `ipmi_sim`, in a
//! network namespace with `cupola serve`, is enrolled, inspected, cleaned, deployed and undeployed
//! through the API. It counts as deployed when its own disk's login prompt shows the hostname of
//! the config drive.
#![allow(
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a missing JSON key is null, and a failure shows the service's log"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use cupola_rack::qemu::{Firmware, ProvisioningNetwork, QemuRack, RackMachine, RackMachineConfig};
use cupola_tests::qemu::{OsImage, build_ramdisk, can_run, os_image, report};
use cupola_tests::serve::Serve;
use reqwest::Method;
use serde_json::{Value, json};

/// One machine at a time: two emulated ones at once on a small host only wait for each other.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// How long each phase may take on a busy host without KVM.
const PHASE_DEADLINE: Duration = Duration::from_secs(420);

/// Between two looks at a node, as clients of this API do.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Where the service listens inside the namespace.
const API_PORT: u16 = 6385;

/// Where its boot services' HTTP server listens.
const BOOT_PORT: u16 = 8088;

/// The Bare Metal API as a script uses it.
struct Api {
    http: reqwest::Client,
    base: String,
}

impl Api {
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        let mut request = self
            .http
            .request(method.clone(), format!("{}{path}", self.base))
            .header("X-OpenStack-Ironic-API-Version", "latest");
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let status = response.status();
        let text = response.text().await?;
        ensure!(status.is_success(), "{method} {path}: {status} {text}");
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn node(&self, id: &str) -> Result<Value> {
        self.call(Method::GET, &format!("/v1/nodes/{id}"), None)
            .await
    }

    /// Asks for a provision verb and waits until the node rests in `wanted`.
    async fn provision(&self, id: &str, body: Value, wanted: &str) -> Result<()> {
        let started = Instant::now();
        let verb = body["target"].as_str().unwrap_or_default().to_owned();
        self.call(
            Method::PUT,
            &format!("/v1/nodes/{id}/states/provision"),
            Some(body),
        )
        .await?;
        loop {
            let node = self.node(id).await?;
            let state = node["provision_state"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            // At rest there is no target; right after the request the old state may still show.
            if state == wanted && node["target_provision_state"].is_null() {
                break;
            }
            let failed = state.ends_with("failed") || state == "error";
            if failed || started.elapsed() > PHASE_DEADLINE {
                bail!(
                    "{verb}: node is {state}: {}\n{}",
                    node["last_error"],
                    self.story(id).await
                );
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        report(&format!("{verb} to {wanted}"), started);
        Ok(())
    }

    /// The node's timeline, for a failure's message.
    async fn story(&self, id: &str) -> String {
        let path = format!("/cupola/v1/nodes/{id}/timeline");
        match self.call(Method::GET, &path, None).await {
            Ok(timeline) => serde_json::to_string_pretty(&timeline).unwrap_or_default(),
            Err(error) => format!("(no timeline: {error:#})"),
        }
    }
}

/// The options of `cupola serve` for a rack's network.
fn options(
    network: ProvisioningNetwork,
    bridge: &str,
    ramdisk: &Path,
    image: &OsImage,
) -> Vec<String> {
    let server = network.server;
    let [a, b, c, _] = server.octets();
    let set = [
        format!("api.public_endpoint=\"http://{server}:{API_PORT}\""),
        "boot.enabled=true".to_owned(),
        format!("boot.address=\"{server}\""),
        format!("boot.interface=\"{bridge}\""),
        format!("boot.network=\"{a}.{b}.{c}.0/{}\"", network.prefix),
        format!("boot.pool_first=\"{a}.{b}.{c}.100\""),
        format!("boot.pool_last=\"{a}.{b}.{c}.199\""),
        format!("boot.http_listen=\"{server}:{BOOT_PORT}\""),
        format!(
            "boot.deploy_kernel=\"{}\"",
            ramdisk.join("kernel").display()
        ),
        format!(
            "boot.deploy_ramdisk=\"{}\"",
            ramdisk.join("ramdisk").display()
        ),
        format!("boot.image_directory=\"{}\"", image.directory.display()),
        "boot.kernel_append_params=\"console=tty0 console=ttyS0,115200\"".to_owned(),
    ];
    set.into_iter()
        .flat_map(|pair| ["--set".to_owned(), pair])
        .collect()
}

fn start_service(
    rack: &QemuRack,
    directory: &Path,
    ramdisk: &Path,
    image: &OsImage,
) -> Result<Serve> {
    let namespace = rack.namespace();
    let mut command = Command::new("ip");
    command
        .args(["netns", "exec", namespace.name()])
        .arg(cupola_tests::binary::cupola()?);
    let options = options(namespace.network(), namespace.bridge(), ramdisk, image);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let state = directory.join("state");
    std::fs::create_dir_all(&state)?;
    Serve::start_with(command, &format!("0.0.0.0:{API_PORT}"), &state, &options)
}

async fn enrol(api: &Api, machine: &RackMachine, boot_mode: &str) -> Result<String> {
    let bmc = &machine.bmc;
    let node = json!({
        "name": machine.machine.name(),
        "driver": "ipmi",
        "inspect_interface": "agent",
        "driver_info": {
            "ipmi_address": bmc.address().ip().to_string(),
            "ipmi_port": bmc.address().port(),
            "ipmi_username": bmc.credentials().username,
            "ipmi_password": bmc.credentials().password.expose(),
            "ipmi_cipher_suite": 3,
        },
        "properties": {
            "capabilities": format!("boot_mode:{boot_mode}"),
            "root_device": {"serial": machine.disk_serial},
        },
    });
    let node = api.call(Method::POST, "/v1/nodes", Some(node)).await?;
    let id = node["uuid"]
        .as_str()
        .context("the new node has no uuid")?
        .to_owned();
    let port = json!({"node_uuid": id, "address": machine.mac.to_string()});
    api.call(Method::POST, "/v1/ports", Some(port)).await?;
    Ok(id)
}

async fn inspect(api: &Api, id: &str) -> Result<()> {
    api.provision(id, json!({"target": "inspect"}), "manageable")
        .await?;
    let inventory = api
        .call(Method::GET, &format!("/v1/nodes/{id}/inventory"), None)
        .await?;
    let disks = inventory
        .pointer("/inventory/disks")
        .and_then(Value::as_array);
    ensure!(
        disks.is_some_and(|disks| !disks.is_empty()),
        "no disk was found: {inventory}"
    );
    Ok(())
}

async fn deploy(api: &Api, id: &str, image_url: &str, sha256: &str, hostname: &str) -> Result<()> {
    let patch = json!([
        {"op": "add", "path": "/instance_info/image_source", "value": image_url},
        {"op": "add", "path": "/instance_info/image_os_hash_algo", "value": "sha256"},
        {"op": "add", "path": "/instance_info/image_os_hash_value", "value": sha256},
        {"op": "add", "path": "/instance_info/image_disk_format", "value": "qcow2"},
    ]);
    api.call(Method::PATCH, &format!("/v1/nodes/{id}"), Some(patch))
        .await?;
    let drive = json!({"meta_data": {"hostname": hostname, "uuid": id}});
    api.provision(
        id,
        json!({"target": "active", "configdrive": drive}),
        "active",
    )
    .await
}

async fn life_of_a_machine(firmware: Firmware, boot_mode: &str) -> Result<()> {
    let test = format!("qemu_e2e ({boot_mode})");
    if !can_run(&test) {
        return Ok(());
    }
    let _alone = ONE_AT_A_TIME.lock().await;
    report(&test, Instant::now());
    let directory = tempfile::tempdir()?;
    let image = os_image()?;
    let ramdisk: PathBuf = directory.path().join("ramdisk");
    build_ramdisk(&cupola_tests::binary::agent()?, &ramdisk)?;

    let whole = Instant::now();
    let network = ProvisioningNetwork::default();
    let machines = [RackMachineConfig::new(firmware)];
    let rack = QemuRack::start(directory.path(), network, &machines).await?;
    let machine = rack
        .machines()
        .first()
        .context("the rack has one machine")?;
    let service = start_service(&rack, directory.path(), &ramdisk, &image)?;
    report("rack and service up", whole);

    // Fails only when a provider is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let api = Api {
        http: reqwest::Client::new(),
        base: format!("http://{}:{API_PORT}", rack.namespace().address_from_host()),
    };
    let hostname = format!("deployed-{boot_mode}");
    let url = format!("http://{}:{BOOT_PORT}/images/os.qcow2", network.server);
    let story = async {
        let id = enrol(&api, machine, boot_mode).await?;
        api.provision(&id, json!({"target": "manage"}), "manageable")
            .await?;
        inspect(&api, &id).await?;
        api.provision(&id, json!({"target": "provide"}), "available")
            .await?;
        let console = machine.machine.console();
        let from = console.position();
        deploy(&api, &id, &url, &image.sha256(&image.qcow2)?, &hostname).await?;
        let active = Instant::now();
        console
            .wait_for(from, &format!("{hostname} login:"), PHASE_DEADLINE)
            .await?;
        report("active to login prompt", active);
        api.provision(&id, json!({"target": "deleted"}), "available")
            .await
    };
    let result: Result<()> = story.await;
    if result.is_err() {
        eprintln!("--- service log\n{}", service.log());
        let serial = std::fs::read(machine.machine.console().log()).unwrap_or_default();
        let end = serial
            .get(serial.len().saturating_sub(6000)..)
            .unwrap_or_default();
        eprintln!("--- serial console\n{}", String::from_utf8_lossy(end));
    }
    report("whole life", whole);
    result
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn qemu_bios_machine_is_enrolled_deployed_and_undeployed() -> Result<()> {
    life_of_a_machine(Firmware::Bios, "bios").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn qemu_uefi_machine_is_enrolled_deployed_and_undeployed() -> Result<()> {
    life_of_a_machine(Firmware::Uefi, "uefi").await
}
