//! A disk no faster than a real one: the kernel lets a group of processes write only so much a
//! second to it (block I/O controller of control groups, version 1 or 2). Needs root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// Where version 1 and version 2 are mounted, the first of them that has the controller.
const HIERARCHIES: [(&str, &str); 3] = [
    ("/sys/fs/cgroup/blkio", "blkio.throttle.write_bps_device"),
    ("/sys/fs/cgroup", "io.max"),
    ("/sys/fs/cgroup/unified", "io.max"),
];

/// A control group whose processes write to one disk at a limited rate; taken down when dropped.
pub(super) struct Throttle {
    group: PathBuf,
}

impl Throttle {
    /// Limits writes to this device; `None` where this host has no such controller.
    pub(super) fn new(device: &str, octets_per_second: u64) -> Result<Option<Self>> {
        let name = Path::new(device).file_name().context("a device")?;
        let numbers = fs::read_to_string(Path::new("/sys/block").join(name).join("dev"))?;
        let numbers = numbers.trim();
        for (hierarchy, file) in HIERARCHIES {
            let group = Path::new(hierarchy).join(format!("cupola-bench-{}", std::process::id()));
            if !Path::new(hierarchy).exists() || fs::create_dir(&group).is_err() {
                continue;
            }
            let throttle = Self { group };
            let limit = match file {
                "io.max" => format!("{numbers} wbps={octets_per_second}"),
                _ => format!("{numbers} {octets_per_second}"),
            };
            let file = throttle.group.join(file);
            if file.exists() && fs::write(file, limit).is_ok() {
                return Ok(Some(throttle));
            }
        }
        Ok(None)
    }

    /// A command that runs its arguments in the group.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", "echo $$ > \"$0\"/cgroup.procs && exec \"$@\""])
            .arg(&self.group);
        command
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        // A group that is not empty is one that a killed benchmark left processes in.
        let _ = fs::remove_dir(&self.group);
    }
}
