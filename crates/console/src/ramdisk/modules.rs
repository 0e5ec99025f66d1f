//! Kernel modules: what a kernel has, and the part of it that a deploy needs.
//!
//! Each module says in its `.modinfo` section what it depends on and which hardware it drives.
//! That is enough to write `modules.dep` and `modules.alias` for busybox's `modprobe` without
//! `depmod`, so that the result depends on the kernel's package alone.

mod info;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::RamdiskError;
use info::ModuleInfo;
pub(super) use wanted::{LOADED_ALWAYS, WANTED};

/// Every module of one kernel.
#[derive(Debug)]
pub(super) struct ModuleTree {
    root: PathBuf,
    modules: BTreeMap<String, PathBuf>,
    built_in: BTreeSet<String>,
}

/// One module that goes into the ramdisk.
#[derive(Debug)]
pub(super) struct Module {
    /// Path below `lib/modules/RELEASE`, always with the suffix `.ko`.
    pub(super) path: String,
    /// The module itself, uncompressed.
    pub(super) bytes: Vec<u8>,
    info: ModuleInfo,
}

/// The modules that were chosen, with everything they depend on.
#[derive(Debug)]
pub(super) struct ModuleSelection {
    /// By name.
    pub(super) modules: BTreeMap<String, Module>,
    /// Asked for, but not in this kernel in any form.
    pub(super) missing: Vec<String>,
}

impl ModuleTree {
    /// Lists the modules below `lib/modules/RELEASE`.
    pub(super) fn read(root: &Path) -> Result<Self, RamdiskError> {
        let mut modules = BTreeMap::new();
        let mut directories = vec![root.join("kernel")];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(&directory).map_err(RamdiskError::read(&directory))? {
                let path = entry.map_err(RamdiskError::read(&directory))?.path();
                if path.is_dir() {
                    directories.push(path);
                } else if let Some(name) = module_name(&path) {
                    modules.insert(name, path);
                }
            }
        }
        let listing = root.join("modules.builtin");
        let listing = fs::read_to_string(&listing).map_err(RamdiskError::read(&listing))?;
        let built_in = listing
            .lines()
            .filter_map(|line| module_name(Path::new(line.trim())))
            .collect();
        Ok(Self {
            root: root.to_path_buf(),
            modules,
            built_in,
        })
    }

    /// Loads the modules named in `wanted` and all that they depend on.
    pub(super) fn select(&self, wanted: &[&str]) -> Result<ModuleSelection, RamdiskError> {
        let mut modules = BTreeMap::new();
        let mut missing = Vec::new();
        let mut pending: Vec<String> = wanted.iter().rev().map(|name| (*name).to_owned()).collect();
        while let Some(name) = pending.pop() {
            if modules.contains_key(&name) || self.built_in.contains(&name) {
                continue;
            }
            let Some(path) = self.modules.get(&name) else {
                missing.push(name);
                continue;
            };
            let module = self.load(path)?;
            pending.extend(module.info.depends.iter().cloned());
            modules.insert(name, module);
        }
        Ok(ModuleSelection { modules, missing })
    }

    fn load(&self, path: &Path) -> Result<Module, RamdiskError> {
        let bytes = info::read_uncompressed(path)?;
        let info = ModuleInfo::parse(&bytes).map_err(|reason| RamdiskError::Module {
            path: path.to_path_buf(),
            reason,
        })?;
        let below = path
            .strip_prefix(&self.root)
            .unwrap_or(path)
            .to_string_lossy()
            .into_owned();
        let path = match below.split_once(".ko") {
            Some((stem, _compression)) => format!("{stem}.ko"),
            None => below,
        };
        Ok(Module { path, bytes, info })
    }
}

impl ModuleSelection {
    /// `modules.dep`: each module with everything it needs, what must be loaded first standing last.
    pub(super) fn dependencies(&self) -> String {
        let mut text = String::new();
        for (name, module) in &self.modules {
            let mut order = Vec::new();
            self.visit(name, &mut order);
            text.push_str(&module.path);
            text.push(':');
            for needed in order.iter().rev().filter(|needed| *needed != name) {
                if let Some(needed) = self.modules.get(needed) {
                    text.push(' ');
                    text.push_str(&needed.path);
                }
            }
            text.push('\n');
        }
        text
    }

    /// `modules.alias`: which module drives which hardware.
    pub(super) fn aliases(&self) -> String {
        let mut text = String::new();
        for (name, module) in &self.modules {
            for alias in &module.info.aliases {
                text.push_str("alias ");
                text.push_str(alias);
                text.push(' ');
                text.push_str(name);
                text.push('\n');
            }
        }
        text
    }

    /// Depth first, each module after what it needs; a circle ends where it closes.
    fn visit(&self, name: &str, order: &mut Vec<String>) {
        fn walk<'a>(
            selection: &'a ModuleSelection,
            name: &'a str,
            seen: &mut BTreeSet<&'a str>,
            order: &mut Vec<String>,
        ) {
            if !seen.insert(name) {
                return;
            }
            if let Some(module) = selection.modules.get(name) {
                for needed in &module.info.depends {
                    walk(selection, needed, seen, order);
                }
                order.push(name.to_owned());
            }
        }
        if let Some((name, _module)) = self.modules.get_key_value(name) {
            walk(self, name, &mut BTreeSet::new(), order);
        }
    }
}

/// The name the kernel uses for the module in this file; `None` if the file is no module.
fn module_name(path: &Path) -> Option<String> {
    let file = path.file_name()?.to_str()?;
    let stem = [".ko", ".ko.xz", ".ko.zst", ".ko.gz"]
        .into_iter()
        .find_map(|suffix| file.strip_suffix(suffix))?;
    Some(stem.replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(name: &str, depends: &[&str], aliases: &[&str]) -> (String, Module) {
        let module = Module {
            path: format!("kernel/{name}.ko"),
            bytes: Vec::new(),
            info: ModuleInfo {
                depends: depends.iter().map(|text| (*text).to_owned()).collect(),
                aliases: aliases.iter().map(|text| (*text).to_owned()).collect(),
            },
        };
        (name.to_owned(), module)
    }

    #[test]
    fn what_must_be_loaded_first_stands_last() {
        let selection = ModuleSelection {
            modules: BTreeMap::from([
                module(
                    "virtio_net",
                    &["net_failover", "virtio"],
                    &["virtio:d00000001v*"],
                ),
                module("net_failover", &["failover"], &[]),
                module("failover", &[], &[]),
                module("virtio", &["virtio_ring"], &[]),
                module("virtio_ring", &[], &[]),
            ]),
            missing: Vec::new(),
        };
        let text = selection.dependencies();
        let line = text
            .lines()
            .find(|line| line.starts_with("kernel/virtio_net.ko:"))
            .unwrap();
        let at = |name: &str| line.find(&format!("kernel/{name}.ko")).unwrap();
        assert!(
            at("virtio") < at("virtio_ring") && at("net_failover") < at("failover"),
            "{line}"
        );
        assert_eq!(selection.aliases(), "alias virtio:d00000001v* virtio_net\n");
    }

    #[test]
    fn a_circle_of_modules_ends() {
        let selection = ModuleSelection {
            modules: BTreeMap::from([module("a", &["b"], &[]), module("b", &["a"], &[])]),
            missing: Vec::new(),
        };
        assert_eq!(
            selection.dependencies(),
            "kernel/a.ko: kernel/b.ko\nkernel/b.ko: kernel/a.ko\n"
        );
    }

    #[test]
    fn names_are_the_kernels() {
        assert_eq!(
            module_name(Path::new("x/nls-cp437.ko.xz")).as_deref(),
            Some("nls_cp437")
        );
        assert_eq!(module_name(Path::new("x/modules.dep")), None);
    }
}
