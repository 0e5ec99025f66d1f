//! Images that this host serves to agents, by the boot services' HTTP server under the node's name:
//! those that lie here (`file://`), with the checksum that this host has computed, and those of the
//! web that it keeps for them (`image_download_source` `local`).

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use cupola_api::agent::{Checksum, ChecksumAlgorithm};
use cupola_api::node::Node;
use parking_lot::Mutex;
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use super::image::{self, DownloadSource};
use crate::crash_point::{CrashPoint, crash_point};
use crate::image_cache::{ImageCache, RemoteFile};
use crate::interface::{DriverError, Result};

/// As what images are pinned in the cache.
const ROLE: &str = "image";

/// An image that an agent can download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PublishedImage {
    /// Where.
    pub(super) url: String,
    /// How it is checked.
    pub(super) algorithm: ChecksumAlgorithm,
    /// The file's checksum, hexadecimal.
    pub(super) checksum: String,
}

/// Publishes files of this host.
#[derive(Clone, Debug, Default)]
pub struct LocalImages {
    served: Option<Served>,
    checksums: Arc<Mutex<HashMap<PathBuf, KnownChecksum>>>,
    cache: Option<ImageCache>,
    source: DownloadSource,
}

#[derive(Clone, Debug)]
struct Served {
    directory: PathBuf,
    base_url: String,
}

#[derive(Clone, Debug)]
struct KnownChecksum {
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
            cache: None,
            source: DownloadSource::default(),
        }
    }

    /// Serves images of the web too, out of this cache; `source` is what nodes do that do not say.
    #[must_use]
    pub fn with_cache(mut self, cache: Option<ImageCache>, source: DownloadSource) -> Self {
        self.cache = cache;
        self.source = source;
        self
    }

    /// The cache, when the node's image shall come from it.
    fn cache_for(&self, node: &Node) -> Result<Option<&ImageCache>> {
        match image::download_source(node, self.source)? {
            DownloadSource::Http => Ok(None),
            DownloadSource::Local => match &self.cache {
                Some(cache) => Ok(Some(cache)),
                None => Err(DriverError::InvalidParameter(
                    "image_download_source is local, and the boot services that would serve the \
                     image do not run; enable them in the configuration, or set it to http"
                        .to_owned(),
                )),
            },
        }
    }

    /// Whether the node's image, when it is a file of this host, can be read and served.
    ///
    /// # Errors
    /// Why not.
    pub(super) async fn check(&self, node: &Node) -> Result<()> {
        let Some(path) = file(node)? else {
            return self.cache_for(node).map(drop);
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

    /// Publishes the node's image; `None` when the agent shall download it from where it is.
    ///
    /// # Errors
    /// When the file cannot be read, downloaded or published.
    pub(super) async fn publish(&self, node: &Node) -> Result<Option<PublishedImage>> {
        let Some(served) = &self.served else {
            self.check(node).await?;
            return Ok(None);
        };
        if let Some(path) = file(node)? {
            let checksum = self.checksum(&path).await?;
            let url = served.link(node, &path).await?;
            return Ok(Some(PublishedImage {
                url,
                algorithm: ChecksumAlgorithm::Sha256,
                checksum,
            }));
        }
        let Some(cache) = self.cache_for(node)? else {
            return Ok(None);
        };
        let url = Url::parse(image::source(node)?)
            .map_err(|error| DriverError::InvalidParameter(format!("image_source: {error}")))?;
        let wanted = checksum_of(node, &url, cache).await?;
        let remote = RemoteFile {
            url,
            checksum: Some(wanted.clone()),
        };
        let path = cache.pin(node.uuid, ROLE, &remote).await?;
        let url = served.link(node, &path).await?;
        // An agent may refuse MD5, which is as good as any as long as the file stays on this host.
        let (algorithm, checksum) = match wanted.algorithm() {
            ChecksumAlgorithm::Md5 => (ChecksumAlgorithm::Sha256, self.checksum(&path).await?),
            strong @ (ChecksumAlgorithm::Sha256 | ChecksumAlgorithm::Sha512) => {
                (strong, wanted.expected().to_owned())
            }
        };
        Ok(Some(PublishedImage {
            url,
            algorithm,
            checksum,
        }))
    }

    /// Takes the node's image back, if one is published.
    pub(super) async fn withdraw(&self, node: &Node) {
        if let Some(served) = &self.served {
            // Not there is what is wanted.
            let _ = tokio::fs::remove_file(served.directory.join(node.uuid.to_string())).await;
        }
        if let Some(cache) = &self.cache {
            cache.unpin(node.uuid, ROLE).await;
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
        let checksum = KnownChecksum {
            modified,
            size,
            sha256: sha256.clone(),
        };
        self.checksums.lock().insert(path.to_owned(), checksum);
        Ok(sha256)
    }
}

impl Served {
    /// Makes the file the node's; its URL is the result.
    async fn link(&self, node: &Node, path: &Path) -> Result<String> {
        let link = self.directory.join(node.uuid.to_string());
        let failed = |error: std::io::Error| {
            DriverError::Local(format!(
                "image {} cannot be published as {}: {error}",
                path.display(),
                link.display()
            ))
        };
        tokio::fs::create_dir_all(&self.directory)
            .await
            .map_err(failed)?;
        // Not there is what is wanted.
        let _ = tokio::fs::remove_file(&link).await;
        tokio::fs::symlink(path, &link).await.map_err(failed)?;
        crash_point(CrashPoint::ImagePublished);
        Ok(format!("{}/{}", self.base_url, node.uuid))
    }
}

/// The checksum of an image of the web, out of the checksum file where a URL is given.
async fn checksum_of(node: &Node, image: &Url, cache: &ImageCache) -> Result<Checksum> {
    let text = |key: &str| {
        let value = node.instance_info.get(key).and_then(Value::as_str);
        value.filter(|text| !text.is_empty())
    };
    let invalid = |reason: String| {
        DriverError::InvalidParameter(format!("Node {}, image_source: {reason}", node.uuid))
    };
    let (algorithm, value) = match (text("image_os_hash_algo"), text("image_os_hash_value")) {
        (Some(name), Some(value)) => {
            let known = ChecksumAlgorithm::by_name(name).ok_or_else(|| {
                invalid(format!(
                    "image_os_hash_algo {name} is not supported; use sha256 or sha512"
                ))
            })?;
            (Some(known), value)
        }
        _ => match text("image_checksum") {
            Some(value) => (None, value),
            None => return Err(invalid("there is no checksum".to_owned())),
        },
    };
    if !value.starts_with("http://") && !value.starts_with("https://") {
        return Checksum::parse(algorithm, value).map_err(|error| invalid(error.to_string()));
    }
    let url = Url::parse(value).map_err(|error| invalid(format!("its checksum: {error}")))?;
    let sums = cache.text(&url).await?;
    let name = image.path().rsplit('/').next().unwrap_or_default();
    Checksum::find(&sums, name, algorithm)
        .ok_or_else(|| invalid(format!("its checksum file has no checksum for {name}")))
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
