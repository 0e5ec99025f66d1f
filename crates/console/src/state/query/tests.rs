//! What filters match, and that every text is one.

use cupola_api::cupola::NodeSummary;
use cupola_api::state::provision::ProvisionState;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::testing::summary;

fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).expect("a time")
}

fn node() -> NodeSummary {
    let mut node = summary(7, "rack1-u07", ProvisionState::DeployFailed);
    node.maintenance = true;
    node.last_error = Some("BMC does not answer".to_owned());
    node.owner = Some("Team Blue".to_owned());
    node.rack = Some("A12".to_owned());
    node.provision_updated_at = now().checked_sub(SignedDuration::from_hours(3)).ok();
    node.traits = vec!["CUSTOM_GPU".to_owned()];
    node
}

#[test]
fn filters() {
    let node = node();
    let cases = [
        ("", true),
        ("rack1", true),
        ("RACK1 u07", true),
        ("!rack1", false),
        ("!!rack1", true),
        ("state:deploy*", true),
        ("prov:failed", true),
        ("state:*failed", true),
        ("state:active|failed", true),
        ("state:=\"deploy failed\"", true),
        ("state:=deploy", false),
        ("state:active|error", false),
        ("maint:true", true),
        ("maint:no", false),
        ("!maint:yes", false),
        ("error:answer power:off", false),
        ("error:answer power:unknown", true),
        ("error:\"not answer\"", true),
        ("step:write", false),
        ("owner:\"team blue\"", true),
        ("\"team b\"", true),
        ("blue", true),
        ("gpu", true),
        ("rack:a12", true),
        ("rack:A9..A20", true),
        ("rack:A13..", false),
        ("rack:..A11", false),
        ("rack:>A12", false),
        ("rack:>=A12", true),
        ("lessee:\"\"", true),
        ("owner:\"\"", false),
        ("!owner:\"\"", true),
        ("name:rack1-u1..rack1-u20", true),
        ("name:r*07", true),
        ("name:~rk1u7", true),
        ("~r1u7", true),
        ("~zq", false),
        ("since:>2h", true),
        ("since:<10m", false),
        ("since:2h..4h", true),
        ("since:>1d", false),
        ("failed:yes", true),
        ("moving:yes", false),
        ("uuid:00000007", true),
        ("traits:CUSTOM_*", true),
    ];
    for (text, want) in cases {
        let query = Query::parse(text);
        assert_eq!(query.matches(&node, now()), want, "{text:?}");
        assert_eq!(query.problem(), None, "{text:?}");
    }
}

#[test]
fn what_makes_no_sense_is_told_and_matches_nothing() {
    let cases = [
        ("onwer:me", "is it owner?"),
        ("state:actve", "is it active?"),
        ("!state:actve", "is it active?"),
        ("maint:maybe", "neither yes nor no"),
        ("since:>2x", "90s, 10m"),
        ("!since:>2x", "90s, 10m"),
        ("since:2h", "wants > or <"),
    ];
    for (text, told) in cases {
        let query = Query::parse(text);
        let problem = query.problem().unwrap_or_default();
        assert!(problem.contains(told), "{text:?}: {problem}");
        assert!(!query.matches(&node(), now()), "{text:?}");
    }
    assert!(Query::parse("since:>2h").is_timed() && !Query::parse("x").is_timed());
}

#[test]
fn while_it_is_typed_nothing_flickers() {
    for text in ["since:>", "since:", "maint:", "maint:y", "rack:>", "state:"] {
        let query = Query::parse(text);
        assert!(query.matches(&node(), now()), "{text:?}");
        assert_eq!(query.problem(), None, "{text:?}");
    }
}

#[test]
fn one_more_letter_is_looked_for_among_those_that_are_shown() {
    let narrows = |new: &str, old: &str| Query::parse(new).narrows(&Query::parse(old));
    assert!(narrows("r", "") && narrows("ra", "r") && narrows("ra !x", "ra"));
    assert!(narrows("state:act ra", "state:ac ra") && narrows("~ra x", "~ra"));
    // From four letters on, they are looked for in identifiers too.
    assert!(!narrows("rack", "rac") && narrows("rack1", "rack"));
    assert!(!narrows("r", "ra") && !narrows("!ra", "!r") && !narrows("r|s", "r"));
    assert!(!narrows("since:>2h r", "since:>2h"), "time passes");
}

#[test]
fn pieces_keep_what_is_quoted_together() {
    let text = "a  owner:\"team blue\" !\"x y";
    assert_eq!(pieces(text), ["a", "owner:\"team blue\"", "!\"x y"]);
}

proptest! {
    #[test]
    fn a_narrower_filter_shows_nothing_new(
        old in "!?((name|state|uuid|owner):)?[~=]?[a-e0-9*|]{0,5}( [a-e0]{1,3})?",
        typed in "[a-e0|* ]{0,3}",
    ) {
        let (before, after) = (Query::parse(&old), Query::parse(&format!("{old}{typed}")));
        if after.narrows(&before) {
            for number in 0..64 {
                let node = summary(number * 0x0a0b, &format!("n{number:x}"), ProvisionState::Active);
                prop_assert!(!after.matches(&node, now()) || before.matches(&node, now()));
            }
        }
    }

    #[test]
    fn every_text_is_a_filter(text in "\\PC{0,40}") {
        Query::parse(&text).matches(&summary(1, "näme", ProvisionState::Active), now());
    }

    #[test]
    fn so_is_every_text_that_looks_like_one(
        text in "!?(name|state|since|maint|owner|x):[>=<~*|\"a-z0-9. ]{0,12}( [a-z]{0,3}){0,2}",
    ) {
        let query = Query::parse(&text);
        query.matches(&node(), now());
        // The same text always means the same.
        let again = Query::parse(&text);
        prop_assert_eq!(format!("{query:?}"), format!("{again:?}"));
    }

    #[test]
    fn a_term_and_its_contrary_are_never_both_true(text in "[a-z0-9*|~]{1,8}") {
        let (yes, no) = (Query::parse(&text), Query::parse(&format!("!{text}")));
        prop_assert_ne!(yes.matches(&node(), now()), no.matches(&node(), now()));
    }
}
