//! What a fuzzer drives: rules as operators write them. Not part of the service.

#![allow(unreachable_pub, reason = "public to the fuzz targets only")]

use super::evaluate::{Facts, Target};
use super::expression;
use crate::auth::{Credentials, Scope};

/// Reads a rule and asks it; what was read is the same when it is written and read again.
///
/// # Panics
/// The two are not the same, or an error is told of a place outside the text.
pub fn expression(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let read = match expression::parse(text) {
        Ok(read) => read,
        Err(error) => {
            assert!(
                (1..=text.chars().count() + 1).contains(&error.at),
                "{error}"
            );
            return;
        }
    };
    let who = Credentials {
        user_id: "u".to_owned(),
        user_name: "user".to_owned(),
        user_domain_id: "default".to_owned(),
        roles: vec!["Reader".to_owned()],
        scope: Scope::System,
        is_admin_project: true,
    };
    let facts = Facts {
        who: &who,
        target: Target::default(),
        service_project: None,
    };
    let passed = facts.pass(&read, &|_| None);
    let again = expression::parse(&read.to_string());
    // What is written has a few more parentheses and may be too deep.
    if let Ok(again) = again {
        assert_eq!(facts.pass(&again, &|_| None), passed, "{read}");
    }
}
