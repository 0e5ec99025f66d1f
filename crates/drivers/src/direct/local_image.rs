//! Images that lie on this host (`file://`): served by the boot services' HTTP server under the
//! node's name, with the checksum that this host has computed.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use cupola_api::node::Node;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use url::Url;

use super::image;
use crate::crash_point::{CrashPoint, crash_point};
use crate::interface::{DriverError, Result};

/// An image that an agent can download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PublishedImage {
    /// Where.
    pub(super) url: String,
    /// SHA-256 of the file, hexadecimal.
    pub(super) sha256: String,
}

/// Publishes files of this host.
#[derive(Clone, Debug, Default)]
pub struct LocalImages {
    served: Option<Served>,
    checksums: Arc<Mutex<HashMap<PathBuf, Checksum>>>,
}

#[derive(Clone, Debug)]
struct Served {
    directory: PathBuf,
    base_url: String,
}

#[derive(Clone, Debug)]
struct Checksum {
    modified: Option<SystemTime>,
    size: u64,
    sha256: String,
}

impl LocalImages {
    /// Publishes below `directory`, which is served at `base_url` (such as `http://us:8088/images`).
    #[must_use]
    pub fn new(directory: PathBuf, base_url: &str) -> Self {
        Self {
            served: Some(Served {
                directory,
                base_url: base_url.trim_end_matches('/').to_owned(),
            }),
            checksums: Arc::default(),
        }
    }

    /// Whether the node's image, when it is a file of this host, can be read and served.
    ///
    /// # Errors
    /// Why not.
    pub(super) async fn check(&self, node: &Node) -> Result<()> {
        let Some(path) = file(node)? else {
            return Ok(());
        };
        if self.served.is_none() {
            return Err(DriverError::InvalidParameter(
                "image_source is a file of this host, and the boot services that would serve it \
                 do not run; enable them in the configuration, or give an http:// URL"
                    .to_owned(),
            ));
        }
        match tokio::fs::metadata(&path).await {
            Ok(found) if found.is_file() => Ok(()),
            Ok(_) => Err(DriverError::InvalidParameter(format!(
                "image_source {} is no regular file",
                path.display()
            ))),
            Err(error) => Err(DriverError::InvalidParameter(format!(
                "image_source {} cannot be read: {error}",
                path.display()
            ))),
        }
    }

    /// Publishes the node's image; `None` when it is not a file of this host.
    ///
    /// # Errors
    /// When the file cannot be read or published.
    pub(super) async fn publish(&self, node: &Node) -> Result<Option<PublishedImage>> {
        let (Some(path), Some(served)) = (file(node)?, &self.served) else {
            self.check(node).await?;
            return Ok(None);
        };
        let sha256 = self.checksum(&path).await?;
        let link = served.directory.join(node.uuid.to_string());
        let failed = |error: std::io::Error| {
            DriverError::Local(format!(
                "image {} cannot be published as {}: {error}",
                path.display(),
                link.display()
            ))
        };
        tokio::fs::create_dir_all(&served.directory)
            .await
            .map_err(failed)?;
        self.withdraw(node).await;
        tokio::fs::symlink(&path, &link).await.map_err(failed)?;
        crash_point(CrashPoint::ImagePublished);
        Ok(Some(PublishedImage {
            url: format!("{}/{}", served.base_url, node.uuid),
            sha256,
        }))
    }

    /// Takes the node's image back, if one is published.
    pub(super) async fn withdraw(&self, node: &Node) {
        if let Some(served) = &self.served {
            // Not there is what is wanted.
            let _ = tokio::fs::remove_file(served.directory.join(node.uuid.to_string())).await;
        }
    }

    /// The checksum of a file, computed once per version of it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn checksum(&self, path: &Path) -> Result<String> {
        let unreadable = |error: std::io::Error| {
            DriverError::Local(format!("image {} cannot be read: {error}", path.display()))
        };
        let metadata = tokio::fs::metadata(path).await.map_err(unreadable)?;
        let (modified, size) = (metadata.modified().ok(), metadata.len());
        if let Some(known) = self.checksums.lock().get(path)
            && known.modified == modified
            && known.size == size
        {
            return Ok(known.sha256.clone());
        }
        let owned = path.to_owned();
        let sha256 = tokio::task::spawn_blocking(move || sha256_of(&owned))
            .await
            .map_err(|error| DriverError::Local(error.to_string()))?
            .map_err(unreadable)?;
        let checksum = Checksum {
            modified,
            size,
            sha256: sha256.clone(),
        };
        self.checksums.lock().insert(path.to_owned(), checksum);
        Ok(sha256)
    }
}

/// The file, when the image is one of this host.
fn file(node: &Node) -> Result<Option<PathBuf>> {
    let source = image::source(node)?;
    Ok(Url::parse(source)
        .ok()
        .filter(|url| url.scheme() == "file")
        .and_then(|url| url.to_file_path().ok()))
}

fn sha256_of(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0_u8; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        match buffer.get(..read) {
            Some([]) | None => break,
            Some(bytes) => hasher.update(bytes),
        }
    }
    Ok(hex::encode(hasher.finalize()))
}
