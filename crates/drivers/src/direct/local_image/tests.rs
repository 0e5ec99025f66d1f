//! Files of this host against the checksums that users give.

use super::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A directory to serve, and an image in it.
fn images(content: &[u8]) -> (tempfile::TempDir, LocalImages, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("os.raw");
    std::fs::write(&path, content).unwrap();
    let images = LocalImages::new(directory.path().join("nodes"), "http://us/images");
    (directory, images, path)
}

fn node(path: &Path, more: &Value) -> Node {
    let mut info = more.as_object().cloned().unwrap();
    info.insert(
        "image_source".to_owned(),
        json!(format!("file://{}", path.display())),
    );
    Node {
        instance_info: info,
        ..Node::default()
    }
}

#[tokio::test]
async fn a_file_with_another_checksum_than_the_given_one_is_not_published() {
    let (directory, images, path) = images(b"image");
    let actual = hex::encode(Sha256::digest(b"image"));
    for given in [
        json!({"image_os_hash_algo": "sha256", "image_os_hash_value": ZEROS}),
        json!({"image_checksum": ZEROS}),
    ] {
        let node = node(&path, &given);
        let error = images.publish(&node).await.unwrap_err().to_string();
        for named in [ZEROS, &actual, "os.raw"] {
            assert!(error.contains(named), "{error}");
        }
        let link = directory.path().join("nodes").join(node.uuid.to_string());
        assert!(!link.exists());
    }
}

#[tokio::test]
async fn a_file_with_the_given_checksum_is_published_with_it() {
    let (_directory, images, path) = images(b"image");
    let sha256 = hex::encode(Sha256::digest(b"image"));
    let sha512 = hex::encode(sha2::Sha512::digest(b"image"));
    let md5 = hex::encode(md5::Md5::digest(b"image").as_slice());
    for (given, algorithm, checksum) in [
        (json!({}), ChecksumAlgorithm::Sha256, &sha256),
        (
            json!({"image_os_hash_algo": "sha256", "image_os_hash_value": sha256.to_uppercase()}),
            ChecksumAlgorithm::Sha256,
            &sha256,
        ),
        (
            json!({"image_os_hash_algo": "sha512", "image_os_hash_value": sha512}),
            ChecksumAlgorithm::Sha512,
            &sha512,
        ),
        (
            json!({"image_checksum": md5}),
            ChecksumAlgorithm::Sha256,
            &sha256,
        ),
    ] {
        let published = images.publish(&node(&path, &given)).await.unwrap().unwrap();
        assert_eq!(
            (published.algorithm, &published.checksum),
            (algorithm, checksum),
            "{given}"
        );
    }
}

#[tokio::test]
async fn a_checksum_file_may_be_one_of_this_host() {
    let (directory, images, path) = images(b"image");
    let sums = directory.path().join("SHA256SUMS");
    let sha256 = hex::encode(Sha256::digest(b"image"));
    std::fs::write(&sums, format!("{ZEROS}  other.raw\n{sha256}  ./os.raw\n")).unwrap();
    let given = |path: &Path| json!({"image_checksum": format!("file://{}", path.display())});
    let published = images.publish(&node(&path, &given(&sums))).await;
    assert_eq!(published.unwrap().unwrap().checksum, sha256);

    let large = directory.path().join("large");
    std::fs::File::create(&large)
        .unwrap()
        .set_len(2 << 20)
        .unwrap();
    for (file, reason) in [
        (path.as_path(), "has no checksum for os.raw"),
        (&directory.path().join("missing"), "cannot be read"),
        (directory.path(), "is no regular file"),
        (&large, "larger than 1 MiB"),
        (Path::new("elsewhere/sums"), "is on another host"),
    ] {
        let error = images.publish(&node(&path, &given(file))).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }

    // An agent that downloads the image itself could not read it.
    let mut web = node(&path, &given(&sums));
    let source = json!("http://192.0.2.1/os.raw");
    web.instance_info.insert("image_source".to_owned(), source);
    for refused in [
        images.check(&web).await,
        images.publish(&web).await.map(drop),
    ] {
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("image_download_source to local"), "{error}");
    }
}

#[tokio::test]
async fn a_checksum_that_is_none_is_refused() {
    let (_directory, images, path) = images(b"image");
    for given in [
        json!({"image_os_hash_algo": "sha256", "image_os_hash_value": "00"}),
        json!({"image_os_hash_algo": "crc32", "image_os_hash_value": "00000000"}),
        json!({"image_checksum": "no checksum"}),
        json!({"image_os_hash_value": ZEROS}),
        json!({"image_os_hash_algo": "sha256"}),
    ] {
        assert!(
            images.publish(&node(&path, &given)).await.is_err(),
            "{given}"
        );
    }
}

#[tokio::test]
async fn a_file_that_changes_is_read_again() {
    let (_directory, images, path) = images(b"image");
    let given = json!({"image_checksum": hex::encode(Sha256::digest(b"image"))});
    let node = node(&path, &given);
    images.publish(&node).await.unwrap();
    std::fs::write(&path, b"another image").unwrap();
    assert!(images.publish(&node).await.is_err());
}
