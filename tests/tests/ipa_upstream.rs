//! Our agent under the reference implementation: OpenStack Ironic from PyPI inspects, cleans and
//! deploys a machine whose agent is ours. The machine's power is Ironic's fake; what runs on it is
//! the real agent, writing to a file as its disk.
#![allow(
    clippy::print_stderr,
    reason = "a failure shows what the other side logged"
)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use async_trait::async_trait;
use cupola_agent::partition::PartitionTable;
use cupola_agent::{
    Agent, AgentConfig, AgentExit, BootEntry, Disk, FileDisk, KernelParameters, PasswordHash,
    Platform, PlatformError, SecureErase,
};
use cupola_api::agent::{
    BlockDevice, BootInfo, BootMode, CpuInfo, Inventory, MemoryInfo, NetworkInterface,
};
use cupola_api::client::Client;
use cupola_api::client::remote::RemoteTransport;
use cupola_api::cupola::Image;
use cupola_api::id::NodeIdent;
use cupola_api::resource::ProvisionRequest;
use cupola_api::{MacAddress, Node, ProvisionState};
use cupola_rack::demo_image;
use cupola_tests::node_life::choose_image;
use cupola_tests::qemu::report;
use cupola_tests::upstream::{UpstreamIronic, environment};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long each phase may take on a busy host.
const PHASE_DEADLINE: Duration = Duration::from_secs(240);

/// Between two looks at a node: Ironic has no events.
const POLL_INTERVAL: Duration = Duration::from_millis(300);

const MAC: &str = "52:54:00:aa:00:01";
const DISK_BYTES: u64 = 256 << 20;
const SERIAL: &str = "UPSTREAM1";

/// The machine under the agent: one interface, and one disk that is a file.
struct Machine {
    disk: PathBuf,
    command_line: String,
    said: Mutex<Vec<String>>,
}

impl Machine {
    fn block_device() -> BlockDevice {
        BlockDevice {
            name: "/dev/sda".to_owned(),
            size: DISK_BYTES,
            serial: Some(SERIAL.to_owned()),
            ..BlockDevice::default()
        }
    }
}

#[async_trait]
impl Platform for Machine {
    fn kernel_parameters(&self) -> KernelParameters {
        KernelParameters::parse(&self.command_line)
    }

    fn boot_mode(&self) -> BootMode {
        BootMode::Uefi
    }

    async fn inventory(&self) -> Result<Inventory, PlatformError> {
        Ok(Inventory {
            interfaces: vec![NetworkInterface {
                name: "eth0".to_owned(),
                mac_address: MAC.to_owned(),
                has_carrier: true,
                ..NetworkInterface::default()
            }],
            disks: vec![Self::block_device()],
            cpu: CpuInfo {
                count: 2,
                architecture: "x86_64".to_owned(),
                ..CpuInfo::default()
            },
            memory: MemoryInfo {
                physical_mb: Some(2048),
                ..MemoryInfo::default()
            },
            boot: BootInfo {
                current_boot_mode: Some("uefi".to_owned()),
                pxe_interface: Some(MAC.to_owned()),
            },
            ..Inventory::default()
        })
    }

    async fn block_devices(&self) -> Result<Vec<BlockDevice>, PlatformError> {
        Ok(vec![Self::block_device()])
    }

    async fn open_disk(&self, device: &str) -> Result<Box<dyn Disk>, PlatformError> {
        let disk = FileDisk::open(&self.disk, 512).map_err(|e| PlatformError::io(device, e))?;
        Ok(Box::new(disk))
    }

    async fn set_boot_entry(&self, entry: &BootEntry) -> Result<(), PlatformError> {
        self.report(&format!("boot entry {}", entry.path));
        Ok(())
    }

    async fn logs(&self) -> Vec<(String, Vec<u8>)> {
        vec![("console".to_owned(), b"a line\n".to_vec())]
    }

    async fn sync(&self) -> Result<(), PlatformError> {
        Ok(())
    }

    async fn reboot(&self) -> Result<(), PlatformError> {
        Ok(())
    }

    async fn power_off(&self) -> Result<(), PlatformError> {
        Ok(())
    }

    async fn lockdown(&self) -> Result<(), PlatformError> {
        Ok(())
    }

    async fn secure_erase(&self, _: &BlockDevice, _: SecureErase) -> Result<bool, PlatformError> {
        Ok(false)
    }

    async fn rescue(&self, _: &PasswordHash) -> Result<(), PlatformError> {
        Ok(())
    }

    fn report(&self, line: &str) {
        if let Ok(mut said) = self.said.lock() {
            said.push(line.to_owned());
        }
    }
}

/// A machine that has booted into its agent.
struct Booted {
    machine: Arc<Machine>,
    cancel: CancellationToken,
    life: JoinHandle<AgentExit>,
}

impl Booted {
    fn start(ironic: &UpstreamIronic, disk: &Path, more: &str) -> Result<Self> {
        let url = ironic.url();
        let command_line = format!(
            "ipa-api-url={url} ipa-listen-host=127.0.0.1 ipa-listen-port=0 \
             ipa-advertise-host=127.0.0.1 {more}"
        );
        let config = AgentConfig::from_kernel_parameters(&KernelParameters::parse(&command_line))?;
        let machine = Arc::new(Machine {
            disk: disk.to_owned(),
            command_line,
            said: Mutex::default(),
        });
        let cancel = CancellationToken::new();
        let agent = Agent::new(config, Arc::clone(&machine) as Arc<dyn Platform>);
        let life = tokio::spawn(agent.run(cancel.clone()));
        Ok(Self {
            machine,
            cancel,
            life,
        })
    }

    /// Cuts the power; how the agent had ended.
    async fn cut(self) -> Result<AgentExit> {
        self.cancel.cancel();
        let exit = self.life.await?;
        if let Ok(said) = self.machine.said.lock() {
            eprintln!("--- the machine's console\n{}", said.join("\n"));
        }
        Ok(exit)
    }
}

/// Ironic, and the node that is the machine.
struct Story {
    ironic: UpstreamIronic,
    client: Client,
    node: NodeIdent,
    disk: PathBuf,
}

impl Story {
    async fn until(&self, wanted: &[ProvisionState]) -> Result<Node> {
        let started = Instant::now();
        loop {
            let node = self.client.node(&self.node).await?;
            let state = node.provision_state;
            let rests = state.is_waiting() || node.reservation.is_none();
            if wanted.contains(&state) && rests {
                return Ok(node);
            }
            if state.is_failed() || started.elapsed() > PHASE_DEADLINE {
                bail!("the node is {state}, not {wanted:?}: {:?}", node.last_error);
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Asks for a verb; boots the machine when Ironic waits for it; how its agent ended.
    async fn go(
        &self,
        request: ProvisionRequest,
        waits: ProvisionState,
        goal: ProvisionState,
        command_line: &str,
    ) -> Result<AgentExit> {
        let started = Instant::now();
        self.client.provision(&self.node, &request).await?;
        self.until(&[waits]).await?;
        let booted = Booted::start(&self.ironic, &self.disk, command_line)?;
        let reached = self.until(&[goal]).await;
        let exit = booted.cut().await?;
        reached?;
        report(&format!("{} to {goal}", request.target), started);
        Ok(exit)
    }
}

fn verb(target: &str) -> ProvisionRequest {
    ProvisionRequest {
        target: target.to_owned(),
        ..ProvisionRequest::default()
    }
}

/// Python's file server: it knows HEAD, which Ironic asks first.
struct FileServer(Child, String);

impl FileServer {
    fn start(directory: &Path) -> Result<Self> {
        let mut child = Command::new("python3")
            .args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "0"])
            .arg("--directory")
            .arg(directory)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let out = child.stdout.take().context("no standard output")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        // Serving HTTP on 127.0.0.1 port 43211 (http://127.0.0.1:43211/) ...
        let url = line
            .split(['(', ')'])
            .nth(1)
            .with_context(|| format!("the file server said {line:?}"))?;
        Ok(Self(child, url.trim_end_matches('/').to_owned()))
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn enrol(ironic: UpstreamIronic, disk: PathBuf) -> Result<Story> {
    let client = Client::new(RemoteTransport::new(ironic.url())?);
    let node = client
        .create_node(&json!({
            "name": "machine", "driver": "fake-hardware",
            // The fake one knows no boot device but the network.
            "management_interface": "noop",
            "properties": {"capabilities": "boot_mode:uefi", "root_device": {"serial": SERIAL}},
        }))
        .await?;
    let mac: MacAddress = MAC.parse()?;
    client.create_port(node.uuid, mac).await?;
    let node = NodeIdent::Id(node.uuid);
    let story = Story {
        ironic,
        client,
        node,
        disk,
    };
    story.client.provision(&story.node, &verb("manage")).await?;
    story.until(&[ProvisionState::Manageable]).await?;
    Ok(story)
}

async fn inspect(story: &Story) -> Result<()> {
    let callback = format!(
        "ipa-inspection-callback-url={}/v1/continue_inspection",
        story.ironic.url()
    );
    story
        .go(
            verb("inspect"),
            ProvisionState::InspectWait,
            ProvisionState::Manageable,
            &callback,
        )
        .await?;
    let found = story.client.inventory(&story.node).await?;
    ensure!(
        found
            .inventory
            .get("disks")
            .is_some_and(|disks| disks.to_string().contains(SERIAL)),
        "{found:?}"
    );
    let node = story.client.node(&story.node).await?;
    ensure!(
        node.properties.get("cpu_arch") == Some(&json!("x86_64")),
        "{:?}",
        node.properties
    );
    Ok(())
}

async fn clean(story: &Story) -> Result<()> {
    // An old partition table, which cleaning has to take away.
    demo_image::write(&story.disk, 16)?;
    let file = std::fs::OpenOptions::new().write(true).open(&story.disk)?;
    file.set_len(DISK_BYTES)?;
    story
        .go(
            verb("provide"),
            ProvisionState::CleanWait,
            ProvisionState::Available,
            "",
        )
        .await?;
    let mut start = [0; 1024];
    FileDisk::open(&story.disk, 512)?.read_at(0, &mut start)?;
    ensure!(
        start.iter().all(|byte| *byte == 0),
        "the partition table is still there"
    );
    Ok(())
}

async fn deploy(story: &Story, images: &Path) -> Result<()> {
    let made = demo_image::write(&images.join("os.raw"), 64)?;
    let server = FileServer::start(images)?;
    let image = Image {
        name: "os".to_owned(),
        source: format!("{}/os.raw", server.1),
        disk_format: "raw".to_owned(),
        hash_algo: "sha256".to_owned(),
        hash_value: made.sha256,
        size: Some(made.size),
    };
    choose_image(&story.client, &story.node, &image).await?;
    let request = ProvisionRequest {
        target: "active".to_owned(),
        configdrive: Some(json!({"meta_data": {"hostname": "from-upstream"}})),
        ..ProvisionRequest::default()
    };
    let exit = story
        .go(
            request,
            ProvisionState::DeployWait,
            ProvisionState::Active,
            "",
        )
        .await?;
    ensure!(exit == AgentExit::PowerOff, "the agent ended by {exit:?}");
    let partitions = PartitionTable::read(&mut FileDisk::open(&story.disk, 512)?)?.partitions();
    let labels: Vec<_> = partitions.iter().map(|p| p.label.as_deref()).collect();
    ensure!(labels.contains(&Some("config-2")), "{labels:?}");
    let logs = story.ironic.agent_logs();
    let collected = std::fs::read_dir(&logs).is_ok_and(|mut files| files.next().is_some());
    ensure!(collected, "no agent logs in {}", logs.display());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_agent_is_inspected_cleaned_and_deployed_by_ironic() -> Result<()> {
    let Some(venv) = environment("ipa_upstream")? else {
        return Ok(());
    };
    let directory = tempfile::tempdir()?;
    let images = directory.path().join("source");
    std::fs::create_dir_all(&images)?;
    let disk = directory.path().join("disk");
    std::fs::File::create(&disk)?.set_len(DISK_BYTES)?;
    let started = Instant::now();
    let ironic = UpstreamIronic::start(&venv, directory.path()).await?;
    report("ironic up", started);
    let story = enrol(ironic, disk).await?;
    let result = async {
        inspect(&story).await?;
        clean(&story).await?;
        deploy(&story, &images).await
    }
    .await;
    if result.is_err() {
        eprintln!("--- ironic\n{}", story.ironic.log());
    }
    result
}
