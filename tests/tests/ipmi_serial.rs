//! Serial-over-LAN: our client on our BMC and on OpenIPMI's, ipmitool on our BMC.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that is wrong"
)]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use cupola_drivers::ipmi::{IpmiConfig, IpmiFault, IpmiHub, SerialConsole, SerialEvent};
use cupola_rack::bmc::Faults;
use cupola_tests::ipmi::{ForeignBmc, OwnBmc, PASSWORD, USER};
use cupola_tests::pty::Terminal;
use cupola_tests::skip::skipped;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(20);

fn hub() -> IpmiHub {
    IpmiHub::new(IpmiConfig {
        deadline: Duration::from_secs(5),
        retransmit_first: Duration::from_millis(50),
        ..IpmiConfig::default()
    })
    .unwrap()
}

/// A BMC whose machine is on.
async fn bmc() -> OwnBmc {
    let bmc = OwnBmc::start(Duration::ZERO, |_| {}).await.unwrap();
    let client = hub().client(bmc.target());
    client
        .set_power(cupola_api::PowerTarget::On, &Default::default())
        .await
        .unwrap();
    bmc
}

/// Reads until so many characters have come.
async fn read(console: &mut SerialConsole, count: usize) -> Vec<u8> {
    let mut text = Vec::new();
    while text.len() < count {
        match timeout(LIMIT, console.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap()
        {
            SerialEvent::Characters(characters) => text.extend(characters),
            other => unreachable!("{other:?} instead of characters"),
        }
    }
    text
}

/// More packets each way than there are sequence numbers, one in five lost.
#[tokio::test]
async fn nothing_is_lost_or_doubled_on_a_bad_network() {
    let mut bmc = bmc().await;
    let mut console = hub()
        .client(bmc.target())
        .serial_console(false)
        .await
        .unwrap();
    *bmc.bmc.faults() = Faults {
        loss: 0.2,
        ..Faults::default()
    };
    let lines: Vec<String> = (0..40)
        .map(|n| format!("line {n} of the boot\r\n"))
        .collect();
    let input = console.input();
    let typing = tokio::spawn(async move {
        for n in 0..40 {
            assert!(input.send(format!("{n},").into_bytes()).await);
        }
    });
    for line in &lines {
        bmc.serial.write(line.as_bytes());
    }
    let want = lines.concat();
    assert_eq!(read(&mut console, want.len()).await, want.as_bytes());
    timeout(LIMIT, typing).await.unwrap().unwrap();
    let want: String = (0..40).map(|n| format!("{n},")).collect();
    let mut typed = Vec::new();
    while typed.len() < want.len() {
        typed.extend(timeout(LIMIT, bmc.typed.recv()).await.unwrap().unwrap());
    }
    assert_eq!(typed, want.as_bytes());
}

#[tokio::test]
async fn a_console_in_use_is_refused_and_can_be_taken_over() {
    let bmc = bmc().await;
    let mut first = hub()
        .client(bmc.target())
        .serial_console(false)
        .await
        .unwrap();
    let hub = hub();
    let client = hub.client(bmc.target());
    let refused = client.serial_console(false).await.unwrap_err();
    assert!(
        matches!(refused.fault(), IpmiFault::SerialInUse),
        "{refused}"
    );
    assert!(refused.to_string().contains("take it over"), "{refused}");
    let mut second = client.serial_console(true).await.unwrap();
    bmc.serial.write(b"hello");
    assert_eq!(read(&mut second, 5).await, b"hello");
    drop(second);
    // What is dropped is free for the next one, at the latest when its farewell has come.
    let freed = async {
        while client.serial_console(false).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LIMIT, freed).await.unwrap();
    assert!(first.input().send(b"x".to_vec()).await || first.next().await.is_some());
}

#[tokio::test]
async fn a_machine_that_is_off_says_that_it_takes_nothing() {
    let bmc = OwnBmc::start(Duration::ZERO, |_| {}).await.unwrap();
    let mut console = hub()
        .client(bmc.target())
        .serial_console(false)
        .await
        .unwrap();
    assert!(console.input().send(b"root\r".to_vec()).await);
    let event = timeout(LIMIT, console.next()).await.unwrap().unwrap();
    assert_eq!(event.unwrap(), SerialEvent::Refused);
}

#[tokio::test]
async fn ipmitool_sees_the_console_of_our_bmc_and_types_into_it() {
    let ipmitool = Path::new("/usr/bin/ipmitool");
    if !ipmitool.exists() {
        return skipped(
            "ipmitool_sees_the_console_of_our_bmc_and_types_into_it",
            "ipmitool is not installed",
        );
    }
    let mut bmc = bmc().await;
    let port = bmc.address.port().to_string();
    let arguments = [
        "-I",
        "lanplus",
        "-C",
        "17",
        "-H",
        "127.0.0.1",
        "-p",
        &port,
        "-U",
        USER,
        "-P",
        PASSWORD,
        "sol",
        "activate",
    ];
    let mut terminal = Terminal::run(ipmitool, &arguments, (80, 24)).unwrap();
    let (terminal, shown) = tokio::task::spawn_blocking(move || {
        let shown = terminal.wait_for("SOL Session operational");
        terminal.press("root\r").unwrap();
        (terminal, shown)
    })
    .await
    .unwrap();
    shown.unwrap();
    let mut typed = Vec::new();
    while typed.len() < 5 {
        typed.extend(timeout(LIMIT, bmc.typed.recv()).await.unwrap().unwrap());
    }
    // ipmitool makes its terminal raw a moment after it says that it is ready.
    assert_eq!(typed.trim_ascii_end(), b"root");
    bmc.serial.write(b"Debian GNU/Linux 12 rack1 ttyS0\r\n");
    tokio::task::spawn_blocking(move || {
        let mut terminal = terminal;
        terminal.wait_for("Debian GNU/Linux 12 rack1").unwrap();
        // Its escape: gives the console back.
        terminal.press("~.").unwrap();
        terminal.ended().unwrap();
    })
    .await
    .unwrap();
    hub()
        .client(bmc.target())
        .serial_console(false)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_foreign_bmc_carries_more_messages_than_there_are_numbers() {
    if !Path::new("/usr/bin/ipmi_sim").exists() {
        return skipped(
            "a_foreign_bmc_carries_more_messages_than_there_are_numbers",
            "ipmi_sim (Debian package openipmi) is not installed",
        );
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let machine: SocketAddr = listener.local_addr().unwrap();
    let bmc = ForeignBmc::start_with_serial(machine).await.unwrap();
    let client = hub().client(bmc.target());
    let opened = async {
        loop {
            match client.serial_console(true).await {
                Ok(console) => return console,
                // It may not listen yet.
                Err(error) => assert!(error.is_temporary(), "{error}\n{}", bmc.log()),
            }
        }
    };
    let mut console = timeout(LIMIT, opened).await.unwrap();
    let (mut serial, _) = timeout(LIMIT, listener.accept()).await.unwrap().unwrap();
    let input = console.input();
    for n in 0..40_u8 {
        let text = format!("message {n}\r\n");
        assert!(input.send(text.clone().into_bytes()).await);
        let mut heard = vec![0; text.len()];
        timeout(LIMIT, serial.read_exact(&mut heard))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(heard, text.as_bytes());
        serial.write_all(&heard).await.unwrap();
        assert_eq!(read(&mut console, text.len()).await, text.as_bytes());
    }
}
