//! The accounts of the ramdisk: closed until a rescue gives them a password. Where the files are is
//! what rescue ramdisks of the Bare Metal service agree on, so that their own scripts find them.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::super::PlatformError;
use super::sys::SysRoot;
use crate::rescue::{PasswordHash, shadow_file};

/// Whoever may log in.
const ACCOUNTS: &[&str] = &["root", "rescue"];
/// Where a script of the ramdisk may look for the hash.
const HASH_FILE: &str = "etc/ipa-rescue-config/ipa-rescue-password";
const SHADOW_FILE: &str = "etc/shadow";
/// Tells the ramdisk's init that the agent ended for a rescue.
const MARK: &str = "etc/.rescued";

/// Sets the password, then the mark.
///
/// # Errors
/// A file cannot be written.
pub(super) fn open(root: &SysRoot, password: &PasswordHash) -> Result<(), PlatformError> {
    write(root, HASH_FILE, password.expose())?;
    write(root, SHADOW_FILE, &shadow_file(password, ACCOUNTS))?;
    write(root, MARK, "")
}

fn write(root: &SysRoot, name: &str, text: &str) -> Result<(), PlatformError> {
    let path = root.path(name);
    let written = fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).and_then(|()| {
        fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)?
            .write_all(text.as_bytes())
    });
    written.map_err(|error| PlatformError::io(format!("writing {}", path.display()), error))
}
