//! What one kernel module says about itself in its `.modinfo` section.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::ramdisk::RamdiskError;
use crate::ramdisk::elf::Elf;
use crate::ramdisk::packages::run;

/// The part of `.modinfo` that loading needs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ModuleInfo {
    /// Names of the modules that must be loaded before.
    pub(super) depends: Vec<String>,
    /// Patterns of the hardware that it drives.
    pub(super) aliases: Vec<String>,
}

impl ModuleInfo {
    /// Reads the section of NUL-separated `key=value` texts.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let elf = Elf::parse(bytes).ok_or("not a 64-bit little-endian ELF file")?;
        let section = elf
            .section(".modinfo")
            .ok_or("it has no .modinfo section")?;
        Ok(Self::from_section(section))
    }

    fn from_section(section: &[u8]) -> Self {
        let mut info = Self::default();
        for text in section.split(|byte| *byte == 0) {
            let Some((key, value)) = std::str::from_utf8(text)
                .ok()
                .and_then(|t| t.split_once('='))
            else {
                continue;
            };
            match key {
                "alias" => info.aliases.push(value.to_owned()),
                "depends" => {
                    let names = value.split(',').filter(|name| !name.is_empty());
                    info.depends
                        .extend(names.map(|name| name.replace('-', "_")));
                }
                _ => {}
            }
        }
        info
    }
}

/// The module's bytes; newer Debian kernels store them compressed.
pub(super) fn read_uncompressed(path: &Path) -> Result<Vec<u8>, RamdiskError> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("xz") => Ok(run(Command::new("xz").arg("-dc").arg(path))?.stdout),
        Some("gz") => Ok(run(Command::new("gzip").arg("-dc").arg(path))?.stdout),
        Some("zst") => {
            let bytes = fs::read(path).map_err(RamdiskError::read(path))?;
            zstd::decode_all(bytes.as_slice()).map_err(RamdiskError::read(path))
        }
        _ => fs::read(path).map_err(RamdiskError::read(path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_loading_does_not_need_are_passed_over() {
        let section =
            b"license=GPL\0alias=pci:v00001AF4d*\0\0depends=virtio,net-failover\0broken\0";
        assert_eq!(
            ModuleInfo::from_section(section),
            ModuleInfo {
                depends: vec!["virtio".to_owned(), "net_failover".to_owned()],
                aliases: vec!["pci:v00001AF4d*".to_owned()],
            }
        );
        assert_eq!(
            ModuleInfo::from_section(b"depends=\0"),
            ModuleInfo::default()
        );
    }
}
