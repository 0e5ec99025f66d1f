//! HTTP with curl.

use std::net::Ipv4Addr;
use std::time::Duration;

use cupola_drivers::boot::ContactKind;

use super::lab::{ANY, NETBOOTS, client, lab, lab_with, loader};

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
async fn without_dhcp_of_ours_a_machine_is_known_from_its_script_on() {
    let lab = lab_with(None, ANY, Ipv4Addr::LOCALHOST).await;
    let base = lab.services.http_url().as_str();
    for path in [
        "boot/02-00-00-00-00-01/script.ipxe",
        "boot/02-00-00-00-00-01/kernel",
        "images/kernel",
    ] {
        let Some((status, _)) = get(&[&format!("{base}{path}")]).await else {
            return;
        };
        assert_eq!(status, "200", "{path}");
    }
    let contacts = lab.contacts.0.lock();
    let later = contacts.iter().filter(|contact| match &contact.kind {
        ContactKind::HttpStarted { path } | ContactKind::HttpDone { path, .. } => {
            path.ends_with("/kernel")
        }
        _ => false,
    });
    let of: Vec<_> = later.map(|contact| (contact.node, contact.mac)).collect();
    assert!(of.len() >= 2, "{contacts:?}");
    for (node, mac) in of {
        assert!(node.is_some(), "{contacts:?}");
        assert_eq!(mac, Some(NETBOOTS));
    }
}

#[tokio::test]
async fn conditions_and_ranges_as_http_has_them() {
    let lab = lab().await;
    let url = format!("{}images/kernel", lab.services.http_url());
    let Some(output) = client("curl", &["-sSI", "--max-time", "20", &url]).await else {
        return;
    };
    let head = String::from_utf8(output.stdout).unwrap();
    let field = |name: &str| {
        let mut fields = head.lines().filter_map(|line| line.split_once(": "));
        let (_, value) = fields.find(|it| it.0.eq_ignore_ascii_case(name)).unwrap();
        value.trim().to_owned()
    };
    assert_eq!(field("content-length"), loader().len().to_string());
    assert_eq!(field("accept-ranges"), "bytes");
    let (tag, date) = (field("etag"), field("last-modified"));
    let whole = loader();
    let part = &whole[1000..2000];
    for (headers, status, body) in [
        (vec![format!("If-Range: {tag}")], "206", part),
        (vec!["If-Range: \"older\"".to_owned()], "200", &whole[..]),
        (
            vec!["If-Range: Sun, 06 Nov 1994 08:49:37 GMT".to_owned()],
            "200",
            &whole[..],
        ),
        (vec![format!("If-None-Match: {tag}")], "304", &[][..]),
        (vec![format!("If-Modified-Since: {date}")], "304", &[][..]),
        (vec!["If-Match: \"older\"".to_owned()], "412", &[][..]),
    ] {
        let mut arguments = vec!["-r", "1000-1999"];
        for header in &headers {
            arguments.extend(["-H", header]);
        }
        arguments.push(&url);
        let (got, content) = get(&arguments).await.unwrap();
        assert_eq!(got, status, "{headers:?}");
        assert!(content == body, "{headers:?}: content differs");
    }
    let (status, _) = get(&["-r", "100000-", &url]).await.unwrap();
    assert_eq!(status, "416");
    // Two requests, one connection.
    let null = "/dev/null";
    let arguments = [
        "-sS",
        "-w",
        "%{num_connects} ",
        "-o",
        null,
        &url,
        "-o",
        null,
        &url,
    ];
    let twice = client("curl", &arguments).await.unwrap();
    assert_eq!(String::from_utf8(twice.stdout).unwrap().trim(), "1 0");
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
