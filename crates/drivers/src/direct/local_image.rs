//! Images that this host serves to agents, by the boot services' HTTP server under the node's name:
//! those that lie here (`file://`), and those of the web that it keeps for them
//! (`image_download_source` `local`). None is served that has another checksum than the user gave.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use cupola_api::agent::{Checksum, ChecksumAlgorithm};
use cupola_api::node::Node;
use parking_lot::Mutex;
use url::Url;

use super::given_checksum::GivenChecksum;
use super::image::{self, DownloadSource};
use crate::crash_point::{CrashPoint, crash_point};
use crate::digest;
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
    digests: Arc<Mutex<HashMap<(PathBuf, ChecksumAlgorithm), KnownDigest>>>,
    cache: Option<ImageCache>,
    source: DownloadSource,
}

#[derive(Clone, Debug)]
struct Served {
    directory: PathBuf,
    base_url: String,
}

#[derive(Clone, Debug)]
struct KnownDigest {
    modified: Option<SystemTime>,
    size: u64,
    digest: String,
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
            digests: Arc::default(),
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
            if self.cache_for(node)?.is_none() {
                check_for_agent(node)?;
            }
            return Ok(());
        };
        GivenChecksum::of(node)?;
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
        let url = Url::parse(image::source(node)?)
            .map_err(|error| DriverError::InvalidParameter(format!("image_source: {error}")))?;
        if file(node)?.is_none() && self.cache_for(node)?.is_none() {
            check_for_agent(node)?;
        }
        let wanted = match GivenChecksum::of(node)? {
            Some(given) => Some(given.resolve(node, &url, self.cache.as_ref()).await?),
            None => None,
        };
        if let Some(path) = file(node)? {
            if let Some(wanted) = &wanted {
                self.compare(&path, wanted).await?;
            }
            return self.serve(served, node, &path, wanted).await.map(Some);
        }
        let Some(cache) = self.cache_for(node)? else {
            return Ok(None);
        };
        let remote = RemoteFile {
            url,
            checksum: wanted.clone(),
        };
        let path = cache.pin(node.uuid, ROLE, &remote).await?;
        self.serve(served, node, &path, wanted).await.map(Some)
    }

    /// Whether the file is what the user said it is.
    async fn compare(&self, path: &Path, wanted: &Checksum) -> Result<()> {
        let actual = self.digest(path, wanted.algorithm()).await?;
        if actual == wanted.expected() {
            return Ok(());
        }
        Err(DriverError::Local(format!(
            "image {}: its {} checksum is {actual}, expected {}; check the checksum in \
             instance_info, and whether the file changed",
            path.display(),
            wanted.algorithm().name(),
            wanted.expected()
        )))
    }

    /// Serves a file that has this checksum, if one is known.
    async fn serve(
        &self,
        served: &Served,
        node: &Node,
        path: &Path,
        checksum: Option<Checksum>,
    ) -> Result<PublishedImage> {
        let strong = checksum.filter(|checksum| match checksum.algorithm() {
            // An agent may refuse MD5, which is as good as any as long as the file stays on this host.
            ChecksumAlgorithm::Md5 => false,
            ChecksumAlgorithm::Sha256 | ChecksumAlgorithm::Sha512 => true,
        });
        let (algorithm, checksum) = match strong {
            Some(checksum) => (checksum.algorithm(), checksum.expected().to_owned()),
            None => {
                let algorithm = ChecksumAlgorithm::Sha256;
                (algorithm, self.digest(path, algorithm).await?)
            }
        };
        Ok(PublishedImage {
            url: served.link(node, path).await?,
            algorithm,
            checksum,
        })
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

    /// The digest of a file, computed once per version of it.
    async fn digest(&self, path: &Path, algorithm: ChecksumAlgorithm) -> Result<String> {
        let unreadable = |error: std::io::Error| {
            DriverError::Local(format!("image {} cannot be read: {error}", path.display()))
        };
        let metadata = tokio::fs::metadata(path).await.map_err(unreadable)?;
        let (modified, size) = (metadata.modified().ok(), metadata.len());
        let key = (path.to_owned(), algorithm);
        if let Some(known) = self.digests.lock().get(&key)
            && known.modified == modified
            && known.size == size
        {
            return Ok(known.digest.clone());
        }
        let digest = digest::of_file(path.to_owned(), algorithm)
            .await
            .map_err(unreadable)?;
        let known = KnownDigest {
            modified,
            size,
            digest: digest.clone(),
        };
        self.digests.lock().insert(key, known);
        Ok(digest)
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

/// Whether the agent, which downloads the image itself, can use the checksum that is given.
fn check_for_agent(node: &Node) -> Result<()> {
    // Of what else is given, the agent says what is wrong with it.
    let given = GivenChecksum::of(node).ok().flatten();
    if given.is_some_and(|given| given.is_of_this_host()) {
        return Err(DriverError::InvalidParameter(format!(
            "Node {}, image_source: its checksum file is one of this host, and the machine downloads \
             the image itself; give the checksum or an http:// URL, or set image_download_source to \
             local",
            node.uuid
        )));
    }
    Ok(())
}

/// The file, when the image is one of this host.
fn file(node: &Node) -> Result<Option<PathBuf>> {
    let source = image::source(node)?;
    Ok(Url::parse(source)
        .ok()
        .filter(|url| url.scheme() == "file")
        .and_then(|url| url.to_file_path().ok()))
}

#[cfg(test)]
mod tests;
