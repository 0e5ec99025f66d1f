//! Names of nodes (wire reference §8.2): which texts may be a name at which version, and which may
//! stand for a node in a path.

use cupola_api::Microversion;
use cupola_api::fault::ApiFault;
use uuid::Uuid;

/// Words that are sub-resources of the node collection and so never names.
const RESERVED: [&str; 6] = [
    "maintenance",
    "management",
    "states",
    "vendor_passthru",
    "detail",
    "validate",
];

/// Whether a text has the form of a name at this version.
pub(super) fn is_valid(name: &str, version: Microversion) -> bool {
    if version < Microversion::new(10) {
        is_hostname(name)
    } else {
        is_logical(name)
    }
}

/// Checks the name that a client of this version gives a node; `invalid` is the text about one that
/// has not the form of a name.
///
/// # Errors
/// The name is none, or a word that paths have for something else.
pub(super) fn check(
    name: &str,
    version: Microversion,
    invalid: impl FnOnce() -> String,
) -> Result<(), ApiFault> {
    if !is_valid(name, version) {
        return Err(ApiFault::bad_request(invalid()));
    }
    if RESERVED.contains(&name) {
        return Err(ApiFault::bad_request(format!(
            "The word \"{name}\" is reserved and can not be used as a node name. Reserved words are: \
             {}.",
            RESERVED.join(", ")
        )));
    }
    Ok(())
}

/// Whether paths have this word for something else.
pub(super) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// 1–255 unreserved characters of RFC 3986 that are not a UUID.
pub(super) fn is_logical(name: &str) -> bool {
    is_logical_text(name) && Uuid::try_parse(name).is_err()
}

/// 1–255 unreserved characters of RFC 3986.
pub(super) fn is_logical_text(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}

/// A host name by RFC 952 and RFC 1123.
fn is_hostname(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 255 && name.split('.').all(label) && Uuid::try_parse(name).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_by_version() {
        let (old, new) = (Microversion::new(9), Microversion::new(10));
        for name in ["ports", "123", "a.b~c_d-e"] {
            assert!(is_valid(name, new), "{name}");
        }
        assert!(!is_valid("a_b", old));
        assert!(is_valid("node-1.rack2", old));
        let uuid = "6f3bc0f6-8a35-4a6f-8a7e-57a1b1c7f3d0";
        for name in ["", "a b", "states", "detail", "ä", uuid, &"x".repeat(256)] {
            assert!(check(name, new, String::new).is_err(), "{name}");
            assert!(check(name, old, String::new).is_err(), "{name}");
        }
    }
}
