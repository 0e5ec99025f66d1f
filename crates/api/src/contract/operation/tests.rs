//! The table of operations agrees with itself.

use super::*;
use std::collections::HashSet;

#[test]
fn no_method_of_a_path_stands_twice() {
    let mut seen = HashSet::new();
    for route in ROUTES {
        let path = without_names(route.path);
        assert!(seen.insert((route.method.clone(), path)), "{route:?}");
    }
}

/// Two paths that differ in the names of their parameters only are one.
fn without_names(path: &str) -> Vec<&str> {
    let plain = |s: &'static str| s;
    path.split('/')
        .map(|s| if s.starts_with('{') { plain("{}") } else { s })
        .collect()
}

#[test]
fn what_is_newer_says_what_older_versions_get() {
    for route in ROUTES {
        let is_newer = route.since > Microversion::MIN;
        assert_eq!(is_newer, route.older != Older::Fits, "{route:?}");
        let older = Microversion::new(route.since.minor() - 1);
        assert_eq!(route.gate(older).is_err(), is_newer, "{route:?}");
        assert!(route.gate(route.since).is_ok());
    }
}

#[test]
fn an_argument_is_told_once() {
    for route in ROUTES {
        let mut seen = HashSet::new();
        for argument in route.arguments.iter().flat_map(|group| group.iter()) {
            assert!(seen.insert(argument.name), "{argument:?} of {route:?}");
        }
    }
}

#[test]
fn unknown_and_newer_arguments_are_refused() {
    let nodes = ROUTES
        .iter()
        .find(|r| r.operation == Operation::ListNodes)
        .unwrap();
    let check = |names: &[&str], minor| {
        nodes
            .check_arguments(names.iter().copied(), Microversion::new(minor))
            .map_err(|fault| (fault.status, fault.message))
    };
    assert_eq!(check(&["limit", "owner"], 50), Ok(()));
    assert_eq!(
        check(&["zoo", "owner", "bar", "zoo"], 49),
        Err((400, "Unexpected arguments: bar, zoo".to_owned()))
    );
    let text = "Request not acceptable. The minimal required API version should be 1.50";
    assert_eq!(check(&["owner"], 49), Err((406, text.to_owned())));
}
