//! Namespaces that a killed test left behind: found by the process id in their names, and removed
//! with the machines and services that still run inside.

use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Command;

const PREFIX: &str = "cupola-";

/// The name of a namespace of this process; `number` tells its namespaces apart.
pub(super) fn name(process: u32, number: u32) -> String {
    format!("{PREFIX}{process}-{number}")
}

/// The process that made a namespace of this name; `None` for those of others.
fn owner(name: &str) -> Option<u32> {
    let (process, number) = name.strip_prefix(PREFIX)?.split_once('-')?;
    number.parse::<u32>().ok()?;
    process.parse().ok()
}

/// Removes what processes left that are no more. Best effort: what cannot be removed costs memory,
/// and the new namespace does not care.
pub(super) async fn remove() {
    let Ok(mut entries) = tokio::fs::read_dir("/run/netns").await else {
        return;
    };
    while let Ok(Some(entry)) = entries.next_entry().await {
        let name = entry.file_name().to_string_lossy().into_owned();
        let gone = |process| !Path::new("/proc").join(process).exists();
        if owner(&name).is_some_and(|process| gone(process.to_string())) {
            tracing::info!(namespace = %name, "removing what a killed process left");
            end_processes(&name).await;
            super::delete(&name);
        }
    }
}

/// Only children of the dead process, and theirs, can be inside: the name was its own.
async fn end_processes(namespace: &str) {
    let listed = Command::new("ip")
        .args(["netns", "pids", namespace])
        .output()
        .await;
    let Ok(listed) = listed else {
        return;
    };
    for line in String::from_utf8_lossy(&listed.stdout).lines() {
        if let Ok(process) = line.trim().parse() {
            // It may have ended by itself meanwhile.
            let _ = kill(Pid::from_raw(process), Signal::SIGKILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_have_an_owner() {
        assert_eq!(owner(&name(17, 3)), Some(17));
        for other in ["cupola-try-17-0", "cupola-17", "cupola--1", "lab", "x-17-3"] {
            assert_eq!(owner(other), None, "{other}");
        }
    }
}
