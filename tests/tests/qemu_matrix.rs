//! Every boot path from end to end: {BIOS PXE, UEFI PXE, UEFI HTTP boot} × {our DHCP, proxyDHCP
//! beside a real dnsmasq} × {raw, qcow2}, each from enrolment through the API to the login prompt
//! of the machine's own disk, which shows the hostname of the config drive.
//!
//! By default it runs the fast half: with `qemu_e2e`, every pair of values is there. All paths run
//! with `CUPOLA_BOOT_PATHS=all` (`scripts/test qemu`), which prints the table of
//! `docs/boot-paths.md`, and with `UPDATE_DOCS=1` writes it there.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the table of times is this program's result, and a failure shows the logs"
)]

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};
use cupola_api::ProvisionState;
use cupola_tests::qemu::boot_path::{self, BootPath};
use cupola_tests::qemu::deploy::{DeployTimes, deploy, go};
use cupola_tests::qemu::lab::{Lab, LabConfig};
use cupola_tests::qemu::table::{self, Row};
use cupola_tests::qemu::{OsImage, agent_ramdisk, can_run, os_image, report};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Map, json};

/// What all paths share; made by the first that runs.
struct Shared {
    ramdisk: PathBuf,
    image: OsImage,
}

/// Taken by one path at a time: two emulated machines at once only wait for each other.
#[derive(Default)]
struct Course {
    shared: Option<Shared>,
    rows: Vec<Row>,
}

fn main() -> Result<()> {
    let arguments = Arguments::from_args();
    let all = std::env::var("CUPOLA_BOOT_PATHS").is_ok_and(|value| value == "all");
    let paths = if all {
        [boot_path::matrix(), boot_path::beyond()].concat()
    } else {
        boot_path::fast_half()
    };
    let course = Arc::new(Mutex::new(Course::default()));
    let trials = paths.into_iter().map(|path| {
        let course = Arc::clone(&course);
        Trial::test(format!("qemu_{path}"), move || {
            take(&course, path).map_err(|error| Failed::from(format!("{error:#}")))
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    let course = course.lock().unwrap_or_else(PoisonError::into_inner);
    if !course.rows.is_empty() {
        let table = table::render(&course.rows);
        println!("{table}");
        if all && std::env::var_os("UPDATE_DOCS").is_some() && !conclusion.has_failed() {
            table::write(&table)?;
        }
    }
    conclusion.exit()
}

fn take(course: &Mutex<Course>, path: BootPath) -> Result<()> {
    let test = format!("qemu_{path}");
    if !can_run(&test) {
        return Ok(());
    }
    if let Some(missing) = path.missing() {
        cupola_tests::skip::skipped(&test, &missing);
        return Ok(());
    }
    let mut course = course.lock().unwrap_or_else(PoisonError::into_inner);
    report(&test, Instant::now());
    if course.shared.is_none() {
        course.shared = Some(prepare()?);
    }
    let shared = course.shared.as_ref().context("prepared just now")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let times = runtime.block_on(login_prompt_by(&path, shared))?;
    report(&format!("{test} done in"), Instant::now() - times.total);
    course.rows.push(Row { path, times });
    Ok(())
}

fn prepare() -> Result<Shared> {
    Ok(Shared {
        ramdisk: agent_ramdisk()?,
        image: os_image()?,
    })
}

async fn login_prompt_by(path: &BootPath, shared: &Shared) -> Result<DeployTimes> {
    let directory = tempfile::tempdir()?;
    let config = LabConfig::new(path.clone(), &shared.ramdisk, &shared.image.directory);
    let lab = Lab::start(directory.path(), &config).await?;
    let story = async {
        let mut extra = Map::new();
        // `qemu_e2e` cleans; here each path costs one netboot.
        extra.insert("automated_clean".to_owned(), json!(false));
        let node = lab.enrol(extra).await?;
        go(&lab, &node, "manage", ProvisionState::Manageable).await?;
        go(&lab, &node, "provide", ProvisionState::Available).await?;
        let hostname = format!("deployed-{}", path.to_string().replace('_', "-"));
        let times = deploy(&lab, &node, &shared.image, path.image, &hostname).await?;
        let events = lab.client.timeline(&node, None).await?.events;
        path.check(&events, &lab.foreign_log())?;
        Ok(times)
    };
    let result: Result<DeployTimes> = story.await;
    if result.is_err() {
        eprintln!("{}", lab.logs());
    }
    result
}
