//! That the table of rules and the table of routes agree, and that their page is up to date.

use std::collections::HashSet;
use std::path::Path;

use super::*;
use crate::contract::ROUTES;

#[test]
fn every_route_has_a_rule_or_is_public() {
    for route in ROUTES {
        let known = route.policy.is_empty() || Rule::of_route(route.policy).is_some();
        assert!(known, "{}: no rule {}", route.path, route.policy);
    }
}

#[test]
fn names_are_told_apart() {
    let names = RULES.iter().map(|row| row.name);
    let mut seen = HashSet::new();
    for name in names.chain(HELPERS.iter().map(|row| row.name)) {
        assert!(seen.insert(name), "{name} stands twice");
    }
    for (index, row) in RULES.iter().enumerate() {
        assert_eq!(row.rule as usize, index);
        assert!(row.name.starts_with(PREFIX));
    }
}

#[test]
fn the_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/policy.md");
    let fresh = document();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == fresh,
        "docs/policy.md is old: run this test with UPDATE_DOCS=1"
    );
}
