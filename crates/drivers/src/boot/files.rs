//! The loaders: small files held in memory, served over TFTP and HTTP under their plain names.
//!
//! Names are looked up in a table, never in a file system, so nothing else of the host can be
//! asked for.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;

/// Loaders are about a megabyte; a larger file is not one.
const MAX_LOADER_BYTES: u64 = 16 << 20;

/// Where Debian's `ipxe` package puts its builds.
pub const DEBIAN_IPXE_DIRECTORY: &str = "/usr/lib/ipxe";

/// Under which name GRUB is served.
pub(crate) const GRUB_X64: &str = "grubx64.efi";

/// The signed loaders: the name under which each is served, and where Debian's packages
/// `shim-signed`, `grub-efi-amd64-signed` and `shim-helpers-amd64-signed` put it. The shim asks for
/// GRUB under a name that is built into it, beside the name that it was loaded by itself.
const SIGNED_LOADERS: [(&str, &str); 2] = [
    ("shimx64.efi", "/usr/lib/shim/shimx64.efi.signed"),
    (
        GRUB_X64,
        "/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed",
    ),
];

/// The key manager, which the shim asks for only when somebody enrols a key.
const KEY_MANAGER: (&str, &str) = ("mmx64.efi", "/usr/lib/shim/mmx64.efi.signed");

/// Which loader a machine is netbooted through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Loader {
    /// iPXE.
    #[default]
    Ipxe,
    /// The signed shim and GRUB, which Secure Boot takes; UEFI only. A BIOS gets iPXE.
    Grub,
}

impl Loader {
    /// What the loader's script is called.
    #[must_use]
    pub const fn script(self) -> &'static str {
        match self {
            Self::Ipxe => "iPXE script",
            Self::Grub => "GRUB configuration",
        }
    }
}

/// A loader could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LoaderError {
    /// No directory has it.
    #[error(
        "boot loader {name} is in none of {directories:?}; install Debian's package ipxe, or set \
         the loader directory"
    )]
    Missing {
        /// The file's name.
        name: String,
        /// Where it was looked for.
        directories: Vec<PathBuf>,
    },
    /// It is there and cannot be read.
    #[error("boot loader {} cannot be read; check its permissions", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// One of the signed loaders is not there.
    #[error(
        "boot loader {} is not there; install Debian's packages shim-signed and \
         grub-efi-amd64-signed, or set boot.loader to ipxe",
        path.display()
    )]
    NotSigned {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// It is no loader.
    #[error(
        "boot loader {} has {bytes} bytes, more than a loader can have ({MAX_LOADER_BYTES})",
        path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
}

/// Which loader a kind of client gets; names of a [`FileSet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoaderNames {
    /// For PXE BIOS clients.
    pub bios: String,
    /// For UEFI x86-64 PXE clients.
    pub uefi_x64: String,
    /// For UEFI x86-64 HTTP boot clients.
    pub uefi_http_x64: String,
    /// For UEFI x86-64 clients of either kind that are booted through GRUB.
    pub shim_x64: String,
}

impl Default for LoaderNames {
    /// The builds that drive the card through the firmware's own driver, which is the one that
    /// just worked; over HTTP the build with iPXE's drivers, whose network the firmware has shut
    /// down by then.
    fn default() -> Self {
        Self {
            bios: "undionly.kpxe".to_owned(),
            uefi_x64: "snponly.efi".to_owned(),
            uefi_http_x64: "ipxe.efi".to_owned(),
            shim_x64: "shimx64.efi".to_owned(),
        }
    }
}

impl LoaderNames {
    /// Each of iPXE's names.
    #[must_use]
    pub fn all(&self) -> [&str; 3] {
        [&self.bios, &self.uefi_x64, &self.uefi_http_x64]
    }
}

/// Files by name.
#[derive(Clone, Debug, Default)]
pub struct FileSet {
    files: HashMap<String, Bytes>,
}

impl FileSet {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the named files, each from the first directory that has it.
    ///
    /// # Errors
    /// One of them is missing, unreadable or no loader.
    pub async fn load(directories: &[PathBuf], names: &LoaderNames) -> Result<Self, LoaderError> {
        let mut set = Self::new();
        for name in names.all() {
            if !set.files.contains_key(name) {
                set.insert(name, find(directories, name).await?);
            }
        }
        Ok(set)
    }

    /// Reads the signed shim and GRUB from where Debian's packages put them.
    ///
    /// # Errors
    /// One of them is missing, unreadable or no loader; then the set is as it was.
    pub async fn load_signed(&mut self) -> Result<(), LoaderError> {
        let mut found = Vec::new();
        for (name, path) in SIGNED_LOADERS {
            let path = PathBuf::from(path);
            match read(&path).await? {
                Some(content) => found.push((name, content)),
                None => return Err(LoaderError::NotSigned { path }),
            }
        }
        let (name, path) = KEY_MANAGER;
        if let Some(content) = read(Path::new(path)).await? {
            found.push((name, content));
        }
        for (name, content) in found {
            self.insert(name, content);
        }
        Ok(())
    }

    /// Whether machines can be booted through this loader.
    #[must_use]
    pub fn offers(&self, loader: Loader) -> bool {
        match loader {
            Loader::Ipxe => true,
            Loader::Grub => SIGNED_LOADERS
                .iter()
                .all(|(name, _)| self.files.contains_key(*name)),
        }
    }

    /// Adds or replaces a file.
    pub fn insert(&mut self, name: &str, content: impl Into<Bytes>) {
        self.files.insert(name.to_owned(), content.into());
    }

    /// The file of that name. Firmware likes to put a slash before it, some a backslash.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Bytes> {
        self.files
            .get(name.trim_start_matches(['/', '\\']))
            .cloned()
    }
}

async fn find(directories: &[PathBuf], name: &str) -> Result<Bytes, LoaderError> {
    for directory in directories {
        if let Some(content) = read(&directory.join(name)).await? {
            return Ok(content);
        }
    }
    Err(LoaderError::Missing {
        name: name.to_owned(),
        directories: directories.to_vec(),
    })
}

async fn read(path: &Path) -> Result<Option<Bytes>, LoaderError> {
    let unreadable = |source| LoaderError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let metadata = match tokio::fs::metadata(path).await {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    if metadata.len() > MAX_LOADER_BYTES {
        return Err(LoaderError::TooLarge {
            path: path.to_owned(),
            bytes: metadata.len(),
        });
    }
    tokio::fs::read(path)
        .await
        .map(|content| Some(content.into()))
        .map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_put_in_comes_out() {
        let mut set = FileSet::new();
        set.insert("undionly.kpxe", &b"loader"[..]);
        assert_eq!(set.get("/undionly.kpxe").as_deref(), Some(&b"loader"[..]));
        assert_eq!(set.get("../undionly.kpxe"), None);
        assert_eq!(set.get("/etc/passwd"), None);
    }

    #[tokio::test]
    async fn a_missing_loader_says_what_to_install() {
        let error = FileSet::load(&["/nonexistent".into()], &LoaderNames::default()).await;
        let text = error.map(|_| ()).unwrap_err().to_string();
        assert!(
            text.contains("undionly.kpxe") && text.contains("package ipxe"),
            "{text}"
        );
    }
}
