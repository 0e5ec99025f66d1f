//! Where a kernel, a ramdisk or an ISO image is: on this host, or on the web, from where the
//! [image cache](crate::image_cache) brings it here.

use std::path::{Path, PathBuf};

use cupola_api::agent::Checksum;
use cupola_api::id::NodeId;
use url::Url;

use crate::image_cache::{ImageCache, RemoteFile};
use crate::interface::{DriverError, Result};

/// A file that a machine boots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BootFile {
    /// On this host.
    Local(PathBuf),
    /// On the web.
    Remote(RemoteFile),
}

impl BootFile {
    /// Understands a path, a `file://`, `http://` or `https://` URL. `key` is the name of the value, for
    /// errors.
    ///
    /// # Errors
    /// It is none of them, or its checksum is none.
    pub(super) fn parse(key: &str, text: &str, checksum: Option<&str>) -> Result<Self> {
        let invalid = |reason: String| DriverError::InvalidParameter(format!("{key} {reason}"));
        if let Some(path) = text.strip_prefix("file://") {
            return Ok(Self::Local(PathBuf::from(path)));
        }
        if Path::new(text).is_absolute() {
            return Ok(Self::Local(PathBuf::from(text)));
        }
        let url = Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| {
                invalid(format!(
                    "is {text:?}; give the path of a file on the conductor's host, as /path or \
                     file:///path, or an http:// or https:// URL"
                ))
            })?;
        let checksum = checksum
            .map(|value| Checksum::parse(None, value))
            .transpose()
            .map_err(|error| invalid(format!("has a wrong checksum: {error}")))?;
        Ok(Self::Remote(RemoteFile { url, checksum }))
    }

    /// Has the file on this host, for as long as the node needs it in this role.
    ///
    /// # Errors
    /// It cannot be read or does not come.
    pub(super) async fn bring(
        &self,
        cache: Option<&ImageCache>,
        node: NodeId,
        role: &str,
    ) -> Result<PathBuf> {
        match self {
            Self::Local(path) => match tokio::fs::metadata(path).await {
                Ok(_) => Ok(path.clone()),
                Err(error) => Err(DriverError::Local(format!(
                    "{role} cannot be booted: {}: {error}; make it with `cupola ramdisk build`, or \
                     correct {role}",
                    path.display()
                ))),
            },
            Self::Remote(file) => match cache {
                Some(cache) => Ok(cache.pin(node, role, file).await?),
                None => Err(DriverError::InvalidParameter(format!(
                    "{role} is a URL, and the boot services that would serve it do not run; enable \
                     them in the configuration"
                ))),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_urls_are_told_apart() {
        let parse = |text| BootFile::parse("deploy_kernel", text, None);
        let local = BootFile::Local(PathBuf::from("/srv/kernel"));
        assert_eq!(parse("/srv/kernel").unwrap(), local);
        assert_eq!(parse("file:///srv/kernel").unwrap(), local);
        assert!(matches!(
            parse("https://h/kernel").unwrap(),
            BootFile::Remote(_)
        ));
        for bad in ["kernel", "ftp://h/kernel", ""] {
            let error = parse(bad).unwrap_err().to_string();
            assert!(error.contains("deploy_kernel"), "{error}");
        }
        assert!(BootFile::parse("k", "http://h/k", Some("abc")).is_err());
    }
}
