//! Files of the web that this host keeps for machines: images that agents download from here, kernels
//! and ramdisks that machines boot. Each is downloaded once, however many ask for it at the same time;
//! the least recently used go when room is needed, never one in use.
//!
//! In use is what has a second name: whoever needs a file pins it, which is a hard link under the
//! node's name. That holds across a restart of the service, and needs no book-keeping besides the
//! directory itself. Fetching is in [`download`], room in [`room`].

mod download;
mod room;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cupola_api::agent::Checksum;
use cupola_api::id::NodeId;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use url::Url;

use crate::boot::OpenFiles;
use crate::interface::DriverError;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// Bytes of all files together.
    pub size: u64,
    /// How long a file that nobody uses is kept.
    pub ttl: Duration,
}

/// A file of the web, and how to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFile {
    /// Where it is: `http` or `https`.
    pub url: Url,
    /// What has to come; without one the server's word for its version is believed.
    pub checksum: Option<Checksum>,
}

/// Why a file cannot be had. URLs in it are without query and credentials.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CacheError {
    /// It did not come.
    #[error("downloading {url}: {reason}")]
    Download {
        /// From where.
        url: String,
        /// Why.
        reason: String,
    },
    /// Other bytes came than promised.
    #[error(
        "{url}: its {algorithm} checksum is {actual}, expected {expected}; check the checksum, and \
         whether the file on the server changed"
    )]
    Checksum {
        /// From where.
        url: String,
        /// How it was checked.
        algorithm: &'static str,
        /// What came.
        actual: String,
        /// What was promised.
        expected: String,
    },
    /// The cache may not become as large.
    #[error(
        "{url} has {needed} MiB, and the image cache has room for {room} of its {limit} MiB beside \
         what is in use; raise boot.image_cache_size, or set image_download_source to http"
    )]
    NoRoom {
        /// From where.
        url: String,
        /// Its size, in MiB.
        needed: u64,
        /// What is not in use, in MiB.
        room: u64,
        /// The configured size, in MiB.
        limit: u64,
    },
    /// The disk of this host has no room, and nothing that may go would make enough.
    #[error(
        "downloading {url}: image cache {directory}: the disk is full; free space there, or move the \
         state directory to a larger disk"
    )]
    Full {
        /// From where.
        url: String,
        /// The cache's directory.
        directory: PathBuf,
    },
    /// The disk of this host failed.
    #[error("image cache {path}: {reason}; free space there, or move the state directory")]
    Disk {
        /// Which file.
        path: PathBuf,
        /// What the operating system said.
        reason: String,
    },
}

impl From<CacheError> for DriverError {
    fn from(error: CacheError) -> Self {
        Self::Local(error.to_string())
    }
}

type Download = Shared<BoxFuture<'static, Result<(), CacheError>>>;

/// The cache. Clones are the same one.
#[derive(Clone, Debug)]
pub struct ImageCache {
    inner: Arc<Inner>,
}

struct Inner {
    /// Where all of it is.
    directory: PathBuf,
    /// Files by key, and `KEY.part` of those under way.
    files: PathBuf,
    /// Hard links by node and role.
    pinned: PathBuf,
    limits: CacheLimits,
    /// Files of the cache that the boot services keep open.
    served: OpenFiles,
    client: reqwest::Client,
    downloads: Mutex<HashMap<String, Download>>,
    /// Keys that somebody is about to pin.
    wanted: Mutex<HashMap<String, usize>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner")
            .field("files", &self.files)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Keeps a file from being thrown out before it is pinned.
struct Wanted<'c> {
    inner: &'c Inner,
    key: String,
}

impl<'c> Wanted<'c> {
    fn new(inner: &'c Inner, key: String) -> Self {
        *inner.wanted.lock().entry(key.clone()).or_default() += 1;
        Self { inner, key }
    }
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        let mut wanted = self.inner.wanted.lock();
        if let Some(count) = wanted.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                wanted.remove(&self.key);
            }
        }
    }
}

impl ImageCache {
    /// A cache in this directory, which is made when it is needed; `served` are the files that are
    /// kept open for machines.
    ///
    /// # Errors
    /// There can be no HTTP client.
    pub fn new(directory: &Path, limits: CacheLimits, served: OpenFiles) -> Result<Self, String> {
        // The client takes the process's provider; another part of the program may have set it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .user_agent(concat!("cupola/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(30))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self {
            inner: Arc::new(Inner {
                directory: directory.to_owned(),
                files: directory.join("files"),
                pinned: directory.join("pinned"),
                limits,
                served,
                client,
                downloads: Mutex::default(),
                wanted: Mutex::default(),
            }),
        })
    }

    /// Has the file here, and pins it as what the node needs in this role (`image`, `kernel`, …) in
    /// place of what was pinned so before. The path stays until it is unpinned.
    ///
    /// # Errors
    /// See [`CacheError`].
    pub async fn pin(
        &self,
        node: NodeId,
        role: &str,
        file: &RemoteFile,
    ) -> Result<PathBuf, CacheError> {
        let inner = &*self.inner;
        let key = inner.key(file).await?;
        let wanted = Wanted::new(inner, key);
        let path = inner.files.join(&wanted.key);
        if is_there(&path).await {
            touch(path.clone()).await;
        } else {
            self.download(&wanted.key, file).await?;
        }
        let link = inner.pinned.join(node.to_string()).join(role);
        let pinned = link.clone();
        tokio::task::spawn_blocking(move || link_afresh(&path, &link))
            .await
            .map_err(io::Error::other)
            .and_then(|linked| linked)
            .map_err(|error| disk(&pinned, &error))?;
        Ok(pinned)
    }

    /// Takes back what is pinned for a node in this role, if anything is.
    pub async fn unpin(&self, node: NodeId, role: &str) {
        let directory = self.inner.pinned.join(node.to_string());
        // Not there is what is wanted; a directory with other roles in it stays.
        let _ = tokio::fs::remove_file(directory.join(role)).await;
        let _ = tokio::fs::remove_dir(directory).await;
    }

    /// A small text file, such as a checksum file.
    ///
    /// # Errors
    /// It does not come, or is not small.
    pub async fn text(&self, url: &Url) -> Result<String, CacheError> {
        download::text(&self.inner.client, url).await
    }

    /// Joins the download of this key, or starts it. It goes on when nobody waits for it any more:
    /// whoever asks next finds more of it.
    async fn download(&self, key: &str, file: &RemoteFile) -> Result<(), CacheError> {
        let download = {
            let mut downloads = self.inner.downloads.lock();
            match downloads.get(key) {
                Some(download) => download.clone(),
                None => {
                    let download = self.start_download(key.to_owned(), file.clone());
                    downloads.insert(key.to_owned(), download.clone());
                    download
                }
            }
        };
        download.await
    }

    fn start_download(&self, key: String, file: RemoteFile) -> Download {
        let inner = Arc::clone(&self.inner);
        let url = show(&file.url);
        let task = tokio::spawn(async move {
            let outcome = download::run(&inner, &key, &file).await;
            inner.downloads.lock().remove(&key);
            outcome
        });
        let ended = task.map(move |outcome| {
            outcome.unwrap_or_else(|error| {
                Err(CacheError::Download {
                    url,
                    reason: error.to_string(),
                })
            })
        });
        ended.boxed().shared()
    }
}

impl Inner {
    fn full(&self, url: &Url) -> CacheError {
        CacheError::Full {
            url: show(url),
            directory: self.directory.clone(),
        }
    }

    /// What the file is called here: by its URL, and by its checksum or its server's word for its
    /// version, so that another file at the same place is another file.
    async fn key(&self, file: &RemoteFile) -> Result<String, CacheError> {
        let version = match &file.checksum {
            Some(checksum) => checksum.expected().to_owned(),
            None => download::version(&self.client, &file.url).await?,
        };
        let mut hasher = Sha256::new();
        hasher.update(file.url.as_str());
        hasher.update("\n");
        hasher.update(version);
        Ok(hex::encode(hasher.finalize()))
    }
}

/// A URL as it may be shown: without credentials and query, which hold secrets in signed URLs.
fn show(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Both fail only for URLs that cannot have them.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

fn disk(path: &Path, error: &io::Error) -> CacheError {
    CacheError::Disk {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

async fn is_there(path: &Path) -> bool {
    tokio::fs::try_exists(path).await.unwrap_or(false)
}

/// Notes that the file was used now. That it cannot be noted does no harm.
async fn touch(path: PathBuf) {
    let _ = tokio::task::spawn_blocking(move || {
        let file = std::fs::File::options().append(true).open(path)?;
        file.set_modified(SystemTime::now())
    })
    .await;
}

fn link_afresh(path: &Path, link: &Path) -> io::Result<()> {
    if let Some(directory) = link.parent() {
        std::fs::create_dir_all(directory)?;
    }
    match std::fs::remove_file(link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    std::fs::hard_link(path, link)
}

#[cfg(test)]
mod tests;
