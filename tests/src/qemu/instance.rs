//! An instance that machines boot from memory: a kernel with its ramdisk, and the same as an ISO
//! image. It greets on the serial console with the word that its kernel was given.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::image::build_ramdisk;

/// In place of the agent. It holds the machine until that is switched off.
const GREETS: &str = r#"#!/bin/sh
for word in $(cat /proc/cmdline); do
  case $word in greeting=*) echo "the instance says ${word#greeting=}" ;; esac
done
sleep 3600
"#;

/// What the console shows of an instance with this greeting.
#[must_use]
pub fn greeting(word: &str) -> String {
    format!("the instance says {word}")
}

/// The files of the instance.
#[derive(Clone, Debug)]
pub struct MemoryInstance {
    /// Its kernel.
    pub kernel: PathBuf,
    /// Its ramdisk.
    pub ramdisk: PathBuf,
}

impl MemoryInstance {
    /// Builds it in `directory`.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn build(directory: &Path) -> Result<Self> {
        std::fs::create_dir_all(directory)?;
        let program = directory.join("greets");
        std::fs::write(&program, GREETS)?;
        build_ramdisk(&program, directory)?;
        Ok(Self {
            kernel: directory.join("kernel"),
            ramdisk: directory.join("ramdisk"),
        })
    }

    /// Makes an ISO image of it that starts by BIOS and by UEFI, and greets with this word.
    ///
    /// # Errors
    /// When `grub-mkrescue` fails.
    pub fn iso(&self, path: &Path, word: &str) -> Result<()> {
        let scratch = tempfile::tempdir()?;
        let root = scratch.path();
        std::fs::create_dir_all(root.join("boot/grub"))?;
        std::fs::copy(&self.kernel, root.join("kernel"))?;
        std::fs::copy(&self.ramdisk, root.join("ramdisk"))?;
        let menu = format!(
            "serial --unit=0 --speed=115200\n\
             terminal_output serial\n\
             set timeout=0\n\
             menuentry instance {{\n\
             linux /kernel console=ttyS0,115200 greeting={word}\n\
             initrd /ramdisk\n\
             }}\n"
        );
        std::fs::write(root.join("boot/grub/grub.cfg"), menu)?;
        let made = Command::new("grub-mkrescue")
            .args(["--locales=", "--fonts=", "--themes=", "-o"])
            .arg(path)
            .arg(root)
            .output()
            .context("grub-mkrescue cannot be run")?;
        ensure!(
            made.status.success(),
            "grub-mkrescue: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        Ok(())
    }
}
