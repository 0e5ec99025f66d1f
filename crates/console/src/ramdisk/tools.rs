//! The programs by which the agent has disks erase themselves: `hdparm` for ATA, `nvme` for NVMe. They
//! come from Debian packages with their libraries; only the C library is this host's.

use std::fs;
use std::path::{Path, PathBuf};

use super::RamdiskError;
use super::libraries;
use super::packages::PackageCache;

/// Packages, and where each has its program.
const TOOLS: &[(&str, &[&str])] = &[
    ("hdparm", &["sbin/hdparm", "usr/sbin/hdparm"]),
    ("nvme-cli", &["usr/sbin/nvme", "sbin/nvme"]),
];

/// A file that goes into the ramdisk.
#[derive(Debug)]
pub(super) struct ToolFile {
    /// Its path there, without a leading slash.
    pub(super) path: String,
    /// Content.
    pub(super) bytes: Vec<u8>,
}

/// Downloads the packages into `into` and picks what goes into the ramdisk.
pub(super) fn obtain(packages: &PackageCache, into: &Path) -> Result<Vec<ToolFile>, RamdiskError> {
    let mut names: Vec<&str> = TOOLS.iter().map(|(package, _)| *package).collect();
    let needed = packages.libraries(&names)?;
    names.extend(needed.iter().map(String::as_str));
    let root = packages.unpack_all(&names, into)?;
    let root = root.canonicalize().map_err(RamdiskError::read(&root))?;
    let directories = library_directories(&root)?;
    let mut files: Vec<ToolFile> = Vec::new();
    for (package, paths) in TOOLS {
        let lacks = |what: &str| RamdiskError::PackageContent {
            package: (*package).to_owned(),
            what: what.to_owned(),
        };
        let program = paths
            .iter()
            .map(|path| root.join(path))
            .find(|path| path.is_file())
            .ok_or_else(|| lacks("program"))?;
        let bytes = fs::read(&program).map_err(RamdiskError::read(&program))?;
        let found = libraries::of(&program, &bytes, &directories);
        let found = found.map_err(|error| match error {
            RamdiskError::Library { library, .. } => lacks(&format!("dependency with {library}")),
            other => other,
        })?;
        for path in found.iter().chain([&program]) {
            let name = path.strip_prefix(&root).unwrap_or(path).to_string_lossy();
            let name = name.trim_start_matches('/').to_owned();
            if !files.iter().any(|file| file.path == name) {
                let bytes = libraries::read(path)?;
                files.push(ToolFile { path: name, bytes });
            }
        }
    }
    Ok(files)
}

/// Where unpacked packages have libraries: `lib` and `usr/lib`, and their directories for one
/// architecture.
fn library_directories(root: &Path) -> Result<Vec<PathBuf>, RamdiskError> {
    let mut directories = Vec::new();
    for path in [root.join("lib"), root.join("usr/lib")] {
        if !path.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&path).map_err(RamdiskError::read(&path))? {
            let entry = entry.map_err(RamdiskError::read(&path))?;
            let is_of_architecture = entry.file_name().to_string_lossy().contains("-linux-gnu");
            if is_of_architecture && entry.path().is_dir() {
                directories.push(entry.path());
            }
        }
        directories.push(path);
    }
    Ok(directories)
}
