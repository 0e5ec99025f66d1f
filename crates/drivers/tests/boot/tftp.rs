//! TFTP with curl and busybox.

use cupola_drivers::boot::ContactKind;
use cupola_drivers::boot::contact::TftpFailure;

use super::lab::{LOADER_BYTES, client, lab, loader};

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
