//! A machine's serial console as a person uses it: the pane of the console and `cupola serial`, on a
//! pseudo-terminal, over a service and a simulated machine that boots, is deployed and shows a login.
#![allow(
    clippy::unwrap_used,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test"
)]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cupola_api::client::Client;
use cupola_api::client::remote::RemoteTransport;
use cupola_api::id::NodeIdent;
use cupola_api::resource::ProvisionRequest;
use cupola_api::{PowerTarget, ProvisionState};
use cupola_rack::machine::MachineSpec;
use cupola_rack::virtual_rack::VirtualRack;
use cupola_tests::pty::Terminal;
use cupola_tests::serve::Serve;
use cupola_tests::sim::{self, Ports};
use cupola_tests::{binary, node_life};
use serde_json::json;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

const DEADLINE: Duration = Duration::from_secs(90);

/// A service and one machine, whose node has been deployed.
struct Room {
    cupola: PathBuf,
    client: Client,
    node: NodeIdent,
    service: Serve,
    rack: VirtualRack,
    _state: TempDir,
}

async fn room() -> Result<Room> {
    let state = TempDir::new()?;
    let ports = Ports::free()?;
    let image = sim::image(state.path(), 16)?;
    let service = ports.serve(state.path())?;
    let rack = ports.rack(state.path(), vec![MachineSpec::demo(1)]).await?;
    let client = Client::new(RemoteTransport::new(service.url())?);
    let machine = rack.machines().first().context("a machine")?;
    let node = sim::enrol(&client, &rack, machine).await?;
    for (verb, goal) in [
        ("manage", ProvisionState::Manageable),
        ("provide", ProvisionState::Available),
    ] {
        node_life::verb(&client, &node, verb).await?;
        node_life::reach(&client, &node, goal, DEADLINE).await?;
    }
    node_life::choose_image(&client, &node, &image).await?;
    let request = ProvisionRequest {
        target: "active".to_owned(),
        configdrive: Some(json!({ "meta_data": { "hostname": "web-7" } })),
        ..ProvisionRequest::default()
    };
    client.provision(&node, &request).await?;
    node_life::reach(&client, &node, ProvisionState::Active, DEADLINE).await?;
    tokio::time::timeout(DEADLINE, machine.machine.screen().wait_for("login:")).await?;
    Ok(Room {
        cupola: binary::cupola()?,
        client,
        node,
        service,
        rack,
        _state: state,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_is_watched_typed_into_and_left() -> Result<()> {
    let room = room().await?;
    let url = room.service.url().to_owned();
    let cupola = room.cupola.clone();
    let console = spawn_blocking(move || -> Result<Terminal> {
        let mut console = Terminal::run(&cupola, &["--api", &url], (80, 24))?;
        console.wait_for("active")?;
        console.press("c")?;
        console.wait("the pane", |s| {
            s.contains("serial ") && s.contains("connected")
        })?;
        Ok(console)
    })
    .await??;

    // The machine boots while it is watched.
    room.client.power(&room.node, PowerTarget::Reboot).await?;
    let console = spawn_blocking(move || -> Result<Terminal> {
        let mut console = console;
        console.wait("the next boot", |s| s.matches("web-7 login:").count() >= 2)?;
        // What is typed is echoed by the machine; Ctrl-C is the machine's as well.
        console.press("root\x03\r")?;
        console.wait("the machine's answer", |s| {
            s.contains("login: root") && s.contains("Login incorrect")
        })?;
        console.press("\x1db")?;
        console.wait_for("sysrq: HELP")?;
        // Back to what has scrolled away, and to a text in it.
        for _ in 0..30 {
            console.press("\r")?;
        }
        console.wait("the boot has scrolled away", |s| !s.contains("sysrq"))?;
        console.press("\x1b[5~")?;
        console.wait_for("up]")?;
        console.press("/sysrq\r")?;
        console.wait_for("sysrq: HELP")?;
        console.press("x")?;
        console.wait_for("not typed")?;
        console.press("\x1b")?;
        console.wait("the end", |s| !s.contains("up]"))?;
        // A smaller terminal, and back.
        console.resize(50, 12)?;
        console.wait_for("login:")?;
        console.resize(80, 24)?;
        console.wait_for("login:")?;
        console.press("\x1dd")?;
        console.wait_for("POWER")?;
        Ok(console)
    })
    .await??;

    // The deploy was recorded, and its recording opens in the same pane.
    let mut console = console;
    spawn_blocking(move || -> Result<()> {
        console.press("\r4")?;
        console.wait("the recordings", |s| {
            s.contains("deploy   console") && s.contains("clean    console")
        })?;
        console.press("\r")?;
        console.wait_for("recording ")?;
        console.press("g")?;
        console.wait("the ramdisk's boot", |s| {
            s.contains("PXE") || s.contains("iPXE")
        })?;
        console.press("\x1b")?;
        console.wait_for("Logs of its ramdisks")?;
        console.press("\x1b")?;
        console.leave()?;
        Ok(())
    })
    .await??;
    drop(room.rack);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_attaches_and_gives_the_terminal_back() -> Result<()> {
    let room = room().await?;
    let url = room.service.url().to_owned();
    let cupola = room.cupola.clone();
    let name = room
        .client
        .node(&room.node)
        .await?
        .name
        .context("it has a name")?;
    spawn_blocking(move || -> Result<()> {
        let mut first = Terminal::run(&cupola, &["--api", &url, "serial", &name], (80, 24))?;
        first.wait_for("web-7 login:")?;
        first.press("root\r")?;
        first.wait_for("Login incorrect")?;
        // A second one shares it, and both are told.
        let mut second = Terminal::run(&cupola, &["--api", &url, "serial", &name], (80, 24))?;
        second.wait_for("Login incorrect")?;
        first.wait_for("connected, 1 more here")?;
        second.press("\r~b")?;
        first.wait_for("sysrq: HELP")?;
        second.press("\r~.")?;
        ensure!(second.ended()?.success());
        ensure!(second.is_restored());
        first.press("\x1d")?;
        ensure!(first.ended()?.success());
        ensure!(first.is_restored());
        Ok(())
    })
    .await??;
    drop(room.rack);
    Ok(())
}
