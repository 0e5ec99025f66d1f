//! The options of erasing that the conductor writes into `driver_internal_info` before cleaning, with
//! the defaults of conductors that do not.

use serde_json::{Map, Value};

/// Of disks at once.
const CONCURRENCY: usize = 4;

/// How disks are erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    /// Passes of random data before the zeros.
    pub(super) iterations: u64,
    /// Whether zeros come last.
    pub(super) zeroize: bool,
    /// Whether a disk whose own erasing fails is overwritten.
    pub(super) continue_if_failed: bool,
    /// Whether NVMe's own erasing is used.
    pub(super) nvme: bool,
    /// Whether ATA's own erasing is used.
    pub(super) ata: bool,
    /// Disks at once, at least 1.
    pub(super) concurrency: usize,
    /// Whether read-only disks are passed over.
    pub(super) skip_read_only: bool,
}

impl Options {
    pub(super) fn of(node: &Map<String, Value>) -> Self {
        let value = |key: &str| {
            node.get("driver_internal_info")
                .and_then(|info| info.get(key))
        };
        let flag = |key: &str, default| value(key).and_then(Value::as_bool).unwrap_or(default);
        let number = |key: &str| value(key).and_then(Value::as_u64);
        Self {
            iterations: number("agent_erase_devices_iterations").unwrap_or(1),
            zeroize: flag("agent_erase_devices_zeroize", true),
            continue_if_failed: flag(
                "agent_continue_if_secure_erase_failed",
                flag("agent_continue_if_ata_erase_failed", false),
            ),
            nvme: flag("agent_enable_nvme_secure_erase", true),
            ata: flag("agent_enable_ata_secure_erase", true),
            concurrency: number("disk_erasure_concurrency")
                .and_then(|number| usize::try_from(number).ok())
                .unwrap_or(CONCURRENCY)
                .max(1),
            skip_read_only: flag("agent_erase_skip_read_only", false),
        }
    }

    /// Whether overwriting would do nothing at all.
    pub(super) fn erases_nothing(&self) -> bool {
        self.iterations == 0 && !self.zeroize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_names_of_going_on_are_read_and_the_newer_wins() {
        let of = |info: Value| {
            let node = json!({"driver_internal_info": info});
            Options::of(node.as_object().unwrap())
        };
        assert!(!of(json!({})).continue_if_failed);
        let old = json!({"agent_continue_if_ata_erase_failed": true});
        assert!(of(old).continue_if_failed);
        let both = json!({"agent_continue_if_ata_erase_failed": true,
                          "agent_continue_if_secure_erase_failed": false});
        assert!(!of(both).continue_if_failed);
        assert_eq!(of(json!({"disk_erasure_concurrency": 0})).concurrency, 1);
        let nothing = json!({"agent_erase_devices_iterations": 0,
                             "agent_erase_devices_zeroize": false});
        assert!(of(nothing).erases_nothing());
    }
}
