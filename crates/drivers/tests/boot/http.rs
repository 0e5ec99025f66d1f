//! HTTP with curl.

use std::time::Duration;

use cupola_drivers::boot::ContactKind;

use super::lab::{client, lab, loader};

/// Status code and body.
async fn get(arguments: &[&str]) -> Option<(String, Vec<u8>)> {
    let mut all = vec![
        "-sS",
        "--max-time",
        "20",
        "--path-as-is",
        "-w",
        "%{stderr}%{http_code}",
    ];
    all.extend_from_slice(arguments);
    let output = client("curl", &all).await?;
    Some((String::from_utf8(output.stderr).unwrap(), output.stdout))
}

#[tokio::test]
async fn scripts_kernels_loaders_and_images_are_served() {
    let lab = lab().await;
    let base = lab.services.http_url().as_str();
    let url = |path: &str| format!("{base}{path}");
    for (path, status) in [
        ("boot/02-00-00-00-00-01/script.ipxe", "200"),
        ("boot/02:00:00:00:00:02/script.ipxe", "200"),
        ("boot/02-00-00-00-00-03/script.ipxe", "404"),
        ("boot/02-00-00-00-00-01/kernel", "200"),
        ("boot/02-00-00-00-00-02/kernel", "404"),
        ("boot/02-00-00-00-00-01/passwd", "404"),
        ("boot/nonsense/kernel", "404"),
        ("loaders/ipxe.efi", "200"),
        ("loaders/..%2fetc%2fpasswd", "404"),
        ("images/kernel", "200"),
        ("images/../../etc/passwd", "404"),
        ("images/%2e%2e/%2e%2e/etc/passwd", "404"),
    ] {
        let Some((got, _)) = get(&[&url(path)]).await else {
            return;
        };
        assert_eq!(got, status, "{path}");
    }
    let Some((status, part)) = get(&["-r", "1000-1999", &url("images/kernel")]).await else {
        return;
    };
    assert_eq!((status.as_str(), &part[..]), ("206", &loader()[1000..2000]));
}

#[tokio::test]
async fn a_download_that_breaks_off_is_seen_as_such() {
    let lab = lab().await;
    let large = lab.files.path().join("large");
    std::fs::write(&large, vec![0; 64 << 20]).unwrap();
    let url = format!("{}images/large", lab.services.http_url());
    let slow = [
        "-sS",
        "--limit-rate",
        "100k",
        "--max-time",
        "0.5",
        "-o",
        "/dev/null",
        &url,
    ];
    if client("curl", &slow).await.is_none() {
        return;
    }
    let ended = async {
        loop {
            let ended = lab
                .contacts
                .kinds()
                .into_iter()
                .find_map(|kind| match kind {
                    ContactKind::HttpDone {
                        bytes, complete, ..
                    } => Some((bytes, complete)),
                    _ => None,
                });
            match ended {
                Some(ended) => return ended,
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    let (bytes, complete) = tokio::time::timeout(Duration::from_secs(10), ended)
        .await
        .unwrap();
    assert!(!complete && bytes < 64 << 20, "{bytes} {complete}");
}
