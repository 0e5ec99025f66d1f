//! The language of rules: what is read, and what is refused where.

use super::*;
use cupola_api::policy::{RULES, Rule};
use proptest::prelude::*;

#[allow(
    clippy::duplicate_mod,
    reason = "the seeds of JSON patch are checked by it too"
)]
#[path = "../../../../../fuzz/seeds.rs"]
mod seeds;

fn read(text: &str) -> String {
    parse(text).unwrap().to_string()
}

#[test]
fn and_binds_closer_than_or() {
    assert_eq!(
        read("role:a or role:b and not role:C"),
        "(role:a or (role:b and not role:c))"
    );
    assert_eq!(
        read("(role:a OR role:b) AND system_scope:all"),
        "((role:a or role:b) and system_scope:all)"
    );
    assert_eq!(read(""), "@");
    assert_eq!(read(" ( ! ) "), "!");
}

#[test]
fn places_and_literals() {
    assert_eq!(
        read("(project_id:%(node.owner)s or 'a b':%(node.lessee)s)"),
        "(project_id:%(node.owner)s or 'a b':%(node.lessee)s)"
    );
    assert_eq!(
        parse("role:x%(user)sy").unwrap(),
        Expression::Role(Text(vec![
            Piece::Plain("x".to_owned()),
            Piece::Place("user".to_owned()),
            Piece::Plain("y".to_owned()),
        ]))
    );
}

#[test]
fn errors_say_where_and_what_to_do() {
    let cases = [
        ("role:a role:b", 8, "put and or or between"),
        ("role:a and", 11, "a check is missing"),
        ("(role:a", 1, "add it"),
        ("role:a)", 7, "remove it"),
        ("or role:a", 1, "a check is missing"),
        ("role:a or nobody", 11, "write KIND:VALUE"),
        ("colour:red", 1, "a token has no colour"),
        ("http://elsewhere", 1, "ask another service"),
        ("role:%(a", 1, "%(name)s"),
        ("@ or role:%(node.lesee)s", 6, "is %(node.lessee)s meant?"),
        (
            "user_id:%(project)s",
            1,
            "there is no target %(project)s: is %(project_id)s",
        ),
        ("'a':%(colour)s", 1, "there are node.owner, "),
        ("rule:", 1, "needs a name"),
        ("'a'", 1, "with a colon"),
    ];
    for (text, at, what) in cases {
        let error = parse(text).unwrap_err();
        assert_eq!(error.at, at, "{text}: {error}");
        assert!(error.what.contains(what), "{text}: {error}");
    }
    let long = format!("'a':%({})s", "x".repeat(1 << 20));
    assert!(parse(&long).unwrap_err().what.len() < 500);
    let deep = format!("{}@{}", "(".repeat(100), ")".repeat(100));
    assert!(parse(&deep).unwrap_err().what.contains("levels"));
    assert!(parse(&"not ".repeat(100_000)).is_err());
}

#[test]
fn the_seeds_are_rules() {
    let default = |rule: Rule| {
        let row = RULES.iter().find(|row| row.rule == rule).unwrap();
        row.check.as_bytes().to_vec()
    };
    let seeds = [
        ("node-get", default(Rule::NodeGet)),
        ("runbook-update", default(Rule::RunbookUpdate)),
        (
            "literals",
            b"not (@ and ! or 'a b':%(runbook.owner)s)".to_vec(),
        ),
    ];
    seeds::check("policy", &seeds);
    for (_, seed) in &seeds {
        super::super::fuzzing::expression(seed);
    }
}

proptest! {
    #[test]
    fn anything_is_read_or_refused_within_the_text(text in "\\PC{0,60}") {
        super::super::fuzzing::expression(text.as_bytes());
    }

    #[test]
    fn what_looks_like_a_rule_too(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "(", ")", "and", "or", "not", "@", "!", "role:reader", "rule:a", "'x':%(node.owner)s",
                "project_id:%(node.owner)s", "system_scope:all", "%(", ")s",
            ]),
            0..24,
        )
    ) {
        super::super::fuzzing::expression(words.join(" ").as_bytes());
    }
}
