//! The serial console of a foreign BMC through the whole service: followed, typed into, shared,
//! taken up where it broke, and given back.
#![allow(
    clippy::unwrap_used,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test"
)]

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use cupola_api::client::Client;
use cupola_api::client::remote::RemoteTransport;
use cupola_api::id::NodeIdent;
use cupola_api::serial::{Characters, SerialCursor, SerialItem, SerialLink, SerialSend};
use cupola_drivers::ipmi::{IpmiConfig, IpmiFault, IpmiHub};
use cupola_tests::ipmi::{ForeignBmc, OwnBmc, PASSWORD, USER};
use cupola_tests::serve::Serve;
use cupola_tests::skip::skipped;
use futures_util::StreamExt;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(30);

async fn enrol(client: &Client, port: u16, password: &str) -> Result<NodeIdent> {
    let body = json!({
        "name": "n1",
        "driver": "ipmi",
        "driver_info": {
            "ipmi_address": "127.0.0.1",
            "ipmi_port": port,
            "ipmi_username": USER,
            "ipmi_password": password,
        },
    });
    Ok(NodeIdent::Id(client.create_node(&body).await?.uuid))
}

type Items =
    futures_util::stream::BoxStream<'static, Result<SerialItem, cupola_api::client::ClientError>>;

/// Reads until the text has come; the place behind it.
async fn read(items: &mut Items, text: &[u8]) -> Result<SerialCursor> {
    let mut come = Vec::new();
    let reading = async {
        while let Some(item) = items.next().await {
            match item? {
                SerialItem::Output {
                    next, characters, ..
                } => {
                    come.extend(characters);
                    if come == text {
                        return Ok(next);
                    }
                    ensure!(
                        text.starts_with(&come),
                        "{:?}",
                        String::from_utf8_lossy(&come)
                    );
                }
                SerialItem::Missed { .. } | SerialItem::Signal { .. } => bail!("not this"),
                SerialItem::State(_) => {}
                SerialItem::End(reason) => bail!("{reason}"),
            }
        }
        bail!("the stream has ended")
    };
    let read = timeout(LIMIT, reading).await;
    read.with_context(|| format!("{:?} does not come", String::from_utf8_lossy(text)))?
}

async fn connected(items: &mut Items) -> Result<()> {
    let mut last = None;
    let waiting = async {
        while let Some(item) = items.next().await {
            if let SerialItem::State(state) = item? {
                if state.link == SerialLink::Connected {
                    return Ok(());
                }
                last = Some(state.link);
            }
        }
        bail!("the stream has ended")
    };
    let waited = timeout(LIMIT, waiting).await;
    waited.with_context(|| format!("not connected, at last {last:?}"))?
}

fn typed(text: &[u8]) -> SerialSend {
    SerialSend {
        data: Some(Characters(text.to_vec())),
        send_break: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_bmc_is_followed_typed_into_and_taken_up_again() -> Result<()> {
    if !Path::new("/usr/bin/ipmi_sim").exists() {
        skipped(
            "a_foreign_bmc_is_followed_typed_into_and_taken_up_again",
            "ipmi_sim (Debian package openipmi) is not installed",
        );
        return Ok(());
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let bmc = ForeignBmc::start_with_serial(listener.local_addr()?).await?;
    let state = TempDir::new()?;
    let service = Serve::start(state.path(), &[])?;
    let client = Client::new(RemoteTransport::new(service.url())?);
    let node = enrol(&client, bmc.address.port(), "password").await?;

    let mut items = client.serial(&node, None, false).await?;
    connected(&mut items).await.with_context(|| bmc.log())?;
    let (mut machine, _) = timeout(LIMIT, listener.accept())
        .await
        .context("the BMC does not come for the machine's port")??;
    client.serial_send(&node, &typed(b"root\r")).await?;
    let mut heard = [0; 5];
    timeout(LIMIT, machine.read_exact(&mut heard))
        .await
        .context("nothing is heard")??;
    ensure!(&heard == b"root\r", "{heard:?}");
    machine.write_all(b"Debian GNU/Linux 13\r\n").await?;
    let place = read(&mut items, b"Debian GNU/Linux 13\r\n").await?;

    // The stream is taken up behind the place, without a second payload at the BMC.
    drop(items);
    machine.write_all(b"Password: ").await?;
    let mut items = client.serial(&node, Some(place), false).await?;
    read(&mut items, b"Password: ").await?;
    // Who comes later gets everything.
    let mut other = client.serial(&node, None, false).await?;
    read(&mut other, b"Debian GNU/Linux 13\r\nPassword: ").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_is_refused_shared_and_given_back() -> Result<()> {
    let bmc = OwnBmc::start(Duration::ZERO, |_| {}).await?;
    let hub = IpmiHub::new(IpmiConfig::default())?;
    let outside = hub.client(bmc.target());
    outside
        .set_power(cupola_api::PowerTarget::On, &Default::default())
        .await?;
    let state = TempDir::new()?;
    let service = Serve::start(state.path(), &[])?;
    let client = Client::new(RemoteTransport::new(service.url())?);
    let node = enrol(&client, bmc.address.port(), PASSWORD).await?;

    // Nobody follows: there is nothing to type into.
    let refused = client.serial_send(&node, &typed(b"x")).await.unwrap_err();
    ensure!(refused.status() == Some(409), "{refused}");

    // Somebody else has it, until it is taken over.
    let taken = outside.serial_console(false).await?;
    let mut items = client.serial(&node, None, false).await?;
    let in_use = async {
        while let Some(item) = items.next().await {
            if let SerialItem::State(state) = item?
                && let SerialLink::Waiting { in_use, why, .. } = state.link
            {
                ensure!(in_use && why.contains("in use"), "{why}");
                return Ok(());
            }
        }
        bail!("the stream has ended")
    };
    timeout(LIMIT, in_use).await??;
    let mut over = client.serial(&node, None, true).await?;
    connected(&mut over).await?;
    connected(&mut items).await?;
    bmc.serial.write(b"hello");
    read(&mut items, b"hello").await?;
    read(&mut over, b"hello").await?;
    drop(taken);

    // The last one who leaves gives it back to the BMC.
    drop((items, over));
    let free = async {
        loop {
            match outside.serial_console(false).await {
                Ok(console) => return Ok(console),
                Err(error) if matches!(error.fault(), IpmiFault::SerialInUse) => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) => bail!("{error}"),
            }
        }
    };
    timeout(LIMIT, free).await??;
    Ok(())
}
