//! Rules of access of an application credential: which requests a token made with it is good for.

use serde::Deserialize;

/// The type of this service in the catalog.
const SERVICE: &str = "baremetal";

/// A request that is allowed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct AccessRule {
    service: String,
    method: String,
    path: String,
}

impl AccessRule {
    /// Whether it allows this request.
    pub(super) fn allows(&self, method: &str, path: &str) -> bool {
        self.service == SERVICE
            && self.method == method
            && matches(path.as_bytes(), &parts(&self.path))
    }
}

/// A piece of a pattern.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Literal(u8),
    /// `{name}` or `*`: one character or more, but no slash.
    Segment,
    /// `**`: anything.
    Anything,
}

fn parts(pattern: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = pattern;
    while let Some(first) = rest.bytes().next() {
        let tag = rest.strip_prefix('{').and_then(|tag| tag.split_once('}'));
        if let Some(after) = rest.strip_prefix("**") {
            parts.push(Part::Anything);
            rest = after;
        } else if let Some(after) = rest.strip_prefix('*') {
            parts.push(Part::Segment);
            rest = after;
        } else if let Some((_, after)) = tag {
            parts.push(Part::Segment);
            rest = after;
        } else {
            // Byte by byte: a path is compared as octets.
            let text = rest.chars().next().map_or(1, char::len_utf8);
            let (here, after) = rest.split_at_checked(text).unwrap_or((rest, ""));
            parts.extend(here.bytes().map(Part::Literal));
            debug_assert!(here.bytes().next() == Some(first));
            rest = after;
        }
    }
    parts
}

/// Whether all of the path is matched. The set of places in the pattern is carried along the path,
/// so that no pattern takes longer than their product.
fn matches(path: &[u8], parts: &[Part]) -> bool {
    // A place is a part, and whether a segment there has a character already.
    let mut places = vec![(0, false)];
    for octet in path {
        let mut next = Vec::new();
        for place in skipped(&places, parts) {
            match parts.get(place.0) {
                Some(Part::Literal(wanted)) if wanted == octet => {
                    add(&mut next, (place.0 + 1, false));
                }
                Some(Part::Segment) if *octet != b'/' => add(&mut next, (place.0, true)),
                Some(Part::Anything) => add(&mut next, (place.0, true)),
                Some(Part::Literal(_) | Part::Segment) | None => {}
            }
        }
        places = next;
    }
    skipped(&places, parts)
        .iter()
        .any(|place| place.0 == parts.len())
}

/// The places, and those that are reached from them without a character.
fn skipped(places: &[(usize, bool)], parts: &[Part]) -> Vec<(usize, bool)> {
    let mut all = Vec::new();
    for place in places {
        let mut place = *place;
        loop {
            add(&mut all, place);
            match parts.get(place.0) {
                Some(Part::Anything) => place = (place.0 + 1, false),
                Some(Part::Segment) if place.1 => place = (place.0 + 1, false),
                Some(Part::Literal(_) | Part::Segment) | None => break,
            }
        }
    }
    all
}

fn add(places: &mut Vec<(usize, bool)>, place: (usize, bool)) {
    if !places.contains(&place) {
        places.push(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rule(path: &str) -> AccessRule {
        AccessRule {
            service: SERVICE.to_owned(),
            method: "GET".to_owned(),
            path: path.to_owned(),
        }
    }

    #[test]
    fn patterns_are_keystones() {
        for (pattern, path, allowed) in [
            ("/v1/nodes", "/v1/nodes", true),
            ("/v1/nodes", "/v1/nodes/n1", false),
            ("/v1/nodes/*", "/v1/nodes/n1", true),
            ("/v1/nodes/*", "/v1/nodes/", false),
            ("/v1/nodes/*", "/v1/nodes/n1/states", false),
            ("/v1/nodes/{id}/states", "/v1/nodes/n1/states", true),
            ("/v1/nodes/{id}/states", "/v1/nodes/states", false),
            ("/v1/**", "/v1/nodes/n1/states", true),
            ("/v1/**", "/v1/", true),
            ("/**/states", "/v1/nodes/n1/states", true),
            ("/v1/ab*cd", "/v1/abxxcd", true),
            ("/v1/ab*cd", "/v1/abcd", false),
            ("/v1.nodes", "/v1/nodes", false),
        ] {
            assert_eq!(
                rule(pattern).allows("GET", path),
                allowed,
                "{pattern} {path}"
            );
        }
        assert!(!rule("/v1/nodes").allows("PUT", "/v1/nodes"));
        let other = AccessRule {
            service: "compute".to_owned(),
            ..rule("/v1/nodes")
        };
        assert!(!other.allows("GET", "/v1/nodes"));
    }

    proptest! {
        #[test]
        fn any_pattern_and_path_are_safe(pattern in "[/a{}*é]{0,30}", path in "[/a{}*é]{0,30}") {
            let _ = rule(&pattern).allows("GET", &path);
        }

        #[test]
        fn a_path_without_signs_matches_itself(path in "[/a-z0-9é.-]{0,30}") {
            prop_assert!(rule(&path).allows("GET", &path));
        }
    }
}
