//! What lies where inside the ramdisk.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::RamdiskError;
use super::libraries;
use super::modules::{LOADED_ALWAYS, ModuleSelection};
use super::tools::ToolFile;

/// One entry of the archive, without its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// A directory, mode 0755.
    Directory,
    /// A file.
    File {
        /// Content.
        bytes: Vec<u8>,
        /// Whether its mode is 0755 instead of 0644.
        executable: bool,
    },
    /// A symbolic link to this target.
    Link(&'static str),
}

/// Entries by their path without a leading slash; the order of a map makes the archive repeatable.
pub(super) type Contents = BTreeMap<String, Entry>;

/// What the ramdisk is made of.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    /// Root of the unpacked busybox package.
    pub(super) busybox: &'a Path,
    /// The agent's executable.
    pub(super) agent: &'a Path,
    /// Programs beside it, with their libraries.
    pub(super) tools: &'a [ToolFile],
    /// Release of the kernel.
    pub(super) release: &'a str,
    /// Its modules.
    pub(super) modules: &'a ModuleSelection,
}

const INIT: &str = include_str!("init.sh");
const UDHCPC_SCRIPT: &str = include_str!("udhcpc.sh");

/// Certificate authorities of the host, so that images can be fetched over HTTPS.
const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nrescue:x:0:0:rescue:/root:/bin/sh\n";

/// Lays out the ramdisk.
pub(super) fn assemble(parts: &Parts<'_>) -> Result<Contents, RamdiskError> {
    let mut contents = Contents::new();
    scripts_and_settings(&mut contents);
    programs(&mut contents, parts)?;
    modules(&mut contents, parts);
    Ok(contents)
}

fn scripts_and_settings(contents: &mut Contents) {
    let always = format!("{}\n", LOADED_ALWAYS.join("\n"));
    for (path, text, executable) in [
        ("init", INIT, true),
        ("etc/udhcpc/script", UDHCPC_SCRIPT, true),
        ("etc/passwd", PASSWD, false),
        ("etc/group", "root:x:0:\n", false),
        ("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n", false),
        ("etc/cupola/modules", always.as_str(), false),
    ] {
        put(contents, path, text.as_bytes().to_vec(), executable);
    }
    for directory in ["dev", "mnt", "proc", "root", "run", "sbin", "sys", "tmp"] {
        contents.insert(directory.to_owned(), Entry::Directory);
    }
}

fn programs(contents: &mut Contents, parts: &Parts<'_>) -> Result<(), RamdiskError> {
    let busybox = ["bin/busybox", "usr/bin/busybox"]
        .into_iter()
        .map(|path| parts.busybox.join(path))
        .find(|path| path.is_file())
        .ok_or_else(|| RamdiskError::PackageContent {
            package: "busybox-static".to_owned(),
            what: "busybox".to_owned(),
        })?;
    let busybox = fs::read(&busybox).map_err(RamdiskError::read(&busybox))?;
    put(contents, "bin/busybox", busybox, true);
    contents.insert("bin/sh".to_owned(), Entry::Link("busybox"));

    let agent = fs::read(parts.agent).map_err(RamdiskError::read(parts.agent))?;
    for library in libraries::of(parts.agent, &agent, &[])? {
        let name = library.to_string_lossy().trim_start_matches('/').to_owned();
        put(contents, &name, libraries::read(&library)?, true);
    }
    put(contents, "usr/bin/cupola-agent", agent, true);
    for tool in parts.tools {
        put(contents, &tool.path, tool.bytes.clone(), true);
    }
    if let Ok(certificates) = fs::read(Path::new("/").join(CERTIFICATES)) {
        put(contents, CERTIFICATES, certificates, false);
    }
    Ok(())
}

fn modules(contents: &mut Contents, parts: &Parts<'_>) {
    let directory = format!("lib/modules/{}", parts.release);
    for module in parts.modules.modules.values() {
        let path = format!("{directory}/{}", module.path);
        put(contents, &path, module.bytes.clone(), false);
    }
    for (name, text) in [
        ("modules.dep", parts.modules.dependencies()),
        ("modules.alias", parts.modules.aliases()),
    ] {
        let path = format!("{directory}/{name}");
        put(contents, &path, text.into_bytes(), false);
    }
}

/// Adds a file and the directories above it.
fn put(contents: &mut Contents, path: &str, bytes: Vec<u8>, executable: bool) {
    let mut above = Path::new(path).parent();
    while let Some(directory) = above.filter(|directory| !directory.as_os_str().is_empty()) {
        contents
            .entry(directory.to_string_lossy().into_owned())
            .or_insert(Entry::Directory);
        above = directory.parent();
    }
    contents.insert(path.to_owned(), Entry::File { bytes, executable });
}
