//! TFTP with curl, busybox and a client of our own that misbehaves.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use cupola_drivers::boot::ContactKind;
use cupola_drivers::boot::contact::TftpFailure;
use cupola_drivers::boot::tftp::packet::{Options, Packet, Request, error_code};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::lab::{LOADER_BYTES, client, lab, lab_with, loader, loopback};

const PATIENCE: Duration = Duration::from_secs(10);

fn request(file: &str, options: Options) -> Vec<u8> {
    Packet::Read(Request {
        file: file.to_owned(),
        mode: "octet".to_owned(),
        options,
    })
    .to_vec()
}

async fn hear(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 70_000];
    let (length, from) = timeout(PATIENCE, socket.recv_from(&mut buffer))
        .await
        .unwrap()
        .unwrap();
    buffer.truncate(length);
    (buffer, from)
}

/// Fetches a file; acknowledges each window once, and loses every `lose`-th packet.
async fn fetch(
    socket: &UdpSocket,
    server: SocketAddr,
    file: &str,
    options: Options,
    lose: usize,
) -> Vec<u8> {
    socket
        .send_to(&request(file, options), server)
        .await
        .unwrap();
    let (mut content, mut have, mut since, mut heard) = (Vec::new(), 0_u16, 0, 0);
    let (mut block_size, mut window) = (512, 1);
    loop {
        let (datagram, from) = hear(socket).await;
        heard += 1;
        if lose != 0 && heard % lose == 0 {
            continue;
        }
        match Packet::decode(&datagram).unwrap() {
            Packet::OptionAck(granted) => {
                block_size = usize::from(granted.block_size.unwrap_or(512));
                window = granted.window_size.unwrap_or(1);
                since = window;
            }
            Packet::Data { block, data } if block == have.wrapping_add(1) => {
                have = block;
                since += 1;
                content.extend_from_slice(data);
                if data.len() < block_size {
                    let block = have;
                    socket
                        .send_to(&Packet::Ack { block }.to_vec(), from)
                        .await
                        .unwrap();
                    return content;
                }
            }
            Packet::Data { .. } => since = window,
            other => panic!("{other:?}"),
        }
        if since >= window {
            since = 0;
            let block = have;
            socket
                .send_to(&Packet::Ack { block }.to_vec(), from)
                .await
                .unwrap();
        }
    }
}

async fn anywhere() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

#[tokio::test]
async fn windows_and_losses_leave_the_file_whole() {
    let lab = lab().await;
    let server = lab.services.tftp_address().unwrap();
    for (block_size, window, lose) in [
        (Some(8), None, 0),
        (Some(1468), Some(4), 0),
        (Some(1428), Some(16), 7),
        (Some(65464), Some(65535), 11),
        (None, None, 50),
    ] {
        let options = Options {
            block_size,
            window_size: window,
            ..Options::default()
        };
        let socket = anywhere().await;
        let content = fetch(
            &socket,
            server,
            "/boot/02-00-00-00-00-01/kernel",
            options,
            lose,
        )
        .await;
        assert!(content == loader(), "{block_size:?} {window:?}");
    }
}

#[tokio::test]
async fn grub_is_led_to_the_nodes_configuration() {
    let lab = lab().await;
    let server = lab.services.tftp_address().unwrap();
    let get = async |file: &str| {
        let content = fetch(&anywhere().await, server, file, Options::default(), 0).await;
        String::from_utf8(content).unwrap()
    };
    assert!(
        get("grub/grub.cfg")
            .await
            .contains("/boot/$net_default_mac/grub.cfg")
    );
    let own = get("/boot/02:00:00:00:00:01/grub.cfg").await;
    assert!(
        own.contains("for device in '(tftp,127.0.0.1)'; do")
            && own.contains("linux $device/boot/02-00-00-00-00-01/kernel"),
        "{own}"
    );
    assert_eq!(own, get("/grub/grub.cfg-01-02-00-00-00-00-01").await);
    let disk = get("/boot/02:00:00:00:00:02/grub.cfg").await;
    assert!(disk.contains("chainloader"), "{disk}");
    // Enrolled, and not to be netbooted; not enrolled; no file of a node.
    for file in [
        "boot/02-00-00-00-00-02/kernel",
        "boot/02-00-00-00-00-03/grub.cfg",
        "boot/02-00-00-00-00-01/../../etc/passwd",
    ] {
        let socket = anywhere().await;
        let asked = request(file, Options::default());
        socket.send_to(&asked, server).await.unwrap();
        let (datagram, _) = hear(&socket).await;
        let Packet::Error { code, .. } = Packet::decode(&datagram).unwrap() else {
            panic!("{file}")
        };
        assert_eq!(code, error_code::FILE_NOT_FOUND, "{file}");
    }
}

#[tokio::test]
async fn answers_leave_from_the_address_that_was_asked() {
    let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
    let lab = lab_with(loopback(), any, Ipv4Addr::LOCALHOST).await;
    let port = lab.services.tftp_address().unwrap().port();
    for asked in [Ipv4Addr::new(127, 0, 0, 5), Ipv4Addr::new(127, 0, 0, 6)] {
        for file in ["undionly.kpxe", "none"] {
            let socket = anywhere().await;
            let request = request(file, Options::default());
            socket.send_to(&request, (asked, port)).await.unwrap();
            let (_, from) = hear(&socket).await;
            assert_eq!(from.ip(), asked, "{file}");
        }
    }
}

#[tokio::test]
async fn a_client_that_asks_for_something_else_gets_it_at_once() {
    let lab = lab().await;
    let server = lab.services.tftp_address().unwrap();
    let socket = anywhere().await;
    // The size probe of a ROM whose ERROR was lost, and then the real request from the same port.
    let probe = Options {
        transfer_size: Some(0),
        ..Options::default()
    };
    let asked = request("undionly.kpxe", probe);
    for _ in 0..2 {
        socket.send_to(&asked, server).await.unwrap();
    }
    let (datagram, _) = hear(&socket).await;
    let Packet::OptionAck(granted) = Packet::decode(&datagram).unwrap() else {
        panic!("{datagram:?}")
    };
    assert_eq!(granted.transfer_size, Some(LOADER_BYTES as u64));
    let started = std::time::Instant::now();
    let content = fetch(&socket, server, "undionly.kpxe", Options::default(), 0).await;
    assert!(content == loader());
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_transfer_under_way_is_told_when_the_service_stops() {
    let lab = lab().await;
    let socket = anywhere().await;
    let asked = request("undionly.kpxe", Options::default());
    let server = lab.services.tftp_address().unwrap();
    socket.send_to(&asked, server).await.unwrap();
    hear(&socket).await;
    timeout(PATIENCE, lab.services.stop()).await.unwrap();
    let (datagram, _) = hear(&socket).await;
    assert!(matches!(
        Packet::decode(&datagram),
        Ok(Packet::Error { .. })
    ));
    assert!(lab.contacts.kinds().iter().any(|kind| matches!(
        kind,
        ContactKind::TftpFailed {
            reason: TftpFailure::Cancelled,
            ..
        }
    )));
}

#[tokio::test]
async fn foreign_clients_fetch_the_loader_with_and_without_options() {
    let lab = lab().await;
    let server = lab.services.tftp_address().unwrap();
    let url = format!("tftp://{server}/undionly.kpxe");
    for extra in [&["--tftp-no-options"][..], &["--tftp-blksize", "1428"], &[]] {
        let mut arguments = vec!["-sS", "--max-time", "20", &url];
        arguments.extend_from_slice(extra);
        let Some(output) = client("curl", &arguments).await else {
            return;
        };
        assert!(output.status.success(), "{extra:?}: {output:?}");
        assert!(output.stdout == loader(), "{extra:?}: content differs");
    }
    let target = lab.files.path().join("fetched");
    let (host, port) = (server.ip().to_string(), server.port().to_string());
    let target_name = target.to_str().unwrap();
    for block in ["512", "1468", "8192"] {
        let arguments = [
            "tftp",
            "-g",
            "-b",
            block,
            "-r",
            "undionly.kpxe",
            "-l",
            target_name,
            &host,
            &port,
        ];
        let Some(output) = client("busybox", &arguments).await else {
            return;
        };
        assert!(output.status.success(), "{block}: {output:?}");
        assert!(
            std::fs::read(&target).unwrap() == loader(),
            "{block}: content differs"
        );
    }
    lab.services.stop().await;
    let done = lab.contacts.kinds().into_iter().filter(
        |kind| matches!(kind, ContactKind::TftpDone { bytes, .. } if *bytes == LOADER_BYTES as u64),
    );
    assert_eq!(done.count(), 6);
}

#[tokio::test]
async fn what_is_not_a_loader_is_refused_in_words() {
    let lab = lab().await;
    let server = lab.services.tftp_address().unwrap();
    let missing = format!("tftp://{server}/%2e%2e/etc/passwd");
    let Some(output) = client("curl", &["-sS", "--max-time", "20", &missing]).await else {
        return;
    };
    // 68: TFTP, file not found.
    assert_eq!(output.status.code(), Some(68), "{output:?}");
    let target = format!("tftp://{server}/undionly.kpxe");
    let own = std::env::current_exe().unwrap();
    let upload = [
        "-sS",
        "--max-time",
        "20",
        "-T",
        own.to_str().unwrap(),
        &target,
    ];
    let Some(output) = client("curl", &upload).await else {
        return;
    };
    assert!(!output.status.success(), "{output:?}");
    lab.services.stop().await;
    let reasons: Vec<_> = lab
        .contacts
        .kinds()
        .into_iter()
        .filter_map(|kind| match kind {
            ContactKind::TftpFailed { reason, .. } => Some(reason),
            _ => None,
        })
        .collect();
    let read_only = TftpFailure::Refused {
        reason: "this server is read-only",
    };
    assert_eq!(reasons, [TftpFailure::NotFound, read_only]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_clients_at_once() {
    let lab = lab().await;
    let url = format!(
        "tftp://{}/snponly.efi",
        lab.services.tftp_address().unwrap()
    );
    let clients = (0..40).map(|_| {
        let url = url.clone();
        tokio::spawn(async move { client("curl", &["-sS", "--max-time", "25", &url]).await })
    });
    for client in clients.collect::<Vec<_>>() {
        let Some(output) = client.await.unwrap() else {
            return;
        };
        assert!(
            output.status.success() && output.stdout == loader(),
            "{:?}",
            output.stderr
        );
    }
    assert_eq!(lab.services.dropped(), 0);
}
