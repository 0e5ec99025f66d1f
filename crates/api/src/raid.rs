//! Target RAID configurations: what they may hold (wire reference §11.4), and what is told of it.

use serde_json::Value;

use crate::fault::ApiFault;
use crate::node::Object;

/// What a property of a logical disk holds.
#[derive(Clone, Copy, Debug)]
enum Holds {
    Text,
    OneOf(&'static [&'static str]),
    Boolean,
    /// A whole number above 0.
    Count,
    /// A whole number, or `MAX`.
    Size,
    /// A list, or a number of disks.
    Disks,
}

const LEVELS: &[&str] = &["JBOD", "0", "1", "2", "5", "6", "1+0", "5+0", "6+0"];

/// The properties of a logical disk: what each holds, and what it is for.
const PROPERTIES: &[(&str, Holds, &str)] = &[
    (
        "raid_level",
        Holds::OneOf(LEVELS),
        "RAID level of the logical disk: JBOD, 0, 1, 2, 5, 6, 1+0, 5+0 or 6+0. Required.",
    ),
    (
        "size_gb",
        Holds::Size,
        "Size of the logical disk in GiB, or MAX for all the space that is left. Required.",
    ),
    (
        "volume_name",
        Holds::Text,
        "Name of the volume; one is made up when it is missing. Optional.",
    ),
    (
        "is_root_volume",
        Holds::Boolean,
        "Whether the operating system goes on this disk; no when it is missing. Optional.",
    ),
    (
        "share_physical_disks",
        Holds::Boolean,
        "Whether other logical disks may use the same physical disks; no when it is missing. \
         Optional.",
    ),
    (
        "disk_type",
        Holds::OneOf(&["hdd", "ssd"]),
        "Kind of physical disks wanted: hdd or ssd; any when it is missing. Optional.",
    ),
    (
        "interface_type",
        Holds::OneOf(&["sata", "scsi", "sas"]),
        "Interface of the physical disks wanted: sata, scsi or sas; any when it is missing. \
         Optional.",
    ),
    (
        "number_of_physical_disks",
        Holds::Count,
        "How many physical disks to use; as few as the level needs when it is missing. Optional.",
    ),
    (
        "controller",
        Holds::Text,
        "The RAID controller to use; a fitting one when it is missing. Optional.",
    ),
    (
        "physical_disks",
        Holds::Disks,
        "The physical disks to use, as the controller names them. Optional.",
    ),
];

/// The properties of logical disks, each with its meaning.
#[must_use]
pub fn logical_disk_properties() -> Object {
    PROPERTIES
        .iter()
        .map(|(name, _, meaning)| ((*name).to_owned(), Value::from(*meaning)))
        .collect()
}

/// Checks a target RAID configuration; an empty one stands for none and is always good.
///
/// # Errors
/// 400 that says what is wrong with it.
pub fn check(raid: &Object) -> Result<(), ApiFault> {
    if raid.is_empty() {
        return Ok(());
    }
    if !raid.contains_key("logical_disks") {
        return Err(wrong("'logical_disks' is a required property".to_owned()));
    }
    if let Some(name) = raid.keys().find(|name| *name != "logical_disks") {
        return Err(wrong(format!(
            "Additional properties are not allowed ('{name}' was unexpected)"
        )));
    }
    match raid.get("logical_disks") {
        Some(Value::Array(disks)) if disks.is_empty() => {
            Err(wrong("[] should be non-empty".to_owned()))
        }
        Some(Value::Array(disks)) => disks.iter().try_for_each(check_disk),
        Some(other) => Err(wrong(format!("{other} is not of type 'array'"))),
        None => Err(wrong("'logical_disks' is a required property".to_owned())),
    }
}

fn check_disk(disk: &Value) -> Result<(), ApiFault> {
    let Value::Object(disk) = disk else {
        return Err(wrong(format!("{disk} is not of type 'object'")));
    };
    for (name, value) in disk {
        let Some((_, holds, _)) = PROPERTIES.iter().find(|(known, ..)| known == name) else {
            return Err(wrong(format!(
                "Additional properties are not allowed ('{name}' was unexpected)"
            )));
        };
        if let (Holds::OneOf(words), Value::String(word)) = (holds, value)
            && !words.contains(&word.as_str())
        {
            let known: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
            let known = known.join(", ");
            return Err(wrong(format!("'{word}' is not one of [{known}]")));
        }
        if !fits(*holds, value) {
            return Err(wrong(format!("{value} is not valid for '{name}'")));
        }
    }
    match ["raid_level", "size_gb"]
        .iter()
        .find(|name| !disk.contains_key(**name))
    {
        Some(name) => Err(wrong(format!("'{name}' is a required property"))),
        None => Ok(()),
    }
}

fn fits(holds: Holds, value: &Value) -> bool {
    match holds {
        Holds::Text => value.is_string(),
        Holds::OneOf(words) => value.as_str().is_some_and(|word| words.contains(&word)),
        Holds::Boolean => value.is_boolean(),
        Holds::Count => value.as_u64() > Some(0),
        Holds::Size => value.is_u64() || value.as_str() == Some("MAX"),
        Holds::Disks => value.is_array() || value.as_u64() > Some(0),
    }
}

fn wrong(why: String) -> ApiFault {
    ApiFault::bad_request(format!("RAID config validation error: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn checked(raid: Value) -> Result<(), String> {
        let Value::Object(raid) = raid else {
            unreachable!("an object")
        };
        check(&raid).map_err(|fault| fault.message)
    }

    #[test]
    fn good_ones_and_none_are_taken() {
        let disk = json!({"raid_level": "1", "size_gb": 100, "disk_type": "ssd",
                          "number_of_physical_disks": 2, "is_root_volume": true});
        let rest = json!({"raid_level": "5+0", "size_gb": "MAX"});
        assert_eq!(checked(json!({"logical_disks": [disk, rest]})), Ok(()));
        assert_eq!(checked(json!({})), Ok(()));
    }

    #[test]
    fn the_rest_is_refused() {
        let disks = |disk: Value| json!({ "logical_disks": [disk] });
        for raid in [
            json!({"disks": []}),
            json!({"logical_disks": []}),
            json!({"logical_disks": 5}),
            disks(json!("all")),
            disks(json!({"raid_level": 9})),
            disks(json!({"raid_level": "1"})),
            disks(json!({"raid_level": "1", "size_gb": -1})),
            disks(json!({"raid_level": "1", "size_gb": "most"})),
            disks(json!({"raid_level": "1", "size_gb": 1, "colour": "red"})),
            disks(json!({"raid_level": "1", "size_gb": 1, "number_of_physical_disks": 0})),
        ] {
            let text = checked(raid.clone()).expect_err(&raid.to_string());
            assert!(text.starts_with("RAID config validation error: "), "{text}");
        }
    }
}
