//! Cleaning: every disk is wiped, but for those that are to be left alone.

use std::fs;

use cupola_agent::Disk;
use cupola_api::agent::CommandStatus;
use serde_json::{Value, json};

use crate::start;
use crate::support::conductor::failure;
use crate::support::image;

#[tokio::test]
async fn cleaning_wipes_every_disk() {
    let directory = tempfile::tempdir().unwrap();
    let Some(raw) = image::raw(directory.path()) else {
        return;
    };
    let (_conductor, machine, agent) = start(directory.path(), &[1, 1]).await;
    let step = |name: &str| {
        json!({"step": {"interface": "deploy", "step": name, "args": {}}, "ports": [],
               "node": {"driver_internal_info": {"agent_erase_devices_iterations": 0}},
               "clean_version": {"GenericHardwareManager": "1.0"}})
    };
    for name in ["erase_devices_metadata", "erase_devices"] {
        for index in 0..2 {
            fs::copy(&raw, machine.disk_path(index)).unwrap();
            let disk = fs::File::options()
                .write(true)
                .open(machine.disk_path(index))
                .unwrap();
            disk.set_len(1 << 30).unwrap();
        }
        let done = agent
            .client
            .run("clean.execute_clean_step", step(name))
            .await;
        assert_eq!(done.command_status, CommandStatus::Succeeded, "{done:?}");
        for index in 0..2 {
            // Both ends, and the start of the first partition, whatever the depth.
            assert!(
                machine
                    .read(index, 0, 2 << 20)
                    .iter()
                    .all(|byte| *byte == 0),
                "{name}"
            );
            let middle = machine.read(index, 13 << 20, 1 << 20);
            assert_eq!(
                middle.iter().all(|byte| *byte == 0),
                name == "erase_devices",
                "{name}"
            );
        }
    }
    let mut other = step("erase_devices_metadata");
    other["clean_version"] = json!({"GenericHardwareManager": "0.9"});
    let refused = agent.client.run("clean.execute_clean_step", other).await;
    assert_eq!(refused.command_status, CommandStatus::VersionMismatch);
    let error = failure(
        &agent
            .client
            .run("clean.execute_clean_step", step("burnin_cpu"))
            .await,
    );
    assert!(error.contains("erase_devices_metadata"), "{error}");
}

#[tokio::test]
async fn shared_and_skipped_disks_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let (_conductor, machine, agent) = start(directory.path(), &[1, 1, 1]).await;
    for index in 0..3 {
        machine.disk(index).write_at(0, b"precious").unwrap();
    }
    // A volume of VMware, on the disk itself.
    let vmfs = [0x0d, 0xd0, 0x01, 0xc0];
    machine.disk(1).write_at(1 << 20, &vmfs).unwrap();
    let step = |name: &str, node: Value| {
        json!({"step": {"interface": "deploy", "step": name, "args": {}}, "node": node, "ports": [],
               "clean_version": {"GenericHardwareManager": "1.0"}})
    };
    let run = async |name: &str, node: Value| {
        agent
            .client
            .run("clean.execute_clean_step", step(name, node))
            .await
    };
    for name in [
        "erase_devices_metadata",
        "erase_devices_express",
        "erase_devices",
    ] {
        let error = failure(&run(name, json!({})).await);
        assert!(
            error.contains("/dev/disk1 has a VMFS file system"),
            "{error}"
        );
        for index in 0..3 {
            assert_eq!(machine.read(index, 0, 8), b"precious", "{name}");
        }
    }
    let skipping = json!({"properties": {"skip_block_devices": [{"serial": "disk1"}]}});
    let done = run("erase_devices_express", skipping).await;
    assert_eq!(done.command_status, CommandStatus::Succeeded, "{done:?}");
    let left: Vec<bool> = (0..3)
        .map(|index| machine.read(index, 0, 8) == b"precious")
        .collect();
    assert_eq!(left, [false, true, false]);
    let overridden = json!({"driver_info": {"wipe_special_filesystems": true}});
    let done = run("erase_devices_metadata", overridden).await;
    assert_eq!(done.command_status, CommandStatus::Succeeded, "{done:?}");
    assert_eq!(machine.read(1, 0, 8), [0; 8]);
}
