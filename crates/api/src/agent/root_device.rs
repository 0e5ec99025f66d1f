//! Root device hints: which disk the image goes to, and which disks are left alone
//! (`skip_block_devices`). The operators are those of the Bare Metal API's `properties.root_device`. The
//! conductor checks hints with this before power is touched, the agent picks its disk. Nothing here
//! touches a disk.

mod operator;

use serde_json::{Map, Value};

use super::inventory::BlockDevice;

use operator::{Matcher, ParseHintError};

/// The smallest disk taken without hints, in bytes.
const DEFAULT_MINIMUM: u64 = 4 * GIB;
const GIB: u64 = 1024 * 1024 * 1024;

/// Why there is no root device.
#[derive(Debug, thiserror::Error)]
pub enum HintError {
    /// The machine has no disk at all.
    #[error("no disk was found: check the controller, and whether the ramdisk has its driver")]
    NoDisks,
    /// A hint is not understood.
    #[error("root device hint {key}={value}: {reason}")]
    Invalid {
        /// Which one.
        key: String,
        /// Its value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No disk matches.
    #[error(
        "no disk matches the root device hints {hints}: {disks}; correct the hints, or check whether \
         the disk is missing"
    )]
    NoneMatched {
        /// The hints.
        hints: String,
        /// Each disk, and why it does not match.
        disks: String,
    },
    /// Several do; which one to overwrite is not for the agent to guess.
    #[error(
        "{count} disks match the root device hints {hints}: {disks}; \
         add a hint that tells them apart, such as serial or wwn{others}"
    )]
    SeveralMatched {
        /// The hints.
        hints: String,
        /// How many.
        count: usize,
        /// Which ones.
        disks: String,
        /// Those that do not, and why, in parentheses; or nothing.
        others: String,
    },
    /// The value is no object, or for a list of disks to leave alone no list of objects.
    #[error("{key} is {value}; write {form}")]
    Form {
        /// Of which property.
        key: &'static str,
        /// What it is.
        value: String,
        /// What it must be.
        form: &'static str,
    },
    /// Without hints, no disk is large enough.
    #[error("no disk has at least 4 GiB; {0}")]
    TooSmall(String),
}

/// Hints, understood: a disk has to match all of them.
#[derive(Debug, Default)]
pub struct RootDeviceHints(Vec<Hint>);

impl RootDeviceHints {
    /// Understands the hints of `root_device`; those that are null do not count.
    ///
    /// # Errors
    /// An unknown hint, or a value that is none of it.
    pub fn parse(hints: &Map<String, Value>) -> Result<Self, HintError> {
        hints
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| Hint::parse(key, value))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Understands `root_device` as it stands in a node's properties: an object, or nothing.
    ///
    /// # Errors
    /// As [`RootDeviceHints::parse`], or something else than an object.
    pub fn of_property(value: Option<&Value>) -> Result<Self, HintError> {
        match value {
            None | Some(Value::Null) => Ok(Self::default()),
            Some(Value::Object(hints)) => Self::parse(hints),
            Some(other) => Err(HintError::Form {
                key: "root_device",
                value: other.to_string(),
                form: "an object of hints, as {\"serial\": \"S1\"}",
            }),
        }
    }

    /// Understands `skip_block_devices`: a list of hints, each of which names disks to leave alone.
    ///
    /// # Errors
    /// As [`RootDeviceHints::parse`], or something else than a list of objects with hints in them.
    pub fn skip_list(value: Option<&Value>) -> Result<Vec<Self>, HintError> {
        let wrong = |value: &Value| HintError::Form {
            key: "skip_block_devices",
            value: value.to_string(),
            form: "a list of hints, as [{\"serial\": \"S1\"}]",
        };
        let entries = match value {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(entries)) => entries,
            Some(other) => return Err(wrong(other)),
        };
        entries
            .iter()
            .map(|entry| match entry.as_object().map(Self::parse) {
                Some(Ok(hints)) if hints.0.is_empty() => Err(wrong(entry)),
                Some(parsed) => parsed,
                None => Err(wrong(entry)),
            })
            .collect()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the disk matches all of them; of no hints, every disk does.
    #[must_use]
    pub fn matches(&self, disk: &BlockDevice) -> bool {
        self.0.iter().all(|hint| hint.matches(disk))
    }

    /// Picks the disk for the image.
    ///
    /// Without hints: the smallest of at least 4 GiB, and among equals the first by name. With
    /// hints: the one disk that matches all of them.
    ///
    /// # Errors
    /// No disk, or none or several disks that match. Nothing was written then.
    pub fn select<'d>(&self, disks: &'d [BlockDevice]) -> Result<&'d BlockDevice, HintError> {
        if disks.is_empty() {
            return Err(HintError::NoDisks);
        }
        if self.is_empty() {
            return default_device(disks);
        }
        let (matched, others): (Vec<&BlockDevice>, Vec<&BlockDevice>) =
            disks.iter().partition(|disk| self.matches(disk));
        let explained = |disks: &[&BlockDevice]| {
            let each: Vec<String> = disks.iter().map(|disk| explain(disk, &self.0)).collect();
            each.join("; ")
        };
        match matched.as_slice() {
            [disk] => Ok(disk),
            [] => Err(HintError::NoneMatched {
                hints: show_hints(&self.0),
                disks: explained(&others),
            }),
            several => Err(HintError::SeveralMatched {
                hints: show_hints(&self.0),
                count: several.len(),
                disks: several
                    .iter()
                    .map(|disk| show_disk(disk))
                    .collect::<Vec<_>>()
                    .join(", "),
                others: if others.is_empty() {
                    String::new()
                } else {
                    format!(" (not matched: {})", explained(&others))
                },
            }),
        }
    }
}

fn default_device(disks: &[BlockDevice]) -> Result<&BlockDevice, HintError> {
    disks
        .iter()
        .filter(|disk| disk.size >= DEFAULT_MINIMUM)
        .min_by(|one, other| (one.size, &one.name).cmp(&(other.size, &other.name)))
        .ok_or_else(|| {
            HintError::TooSmall(disks.iter().map(show_disk).collect::<Vec<_>>().join(", "))
        })
}

fn show_disk(disk: &BlockDevice) -> String {
    let serial = disk.serial.as_deref().unwrap_or("none");
    format!("{} ({} GiB, serial {serial})", disk.name, disk.size / GIB)
}

fn show_hints(hints: &[Hint]) -> String {
    hints
        .iter()
        .map(|hint| format!("{}={}", hint.key, hint.text))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A disk and the first hints it fails.
fn explain(disk: &BlockDevice, hints: &[Hint]) -> String {
    let reasons: Vec<String> = hints
        .iter()
        .filter(|hint| !hint.matches(disk))
        .map(|hint| format!("its {} is {}", hint.key, hint.field.show(disk)))
        .collect();
    format!("{}: {}", disk.name, reasons.join(", "))
}

/// One hint, understood.
#[derive(Debug)]
struct Hint {
    key: String,
    text: String,
    field: Field,
    matcher: Matcher,
}

/// What of a disk a hint looks at.
#[derive(Debug, Clone, Copy)]
enum Field {
    Name,
    Model,
    Vendor,
    Serial,
    Wwn,
    WwnWithExtension,
    WwnVendorExtension,
    Hctl,
    ByPath,
    Transport,
    Size,
    Rotational,
}

impl Hint {
    fn parse(key: &str, value: &Value) -> Result<Self, HintError> {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let invalid = |reason: String| HintError::Invalid {
            key: key.to_owned(),
            value: text.clone(),
            reason,
        };
        let field = Field::parse(key).ok_or_else(|| {
            invalid(
                "unknown hint; known are name, model, vendor, serial, wwn, wwn_with_extension, \
                 wwn_vendor_extension, hctl, by_path, tran, size, rotational"
                    .to_owned(),
            )
        })?;
        let matcher = match field {
            Field::Size => Matcher::parse_number(&text),
            Field::Rotational => Matcher::parse_boolean(&text),
            Field::Name
            | Field::Model
            | Field::Vendor
            | Field::Serial
            | Field::Wwn
            | Field::WwnWithExtension
            | Field::WwnVendorExtension
            | Field::Hctl
            | Field::Transport
            | Field::ByPath => Matcher::parse_text(&text),
        }
        .map_err(|ParseHintError(reason)| invalid(reason))?;
        Ok(Self {
            key: key.to_owned(),
            text,
            field,
            matcher,
        })
    }

    fn matches(&self, disk: &BlockDevice) -> bool {
        match self.field {
            // A `name` hint may be the stable link instead of the kernel's name.
            Field::Name => {
                self.matcher.matches(&disk.name)
                    || disk
                        .by_path
                        .as_deref()
                        .is_some_and(|path| self.matcher.matches(path))
            }
            Field::Size
            | Field::Rotational
            | Field::Model
            | Field::Vendor
            | Field::Serial
            | Field::Wwn
            | Field::WwnWithExtension
            | Field::WwnVendorExtension
            | Field::Hctl
            | Field::Transport
            | Field::ByPath => self
                .field
                .value(disk)
                .is_some_and(|value| self.matcher.matches(&value)),
        }
    }
}

impl Field {
    fn parse(key: &str) -> Option<Self> {
        Some(match key {
            "name" => Self::Name,
            "model" => Self::Model,
            "vendor" => Self::Vendor,
            "serial" => Self::Serial,
            "wwn" => Self::Wwn,
            "wwn_with_extension" => Self::WwnWithExtension,
            "wwn_vendor_extension" => Self::WwnVendorExtension,
            "hctl" => Self::Hctl,
            "by_path" => Self::ByPath,
            "tran" => Self::Transport,
            "size" => Self::Size,
            "rotational" => Self::Rotational,
            _ => return None,
        })
    }

    fn value(self, disk: &BlockDevice) -> Option<String> {
        match self {
            Self::Name => Some(disk.name.clone()),
            Self::Model => disk.model.clone(),
            Self::Vendor => disk.vendor.clone(),
            Self::Serial => disk.serial.clone(),
            Self::Wwn => disk.wwn.clone(),
            Self::WwnWithExtension => disk.wwn_with_extension.clone(),
            Self::WwnVendorExtension => disk.wwn_vendor_extension.clone(),
            Self::Hctl => disk.hctl.clone(),
            Self::ByPath => disk.by_path.clone(),
            Self::Transport => disk.tran.clone(),
            Self::Size => Some((disk.size / GIB).to_string()),
            Self::Rotational => Some(disk.rotational.to_string()),
        }
    }

    fn show(self, disk: &BlockDevice) -> String {
        match (self, self.value(disk)) {
            (_, None) => "unknown".to_owned(),
            (Self::Size, Some(size)) => format!("{size} GiB"),
            (_, Some(value)) => value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn disk(name: &str, gib: u64, serial: &str) -> BlockDevice {
        BlockDevice {
            name: name.to_owned(),
            size: gib * GIB,
            serial: Some(serial.to_owned()),
            model: Some("ST4000 NM".to_owned()),
            by_path: Some(format!("/dev/disk/by-path/pci-{name}")),
            rotational: name != "/dev/nvme0n1",
            ..BlockDevice::default()
        }
    }

    fn rack() -> Vec<BlockDevice> {
        vec![
            disk("/dev/sda", 0, "EMPTY"),
            disk("/dev/sdb", 500, "B500"),
            disk("/dev/sdc", 100, "C100"),
            disk("/dev/nvme0n1", 100, "N100"),
        ]
    }

    fn select(hints: &Value) -> Result<String, HintError> {
        let rack = rack();
        RootDeviceHints::of_property(Some(hints))?
            .select(&rack)
            .map(|disk| disk.name.clone())
    }

    #[test]
    fn the_default_is_the_smallest_of_at_least_4_gib_and_the_first_of_equals() {
        assert_eq!(select(&json!({})).unwrap(), "/dev/nvme0n1");
        assert_eq!(select(&json!({"serial": null})).unwrap(), "/dev/nvme0n1");
        assert!(matches!(
            RootDeviceHints::default().select(&[]),
            Err(HintError::NoDisks)
        ));
        let tiny = [disk("/dev/sda", 3, "x")];
        assert!(matches!(
            RootDeviceHints::default().select(&tiny),
            Err(HintError::TooSmall(_))
        ));
    }

    #[test]
    fn every_kind_of_hint_picks_its_disk() {
        for (hints, want) in [
            (json!({"serial": "b500"}), "/dev/sdb"),
            (json!({"size": 500}), "/dev/sdb"),
            (json!({"size": ">= 200"}), "/dev/sdb"),
            (json!({"rotational": false}), "/dev/nvme0n1"),
            (json!({"name": "/dev/sdc"}), "/dev/sdc"),
            (
                json!({"name": "s== /dev/disk/by-path/pci-/dev/sdc"}),
                "/dev/sdc",
            ),
            (json!({"serial": "<or> C100 <or> Z"}), "/dev/sdc"),
            (json!({"serial": "<in> N1"}), "/dev/nvme0n1"),
            (
                json!({"model": "st4000 nm", "rotational": true, "size": 100}),
                "/dev/sdc",
            ),
        ] {
            assert_eq!(select(&hints).unwrap(), want, "{hints}");
        }
    }

    #[test]
    fn none_several_and_nonsense_are_told_apart() {
        let error = select(&json!({"serial": "none"})).unwrap_err().to_string();
        assert!(error.contains("/dev/sdb: its serial is B500"), "{error}");
        let error = select(&json!({"size": 100})).unwrap_err().to_string();
        assert!(error.starts_with("2 disks match"), "{error}");
        assert!(error.contains("/dev/sdb: its size is 500 GiB"), "{error}");
        assert!(matches!(
            select(&json!(["size"])),
            Err(HintError::Form { .. })
        ));
        assert!(matches!(
            select(&json!({"colour": "red"})),
            Err(HintError::Invalid { .. })
        ));
        assert!(matches!(
            select(&json!({"size": "big"})),
            Err(HintError::Invalid { .. })
        ));
        assert!(matches!(
            select(&json!({"wwn": "0x5"})),
            Err(HintError::NoneMatched { .. })
        ));
    }

    #[test]
    fn disks_to_leave_alone_are_named_by_hints() {
        let rack = rack();
        let list = json!([{"serial": "b500"}, {"size": 100, "rotational": true}]);
        let skipped = RootDeviceHints::skip_list(Some(&list)).unwrap();
        let names: Vec<&str> = rack
            .iter()
            .filter(|disk| skipped.iter().any(|hints| hints.matches(disk)))
            .map(|disk| disk.name.as_str())
            .collect();
        assert_eq!(names, ["/dev/sdb", "/dev/sdc"]);
        // An empty hint would leave every disk alone, and a text would mean nothing.
        for bad in [json!([{}]), json!("sda"), json!(["sda"])] {
            assert!(RootDeviceHints::skip_list(Some(&bad)).is_err(), "{bad}");
        }
    }
}
