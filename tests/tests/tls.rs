//! The API by TLS as its users meet it: machines that call it from their ramdisk, and clients that
//! stay connected while the certificate is exchanged.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may end where it cannot go on"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use cupola_api::ProvisionState;
use cupola_api::id::NodeIdent;
use cupola_api::trust::Trust;
use cupola_console::demo::{Demo, DemoOptions};
use cupola_tests::node_life;
use cupola_tests::serve::Serve;

const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_machine_is_cleaned_by_an_agent_that_calls_by_tls() -> Result<()> {
    let options = DemoOptions {
        machines: 1,
        state_directory: None,
        overrides: vec!["api.tls=self_signed".to_owned()],
        paced: false,
        faults: false,
    };
    let demo = Demo::start(options).await?;
    let machine = &demo.rack().machines()[0].machine;
    let node = NodeIdent::Name(machine.spec().name.clone());
    let goal = ProvisionState::Available;
    node_life::reach(&demo.client(), &node, goal, DEADLINE).await?;
    Ok(())
}

/// Whether the service shows this certificate.
async fn is_shown(service: &Serve, certificate: &Path) -> Result<bool> {
    let client = Trust::File(certificate.to_owned()).builder()?.build()?;
    let answer = client.get(format!("{}/v1", service.url())).send().await;
    Ok(answer.is_ok_and(|answer| answer.status().is_success()))
}

#[tokio::test]
async fn a_new_certificate_is_shown_without_a_restart() -> Result<()> {
    // Each makes a certificate for itself.
    let made: Vec<_> = (0..2)
        .map(|_| {
            let directory = tempfile::tempdir()?;
            Serve::start(directory.path(), &["--set", "api.tls=self_signed"])?.stop()?;
            Ok(directory)
        })
        .collect::<Result<_>>()?;
    let file = |number: usize, name: &str| made[number].path().join("tls").join(name);
    let directory = tempfile::tempdir()?;
    let (certificate, key) = (
        directory.path().join("c.pem"),
        directory.path().join("k.pem"),
    );
    let put = |number| -> Result<()> {
        std::fs::copy(file(number, "api.key"), &key)?;
        std::fs::copy(file(number, "api.pem"), &certificate)?;
        Ok(())
    };
    put(0)?;
    let sets = [
        "api.tls=files".to_owned(),
        format!("api.tls_certificate={}", certificate.display()),
        format!("api.tls_key={}", key.display()),
    ];
    let arguments: Vec<&str> = sets
        .iter()
        .flat_map(|set| ["--set", set.as_str()])
        .collect();
    let service = Serve::start(directory.path(), &arguments)?;
    ensure!(service.url().starts_with("https://"), "{}", service.url());
    ensure!(
        is_shown(&service, &file(0, "api.pem")).await?,
        "{}",
        service.log()
    );
    put(1)?;
    let started = Instant::now();
    while !is_shown(&service, &file(1, "api.pem")).await? {
        ensure!(started.elapsed() < DEADLINE, "{}", service.log());
    }
    // One that is broken changes nothing.
    std::fs::write(&certificate, "nothing")?;
    let started = Instant::now();
    while !service.log().contains("keeps its certificate") {
        ensure!(
            is_shown(&service, &file(1, "api.pem")).await?,
            "{}",
            service.log()
        );
        ensure!(started.elapsed() < DEADLINE, "{}", service.log());
    }
    ensure!(
        is_shown(&service, &file(1, "api.pem")).await?,
        "{}",
        service.log()
    );
    Ok(())
}
