//! The whole agent against a conductor: over HTTP and TLS, onto disks made of sparse files.

// The helpers are part of the tests: what fails in them fails the test.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod cleaning;
mod images;
mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use cupola_agent::partition::PartitionTable;
use cupola_agent::{Agent, AgentExit};
use cupola_api::agent::{CommandStatus, WriteProgress};
use serde_json::{Value, json};
use support::conductor::{Conductor, RunningAgent, TOKEN, failure};
use support::image;
use support::machine::FileMachine;
use tokio_util::sync::CancellationToken;

const MAC: &str = "52:54:00:00:00:01";

async fn start(directory: &Path, gib: &[u64]) -> (Conductor, Arc<FileMachine>, RunningAgent) {
    let mut conductor = Conductor::start(directory).await;
    let machine = Arc::new(FileMachine::new(directory, MAC, gib));
    let agent = conductor.boot(&machine).await;
    (conductor, machine, agent)
}

fn info(conductor: &Conductor, path: &Path, format: &str) -> Value {
    json!({
        "id": "image", "urls": [conductor.image_url(path)], "disk_format": format,
        "container_format": "bare", "stream_raw_images": true,
        "os_hash_algo": "sha256", "os_hash_value": image::sha256(path),
    })
}

/// The disk holds the image, apart from the GPT headers, which follow the disk's size.
fn assert_holds(machine: &FileMachine, index: usize, raw: &Path) {
    let want = fs::read(raw).unwrap();
    let got = machine.read(index, 0, want.len());
    let (from, to) = (34 * 512, want.len() - 34 * 512);
    assert!(
        got[from..to] == want[from..to],
        "the disk does not hold the image"
    );
    let mut disk = machine.disk(index);
    PartitionTable::read(&mut disk).unwrap();
}

/// The config drive is on its partition, and sgdisk finds nothing wrong with the table.
fn assert_config_drive(machine: &FileMachine, index: usize, iso: &[u8]) {
    let partitions = PartitionTable::read(&mut machine.disk(index))
        .unwrap()
        .partitions();
    let drive = partitions
        .iter()
        .find(|it| it.label.as_deref() == Some("config-2"))
        .unwrap();
    assert!(machine.read(index, drive.start, iso.len()) == iso);
    let path = machine.disk_path(index);
    let verdict = std::process::Command::new("sgdisk")
        .arg("-v")
        .arg(&path)
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&verdict.stdout).contains("No problems found"));
}

#[tokio::test]
async fn a_deployment_from_lookup_to_power_off() {
    let directory = tempfile::tempdir().unwrap();
    let Some(raw) = image::raw(directory.path()) else {
        return;
    };
    let (mut conductor, machine, agent) = start(directory.path(), &[8, 4]).await;
    assert_eq!(conductor.inner.lookups.lock().unwrap()[0].0, "1.62");

    let steps = agent
        .client
        .run("deploy.get_deploy_steps", json!({"node": {}, "ports": []}))
        .await;
    let steps = steps.command_result.unwrap();
    assert_eq!(
        steps["hardware_manager_version"]["GenericHardwareManager"],
        "1.0"
    );

    let (iso, config_drive) = image::config_drive();
    let written = agent
        .client
        .write_image(
            info(&conductor, &raw, "raw"),
            Value::from(config_drive.clone()),
        )
        .await;
    assert_eq!(
        written.command_status,
        CommandStatus::Succeeded,
        "{written:?}"
    );
    assert_eq!(written.command_name, "execute_deploy_step");
    assert_eq!(
        written.result_object().unwrap()["deploy_step"]["step"],
        "write_image"
    );
    let progress: WriteProgress = written.progress().unwrap();
    assert_eq!(
        (progress.bytes, progress.total),
        (image::SIZE, Some(image::SIZE))
    );
    // Without hints the smallest disk is taken, and the other one is not touched.
    assert_holds(&machine, 1, &raw);
    assert!(machine.read(0, 0, 1 << 20).iter().all(|byte| *byte == 0));

    assert_config_drive(&machine, 1, &iso);

    let uuids = agent
        .client
        .run("standby.get_partition_uuids", json!({}))
        .await;
    assert!(uuids.command_result.unwrap()["root uuid"].is_string());
    let installed = agent
        .client
        .run(
            "image.install_bootloader",
            json!({"root_uuid": null, "efi_system_part_uuid": null, "prep_boot_part_uuid": null,
                   "target_boot_mode": "uefi"}),
        )
        .await;
    assert_eq!(
        installed.command_status,
        CommandStatus::Succeeded,
        "{installed:?}"
    );
    let entry = machine.boot_entries.lock().unwrap()[0].clone();
    assert_eq!(entry.path, "\\EFI\\debian\\grubx64.efi");
    assert_eq!((entry.partition_number, entry.start_sector), (1, 2048));

    // What is polled shows neither the node nor the config drive.
    let (_, list) = agent
        .client
        .get(&format!("/v1/commands/?agent_token={TOKEN}"))
        .await;
    assert_eq!(list["commands"].as_array().unwrap().len(), 4);
    assert!(!list.to_string().contains(&config_drive[..100]));

    // The end of a long command is told at once.
    let second = conductor.heartbeat().await;
    assert!(second.agent_verify_ca.is_some());
    agent.client.run("standby.power_off", json!({})).await;
    assert_eq!(agent.exit().await, AgentExit::PowerOff);
}

#[tokio::test]
async fn a_rescue_sets_the_password_and_closes_the_command_api() {
    let directory = tempfile::tempdir().unwrap();
    let (_conductor, machine, agent) = start(directory.path(), &[1]).await;
    let clear = json!({"rescue_password": "hunter2", "hashed": false});
    let refused = agent.client.run("rescue.finalize_rescue", clear).await;
    assert!(!failure(&refused).contains("hunter2"));
    let hash = "$5$salt$b6Jx5fUBNMHgZ.hQWjLpQmdfVDrI.nQP1MHoHhWPEF3";
    let hashed = json!({"rescue_password": hash, "hashed": true});
    let done = agent.client.run("rescue.finalize_rescue", hashed).await;
    assert_eq!(done.command_status, CommandStatus::Succeeded, "{done:?}");
    assert_eq!(agent.exit().await, AgentExit::Rescue);
    assert_eq!(machine.passwords.lock().unwrap()[0].expose(), hash);
}

#[tokio::test]
async fn the_command_api_keeps_strangers_out() {
    let directory = tempfile::tempdir().unwrap();
    let (_conductor, _machine, agent) = start(directory.path(), &[4]).await;
    let client = &agent.client;
    for path in ["/", "/v1", "/v1/", "/v1/status", "/status/"] {
        assert_eq!(client.get(path).await.0, 200, "{path}");
    }
    let sync = json!({"name": "standby.sync", "params": {}});
    for query in [
        "wait=true",
        "wait=true&agent_token=",
        "wait=true&agent_token=0123",
    ] {
        let (status, fault) = client.post(query, &sync).await;
        assert_eq!(status, 401, "{query}");
        assert_eq!(fault["faultcode"], "Client");
    }
    assert_eq!(client.get("/v1/commands/").await.0, 401);
    let query = format!("wait=true&agent_token={TOKEN}");
    assert_eq!(
        client
            .post(&query, &json!({"name": "standby.nothing"}))
            .await
            .0,
        404
    );
    assert_eq!(
        client.post(&query, &json!(["not", "a", "command"])).await.0,
        422
    );
    let (_, done) = client.post(&query, &sync).await;
    let id = done["id"].as_str().unwrap();
    assert_eq!(
        client
            .get(&format!("/v1/commands/{id}?agent_token={TOKEN}"))
            .await
            .0,
        200
    );
    assert_eq!(
        client
            .get(&format!("/v1/commands/none?agent_token={TOKEN}"))
            .await
            .0,
        404
    );
    let logs = client.run("log.collect_system_logs", json!({})).await;
    assert!(logs.command_result.unwrap()["system_logs"].is_string());
    agent.cancel.cancel();
    assert_eq!(agent.exit().await, AgentExit::Cancelled);
}

#[tokio::test]
async fn an_inspection_comes_before_the_lookup_and_names_the_node() {
    let directory = tempfile::tempdir().unwrap();
    let mut conductor = Conductor::start(directory.path()).await;
    let machine = Arc::new(FileMachine::new(directory.path(), MAC, &[4]));
    let mut config = conductor.config();
    config.inspection_callback_url = Some(conductor.url.join("v1/continue_inspection").unwrap());
    let cancel = CancellationToken::new();
    let task = tokio::spawn(Agent::new(config, machine).run(cancel.clone()));
    conductor.heartbeat().await;
    let data = conductor.inner.inspected.lock().unwrap()[0].clone();
    assert_eq!(data["inventory"]["interfaces"][0]["mac_address"], MAC);
    assert_eq!(data["root_disk"]["name"], "/dev/disk0");
    let lookup = conductor.inner.lookups.lock().unwrap()[0].1.clone();
    assert_eq!(lookup["node_uuid"], uuid::Uuid::nil().to_string());
    cancel.cancel();
    assert_eq!(task.await.unwrap(), AgentExit::Cancelled);
}

/// A number of KiB out of `/proc/self/status`.
fn memory(key: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_agents_live_in_one_process() {
    let directory = tempfile::tempdir().unwrap();
    let mut conductor = Conductor::start(directory.path()).await;
    let before = memory("VmRSS:");
    let started = std::time::Instant::now();
    let cancel = CancellationToken::new();
    let mut tasks = Vec::new();
    for number in 0..100 {
        let home = directory.path().join(number.to_string());
        fs::create_dir(&home).unwrap();
        let machine = FileMachine::new(&home, &format!("52:54:00:00:01:{number:02x}"), &[4]);
        let agent = Agent::new(conductor.config(), Arc::new(machine));
        tasks.push(tokio::spawn(agent.run(cancel.clone())));
    }
    let mut nodes = std::collections::BTreeSet::new();
    while nodes.len() < 100 {
        nodes.insert(conductor.heartbeats.recv().await.unwrap().0);
    }
    let each = memory("VmRSS:").saturating_sub(before) / 100;
    println!(
        "100 agents: first heartbeats after {:?}, {each} KiB each",
        started.elapsed()
    );
    assert!(each < 4096, "{each} KiB each");
    cancel.cancel();
    for task in tasks {
        assert_eq!(task.await.unwrap(), AgentExit::Cancelled);
    }
}
