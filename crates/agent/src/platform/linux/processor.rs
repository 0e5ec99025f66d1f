//! Processors and memory, from `/proc` and the SMBIOS tables.

use cupola_api::agent::{CpuInfo, MemoryInfo};
use serde_json::Value;

use super::firmware;
use super::sys::SysRoot;

/// The processors.
pub(super) fn processors(root: &SysRoot) -> CpuInfo {
    let text = root.text("proc/cpuinfo").unwrap_or_default();
    let fields = || text.lines().filter_map(|line| line.split_once(':'));
    let first = |key: &str| {
        fields()
            .find(|(name, _)| name.trim() == key)
            .map(|(_, value)| value.trim().to_owned())
    };
    let count = fields()
        .filter(|(name, _)| name.trim() == "processor")
        .count();
    let mut sockets: Vec<&str> = fields()
        .filter(|(name, _)| name.trim() == "physical id")
        .map(|(_, id)| id.trim())
        .collect();
    sockets.sort_unstable();
    sockets.dedup();
    let flags = first("flags")
        .or_else(|| first("Features"))
        .unwrap_or_default();
    CpuInfo {
        model_name: first("model name"),
        frequency: frequency(root)
            .or_else(|| first("cpu MHz"))
            .map(Value::from),
        count: u32::try_from(count).unwrap_or(u32::MAX),
        architecture: std::env::consts::ARCH.to_owned(),
        flags: flags.split_whitespace().map(str::to_owned).collect(),
        socket_count: u32::try_from(sockets.len()).ok().filter(|count| *count > 0),
    }
}

/// The highest frequency in MHz; the current one says little.
fn frequency(root: &SysRoot) -> Option<String> {
    let khz: u64 = root.number("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")?;
    Some((khz / 1000).to_string())
}

/// The memory.
pub(super) fn memory(root: &SysRoot) -> MemoryInfo {
    let text = root.text("proc/meminfo").unwrap_or_default();
    let kib = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| {
            rest.trim()
                .trim_end_matches("kB")
                .trim()
                .parse::<u64>()
                .ok()
        });
    MemoryInfo {
        total: kib.and_then(|kib| kib.checked_mul(1024)),
        physical_mb: firmware::installed_memory(root),
    }
}
