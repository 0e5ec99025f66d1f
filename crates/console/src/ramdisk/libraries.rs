//! The shared libraries of programs that are not linked statically.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::RamdiskError;
use super::elf::Elf;
use super::packages::run;

/// The loader and every library that `agent` needs, each from the first of the directories `before`
/// that has it, else from this host; empty for a static agent.
pub(super) fn of(
    agent: &Path,
    bytes: &[u8],
    before: &[PathBuf],
) -> Result<Vec<PathBuf>, RamdiskError> {
    let Some(interpreter) = Elf::parse(bytes).and_then(|elf| elf.interpreter()) else {
        return Ok(Vec::new());
    };
    let agent = agent.canonicalize().map_err(RamdiskError::read(agent))?;
    let mut loader = Command::new(&interpreter);
    if !before.is_empty() {
        let before: Vec<_> = before.iter().map(|path| path.to_string_lossy()).collect();
        loader.arg("--library-path").arg(before.join(":"));
    }
    let output = run(loader.arg("--list").arg(&agent))?;
    let mut libraries = parse(&String::from_utf8_lossy(&output.stdout)).map_err(|library| {
        RamdiskError::Library {
            agent: agent.clone(),
            library,
        }
    })?;
    libraries.push(PathBuf::from(interpreter));
    libraries.sort();
    libraries.dedup();
    Ok(libraries)
}

/// Reads lines such as `libc.so.6 => /lib/libc.so.6 (0x7f…)`; the error is a library not found.
fn parse(listing: &str) -> Result<Vec<PathBuf>, String> {
    let mut libraries = Vec::new();
    for line in listing.lines() {
        let Some((name, target)) = line.split_once("=>") else {
            continue;
        };
        let target = target.split(" (").next().unwrap_or("").trim();
        if target.starts_with('/') {
            libraries.push(PathBuf::from(target));
        } else if target == "not found" {
            return Err(name.trim().to_owned());
        }
    }
    Ok(libraries)
}

/// Reads a library; a link is followed, because the archive holds files under the names asked for.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, RamdiskError> {
    fs::read(path).map_err(RamdiskError::read(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_and_a_missing_library_is_named() {
        let listing = "\tlinux-vdso.so.1 (0x7ffe)\n\tlibc.so.6 => /lib/x/libc.so.6 (0x7f01)\n\
                       \t/lib64/ld-linux-x86-64.so.2 (0x7f02)\n";
        assert_eq!(parse(listing), Ok(vec![PathBuf::from("/lib/x/libc.so.6")]));
        assert_eq!(
            parse("\tlibssl.so.3 => not found\n"),
            Err("libssl.so.3".to_owned())
        );
    }

    #[test]
    fn the_test_binary_is_dynamic() {
        let path = std::env::current_exe().unwrap();
        let bytes = fs::read(&path).unwrap();
        let libraries = of(&path, &bytes, &[]).unwrap();
        assert!(
            libraries
                .iter()
                .any(|path| path.to_string_lossy().contains("libc.so"))
        );
        assert!(
            libraries
                .iter()
                .any(|path| path.to_string_lossy().contains("ld-linux"))
        );
    }
}
