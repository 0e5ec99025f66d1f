//! Images of every kind onto a disk, and those that must not get there. They are made by the
//! programs that people make them with.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;

use cupola_agent::Disk;
use cupola_api::agent::CommandStatus;
use serde_json::{Value, json};

use crate::support::conductor::failure;
use crate::support::image;
use crate::{assert_holds, info, start};

#[tokio::test]
async fn qcow2_images_of_every_kind_arrive_whole() {
    let directory = tempfile::tempdir().unwrap();
    let Some(raw) = image::raw(directory.path()) else {
        return;
    };
    let (conductor, machine, agent) = start(directory.path(), &[4]).await;
    for (name, arguments) in [
        ("plain.qcow2", &[][..]),
        ("old.qcow2", &["-o", "compat=0.10"]),
        ("small.qcow2", &["-o", "cluster_size=512"]),
        ("large.qcow2", &["-o", "cluster_size=2M"]),
        ("deflate.qcow2", &["-c"]),
        ("zstd.qcow2", &["-c", "-o", "compression_type=zstd"]),
        ("small-deflate.qcow2", &["-c", "-o", "cluster_size=4k"]),
    ] {
        let Some(path) = image::qcow2(&raw, name, arguments) else {
            return;
        };
        for ranges in [true, false] {
            conductor.inner.ranges.store(ranges, Ordering::SeqCst);
            // What was there before must not shine through the holes of the image.
            let stale = vec![0xee; image::SIZE as usize];
            fs::write(machine.disk_path(0), stale).unwrap();
            fs::File::options()
                .write(true)
                .open(machine.disk_path(0))
                .unwrap()
                .set_len(4 << 30)
                .unwrap();
            let written = agent
                .client
                .write_image(info(&conductor, &path, "qcow2"), Value::Null)
                .await;
            assert_eq!(
                written.command_status,
                CommandStatus::Succeeded,
                "{name}: {written:?}"
            );
            assert_holds(&machine, 0, &raw);
        }
    }
}

#[tokio::test]
async fn compressed_raw_images_are_unfolded() {
    let directory = tempfile::tempdir().unwrap();
    let Some(raw) = image::raw(directory.path()) else {
        return;
    };
    let (conductor, machine, agent) = start(directory.path(), &[4]).await;
    for program in ["gzip", "xz", "zstd"] {
        if !image::run(program, &["-q", "-f", "-k", "-1", raw.to_str().unwrap()]) {
            continue;
        }
        let suffix = match program {
            "gzip" => "gz",
            "xz" => "xz",
            _ => "zst",
        };
        let packed = raw.with_extension(format!("raw.{suffix}"));
        let written = agent
            .client
            .write_image(info(&conductor, &packed, "raw"), Value::Null)
            .await;
        assert_eq!(
            written.command_status,
            CommandStatus::Succeeded,
            "{program}: {written:?}"
        );
        assert_holds(&machine, 0, &raw);
    }
}

#[tokio::test]
async fn a_broken_download_is_taken_up_again() {
    let directory = tempfile::tempdir().unwrap();
    let Some(raw) = image::raw(directory.path()) else {
        return;
    };
    let (conductor, machine, agent) = start(directory.path(), &[4]).await;
    for ranges in [true, false] {
        conductor.inner.ranges.store(ranges, Ordering::SeqCst);
        conductor.inner.breaks.store(3, Ordering::SeqCst);
        let written = agent
            .client
            .write_image(info(&conductor, &raw, "raw"), Value::Null)
            .await;
        assert_eq!(
            written.command_status,
            CommandStatus::Succeeded,
            "{written:?}"
        );
        assert_eq!(conductor.inner.breaks.load(Ordering::SeqCst), 0);
        assert_holds(&machine, 0, &raw);
    }
}

#[tokio::test]
async fn a_wrong_checksum_leaves_nothing_that_boots() {
    let directory = tempfile::tempdir().unwrap();
    let Some(raw) = image::raw(directory.path()) else {
        return;
    };
    let (conductor, machine, agent) = start(directory.path(), &[4]).await;
    let mut wrong = info(&conductor, &raw, "raw");
    wrong["os_hash_value"] = Value::from("0".repeat(64));
    let error = failure(&agent.client.write_image(wrong, Value::Null).await);
    assert!(error.contains(&image::sha256(&raw)), "{error}");
    assert!(machine.read(0, 0, 1 << 20).iter().all(|byte| *byte == 0));
    let end = (4 << 30) - (1 << 20);
    assert!(machine.read(0, end, 1 << 20).iter().all(|byte| *byte == 0));
}

#[tokio::test]
async fn what_cannot_be_written_is_refused_before_the_disk_is_touched() {
    let directory = tempfile::tempdir().unwrap();
    let Some(raw) = image::raw(directory.path()) else {
        return;
    };
    let Some(qcow2) = image::qcow2(&raw, "good.qcow2", &[]) else {
        return;
    };
    let backed = raw.with_file_name("backed.qcow2");
    let huge = raw.with_file_name("huge.qcow2");
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    image::run(
        "qemu-img",
        &[
            "create",
            "-f",
            "qcow2",
            "-b",
            &text(&qcow2),
            "-F",
            "qcow2",
            &text(&backed),
        ],
    );
    image::run("qemu-img", &["create", "-f", "qcow2", &text(&huge), "5G"]);
    let (conductor, machine, agent) = start(directory.path(), &[4]).await;
    use std::os::unix::fs::FileExt;
    let mark = fs::File::options()
        .write(true)
        .open(machine.disk_path(0))
        .unwrap();
    mark.write_all_at(b"precious", 0).unwrap();

    let mut unchecked = info(&conductor, &raw, "raw");
    unchecked.as_object_mut().unwrap().remove("os_hash_value");
    let mut partition = info(&conductor, &raw, "raw");
    partition["image_type"] = Value::from("partition");
    let mut missing = info(&conductor, &raw, "raw");
    missing["urls"] = json!([format!("{}images/none?signature=hunter2", conductor.url)]);
    for (what, image, configdrive) in [
        (
            "backing file",
            info(&conductor, &backed, "qcow2"),
            Value::Null,
        ),
        (
            "needs 5368709120 bytes",
            info(&conductor, &huge, "qcow2"),
            Value::Null,
        ),
        (
            "declared as raw, but is qcow2",
            info(&conductor, &qcow2, "raw"),
            Value::Null,
        ),
        (
            "declared as qcow2, but is not",
            info(&conductor, &raw, "qcow2"),
            Value::Null,
        ),
        ("not permitted", info(&conductor, &raw, "vmdk"), Value::Null),
        ("checksum is not available", unchecked, Value::Null),
        ("partition image", partition, Value::Null),
        ("HTTP 404", missing, Value::Null),
        (
            "config drive: it is not base64",
            info(&conductor, &raw, "raw"),
            Value::from("!!"),
        ),
    ] {
        let error = failure(&agent.client.write_image(image, configdrive).await);
        assert!(error.contains(what), "{what}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
        assert_eq!(machine.read(0, 0, 8), b"precious", "{what}");
    }
}

/// Compresses a file with a program; none, with a word, where it is not installed.
fn packed(program: &str, level: &str, file: &Path, suffix: &str) -> Option<std::path::PathBuf> {
    let text = file.to_str().unwrap();
    image::run(program, &["-q", "-f", "-k", level, text]).then(|| {
        let mut path = file.as_os_str().to_owned();
        path.push(suffix);
        path.into()
    })
}

#[tokio::test]
async fn what_is_packed_wrongly_is_refused_before_the_disk_is_touched() {
    let directory = tempfile::tempdir().unwrap();
    let Some(raw) = image::raw(directory.path()) else {
        return;
    };
    let Some(qcow2) = image::qcow2(&raw, "inner.qcow2", &[]) else {
        return;
    };
    let large = raw.with_file_name("large.raw");
    fs::File::create(&large)
        .unwrap()
        .set_len((1 << 30) + (64 << 20))
        .unwrap();
    let (conductor, machine, agent) = start(directory.path(), &[1]).await;
    let hints = || json!({"serial": "disk0"});
    machine.disk(0).write_at(0, b"precious").unwrap();
    for (program, level, file, suffix, want) in [
        ("gzip", "-1", &qcow2, ".gz", "packed in it is qcow2"),
        ("xz", "-1", &qcow2, ".xz", "packed in it is qcow2"),
        ("zstd", "-1", &qcow2, ".zst", "packed in it is qcow2"),
        ("xz", "-9", &raw, ".xz", "xz -8 or less"),
        ("zstd", "--long=27", &raw, ".zst", "--long=25"),
        ("zstd", "-1", &large, ".zst", "needs 1140850688 bytes"),
        ("xz", "-0", &large, ".xz", "needs 1140850688 bytes"),
    ] {
        let Some(path) = packed(program, level, file, suffix) else {
            continue;
        };
        let described = info(&conductor, &path, "raw");
        let error = failure(
            &agent
                .client
                .write_image_by_hints(described, Value::Null, hints())
                .await,
        );
        assert!(error.contains(want), "{program} {level}: {error}");
        assert_eq!(machine.read(0, 0, 8), b"precious", "{program} {level}");
    }
    // Only unpacking can tell how long a gzip file is: then the disk is wiped.
    let Some(path) = packed("gzip", "-1", &large, ".gz") else {
        return;
    };
    let described = info(&conductor, &path, "raw");
    let error = failure(
        &agent
            .client
            .write_image_by_hints(described, Value::Null, hints())
            .await,
    );
    assert!(
        error.contains("unpacks to more than the 1073741824 bytes"),
        "{error}"
    );
    assert!(machine.read(0, 0, 1 << 20).iter().all(|byte| *byte == 0));
}

#[tokio::test]
async fn checksums_come_from_files_of_every_kind() {
    let directory = tempfile::tempdir().unwrap();
    let Some(raw) = image::raw(directory.path()) else {
        return;
    };
    let (conductor, _, agent) = start(directory.path(), &[4]).await;
    for (program, arguments) in [
        ("sha256sum", &[][..]),
        ("sha512sum", &["--tag"]),
        ("sha256sum", &["--binary"]),
    ] {
        let output = std::process::Command::new(program)
            .args(arguments)
            .arg(&raw)
            .output()
            .unwrap();
        let sums = raw.with_file_name("SUMS");
        fs::write(&sums, output.stdout).unwrap();
        let mut described = info(&conductor, &raw, "raw");
        let object = described.as_object_mut().unwrap();
        object.remove("os_hash_algo");
        object.remove("os_hash_value");
        object.insert("checksum".into(), conductor.image_url(&sums).into());
        let written = agent.client.write_image(described, Value::Null).await;
        assert_eq!(
            written.command_status,
            CommandStatus::Succeeded,
            "{program} {arguments:?}: {written:?}"
        );
    }
}
