//! The checksum that `instance_info` gives for an image: a value, or the URL of a checksum file
//! (`image_os_hash_algo` with `image_os_hash_value`, or `image_checksum`). Computing is not here.

use cupola_api::agent::{Checksum, ChecksumAlgorithm};
use cupola_api::node::Node;
use serde_json::Value;
use url::Url;

use crate::image_cache::ImageCache;
use crate::interface::{DriverError, Result};

/// What the URL of a checksum file begins with.
const SCHEMES: [&str; 3] = ["http://", "https://", "file://"];
/// More octets than that has no checksum file.
const LARGEST_FILE: u64 = 1 << 20;

/// What a user gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum GivenChecksum {
    /// The checksum itself.
    Value(Checksum),
    /// Where a checksum file is, and of which algorithm the checksum in it shall be.
    File(Url, Option<ChecksumAlgorithm>),
}

impl GivenChecksum {
    /// Reads it; `None` when there is none.
    ///
    /// # Errors
    /// It is no checksum, or half of the pair.
    pub(super) fn of(node: &Node) -> Result<Option<Self>> {
        let text = |key: &str| {
            let value = node.instance_info.get(key).and_then(Value::as_str);
            value.filter(|text| !text.is_empty())
        };
        let pair = (text("image_os_hash_algo"), text("image_os_hash_value"));
        let (algorithm, value) = match (pair, text("image_checksum")) {
            ((Some(name), Some(value)), _) => {
                let known = ChecksumAlgorithm::by_name(name).ok_or_else(|| {
                    invalid(
                        node,
                        &format!(
                            "image_os_hash_algo {name} is not supported; use sha256 or sha512"
                        ),
                    )
                })?;
                (Some(known), value)
            }
            (_, Some(value)) => (None, value),
            ((None, None), None) => return Ok(None),
            ((Some(_), None) | (None, Some(_)), None) => {
                return Err(invalid(
                    node,
                    "image_os_hash_algo and image_os_hash_value go together, and only one of them \
                     is given",
                ));
            }
        };
        if SCHEMES.iter().any(|scheme| value.starts_with(scheme)) {
            return Url::parse(value)
                .map(|url| Some(Self::File(url, algorithm)))
                .map_err(|error| invalid(node, &format!("its checksum: {error}")));
        }
        Checksum::parse(algorithm, value)
            .map(|checksum| Some(Self::Value(checksum)))
            .map_err(|error| invalid(node, &error.to_string()))
    }

    /// Whether it is in a file of this host, which agents cannot read.
    pub(super) fn is_of_this_host(&self) -> bool {
        matches!(self, Self::File(url, _) if url.scheme() == "file")
    }

    /// The checksum, out of the checksum file where one is given. A file's lines are told apart by
    /// the last part of the image's URL.
    ///
    /// # Errors
    /// The checksum file does not come, or says nothing of the image.
    pub(super) async fn resolve(
        self,
        node: &Node,
        image: &Url,
        cache: Option<&ImageCache>,
    ) -> Result<Checksum> {
        let (url, algorithm) = match self {
            Self::Value(checksum) => return Ok(checksum),
            Self::File(url, algorithm) => (url, algorithm),
        };
        let sums = if url.scheme() == "file" {
            read(node, &url).await?
        } else {
            let cache = cache.ok_or_else(|| {
                invalid(
                    node,
                    "its checksum is a URL, and the boot services that would fetch it do not run; \
                     give the checksum itself",
                )
            })?;
            cache.text(&url).await?
        };
        let name = image.path().rsplit('/').next().unwrap_or_default();
        Checksum::find(&sums, name, algorithm).ok_or_else(|| {
            let reason = format!("its checksum file has no checksum for {name}");
            invalid(node, &reason)
        })
    }
}

/// A checksum file of this host: a regular one, as images are, and no large one.
async fn read(node: &Node, url: &Url) -> Result<String> {
    let wrong = |reason: &str| invalid(node, &format!("its checksum file {url} {reason}"));
    let unreadable = |error: std::io::Error| wrong(&format!("cannot be read: {error}"));
    let path = url
        .to_file_path()
        .map_err(|()| wrong("is on another host; give file:///PATH"))?;
    let found = tokio::fs::metadata(&path).await.map_err(unreadable)?;
    if !found.is_file() {
        return Err(wrong("is no regular file"));
    }
    if found.len() > LARGEST_FILE {
        return Err(wrong("is larger than 1 MiB, and so no checksum file"));
    }
    let bytes = tokio::fs::read(&path).await.map_err(unreadable)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn invalid(node: &Node, reason: &str) -> DriverError {
    DriverError::InvalidParameter(format!("Node {}, image_source: {reason}", node.uuid))
}
