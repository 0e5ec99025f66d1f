//! Runs: what is sent when, and when they stop.

use super::*;
use crate::event::Refusal;
use crate::testing::summary;
use cupola_api::state::provision::{ProvisionState as S, ProvisionVerb as V};

const PROVIDE: Action = Action::Provision(V::Provide);

fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).expect("a time")
}

fn after(seconds: u64) -> Timestamp {
    now()
        .checked_add(Duration::from_secs(seconds))
        .expect("a time")
}

fn fleet(count: u32) -> Fleet {
    let mut fleet = Fleet::default();
    let node = |n: u32| summary(n, &format!("n{n}"), S::Manageable);
    fleet.replace((1..=count).map(node).collect());
    fleet
}

fn run(count: u32, action: &Action, change: impl Fn(&mut Options)) -> Run {
    let safety = Safety::default();
    let mut options = Options::new(&safety);
    change(&mut options);
    let acts = (1..=count).map(|n| (summary(n, "", S::Manageable).uuid, action.clone()));
    let plan = Plan {
        name: action.name(),
        acts: acts.collect(),
        left_out: Vec::new(),
        options,
        quick: false,
        undoes: None,
    };
    Run::new(RunId(1), plan, safety.grace, |id| id.to_string(), now())
}

fn refuse(run: &mut Run, node: NodeId) {
    let refusal = Refusal {
        why: "locked".to_owned(),
        reached: true,
    };
    assert!(run.answered(node, &PROVIDE, Err(&refusal), None, now()));
}

fn reach(run: &mut Run, node: NodeId) {
    assert!(run.answered(node, &PROVIDE, Ok(()), None, now()));
    let mut summary = summary(1, "", S::Available);
    summary.uuid = node;
    run.observe(&HashMap::from([(node, &summary)]), now());
}

#[test]
fn no_more_than_the_limit_are_under_way() {
    let fleet = fleet(5);
    let mut run = run(5, &PROVIDE, |o| o.parallel = 2);
    let first = run.due(&fleet, now());
    assert_eq!(first.len(), 2);
    assert!(run.due(&fleet, now()).is_empty());
    reach(&mut run, first[0].0);
    assert_eq!(run.due(&fleet, now()).len(), 1);
}

#[test]
fn what_destroys_waits_and_can_be_taken_back() {
    let fleet = fleet(2);
    let mut run = run(2, &Action::Delete, |_| {});
    assert!(run.due(&fleet, after(4)).is_empty());
    run.abort(after(4));
    assert_eq!(run.phase, Phase::TakenBack);
    assert!(
        run.due(&fleet, after(60)).is_empty(),
        "nothing is sent later"
    );
    let mut run = self::run(2, &Action::Delete, |_| {});
    assert_eq!(run.due(&fleet, after(5)).len(), 2);
}

#[test]
fn a_canary_goes_alone_and_the_others_after_a_yes() {
    let fleet = fleet(4);
    let mut run = run(4, &PROVIDE, |o| o.canary = Canary::Ask);
    let canary = run.due(&fleet, now());
    assert_eq!(canary.len(), 1);
    reach(&mut run, canary[0].0);
    assert!(run.due(&fleet, now()).is_empty());
    assert_eq!(run.phase, Phase::Asking);
    run.go_on(Duration::ZERO, now());
    assert_eq!(run.due(&fleet, now()).len(), 3);
}

#[test]
fn a_canary_that_fails_stops_the_others() {
    let fleet = fleet(4);
    let mut run = run(4, &PROVIDE, |o| o.canary = Canary::First);
    let canary = run.due(&fleet, now());
    refuse(&mut run, canary[0].0);
    assert!(run.due(&fleet, now()).is_empty());
    assert!(matches!(&run.phase, Phase::Stopped(why) if why.contains("canary")));
    assert_eq!(run.abort(now()), 3);
    run.due(&fleet, now());
    assert_eq!(run.phase, Phase::Done);
}

#[test]
fn it_stops_when_failures_pass_the_rate_and_goes_on_when_told() {
    let fleet = fleet(12);
    let mut run = run(12, &PROVIDE, |o| o.parallel = 4);
    for (node, _) in run.due(&fleet, now()).into_iter().take(2) {
        refuse(&mut run, node);
    }
    let more = run.due(&fleet, now());
    assert_eq!(more.len(), 2, "two failures are below the least");
    refuse(&mut run, more[0].0);
    assert!(run.due(&fleet, now()).is_empty());
    assert!(matches!(run.phase, Phase::Stopped(_)));
    run.go_on(Duration::ZERO, now());
    assert_eq!(run.due(&fleet, now()).len(), 1, "three are under way still");
}

#[test]
fn it_is_over_when_all_have_ended() {
    let fleet = fleet(1);
    let mut run = run(1, &PROVIDE, |_| {});
    let (node, _) = run.due(&fleet, now()).remove(0);
    assert!(run.is_open());
    reach(&mut run, node);
    run.due(&fleet, now());
    assert!(run.is_over() && !run.is_open());
}
