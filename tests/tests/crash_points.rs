//! Death at each named moment of clean, deploy, teardown and service: the service kills itself there, is
//! started again, and everything ends well. The names come from the code that dies.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test, and \
              what a run consisted of is printed"
)]

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cupola_api::ProvisionState;
use cupola_api::client::Client;
use cupola_api::id::NodeIdent;
use cupola_api::resource::ProvisionRequest;
use cupola_drivers::crash_point::CrashPoint;
use cupola_rack::machine::MachineSpec;
use cupola_tests::crash::{self, Site};
use cupola_tests::node_life::{choose_image, reach, verb};
use cupola_tests::sim;
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(120);
const IMAGE_MIB: u64 = 4;
/// Cases at once: most of a case is waiting for a machine.
const AT_ONCE: usize = 6;

/// What the machine goes through while the service dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Clean,
    Deploy,
    Teardown,
    Service,
}

impl Flow {
    const fn goal(self) -> ProvisionState {
        match self {
            Self::Clean | Self::Teardown => ProvisionState::Available,
            Self::Deploy | Self::Service => ProvisionState::Active,
        }
    }

    const fn start(self) -> ProvisionState {
        match self {
            Self::Clean => ProvisionState::Manageable,
            Self::Deploy => ProvisionState::Available,
            Self::Teardown | Self::Service => ProvisionState::Active,
        }
    }
}

/// The flows in which a point is reached.
const fn flows(point: CrashPoint) -> &'static [Flow] {
    use CrashPoint as P;
    use Flow::{Clean, Deploy, Teardown};
    match point {
        P::LockTaken
        | P::LockReleaseDue
        | P::LockReleased
        | P::RunBegun
        | P::TransitionDue
        | P::TransitionWritten
        | P::StepStartDue
        | P::StepStarted
        | P::StepWaitWritten
        | P::WaitWritten
        | P::StepsLearned
        | P::StepEndDue
        | P::StepEnded
        | P::RamdiskPrepared
        | P::RamdiskWithdrawn
        | P::BootDeviceSet
        | P::PowerDue
        | P::PowerChanged
        | P::TokenIssued
        | P::HeartbeatRecorded
        | P::AgentCommandDue
        | P::AgentCommandAnswered
        | P::EventsDue
        | P::EventsWritten => &[Clean, Deploy],
        P::ConfigDriveBuilt | P::ImagePublished | P::AgentPolled => &[Deploy],
        P::TornDown => &[Teardown],
    }
}

/// One death, or two.
#[derive(Clone, Copy, Debug)]
struct Case {
    point: CrashPoint,
    /// How often the point is reached before the process dies.
    nth: u32,
    flow: Flow,
    /// Whether the process dies there again while it recovers.
    twice: bool,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for point in CrashPoint::ALL {
        for flow in flows(*point) {
            cases.push(Case {
                point: *point,
                nth: 1,
                flow: *flow,
                twice: false,
            });
        }
    }
    // The same list of steps as the others: only where a servicing differs.
    for (point, nth) in [
        (CrashPoint::RunBegun, 1),
        (CrashPoint::TransitionWritten, 1),
        (CrashPoint::TransitionWritten, 2),
        (CrashPoint::TransitionWritten, 3),
        (CrashPoint::TransitionWritten, 4),
        (CrashPoint::StepStarted, 1),
        (CrashPoint::StepStarted, 2),
        (CrashPoint::WaitWritten, 1),
        (CrashPoint::StepEnded, 2),
    ] {
        cases.push(Case {
            point,
            nth,
            flow: Flow::Service,
            twice: false,
        });
    }
    // Every move of the state, every command of the agent, every change of power of a deploy.
    for (point, times) in [
        (CrashPoint::TransitionWritten, 6),
        (CrashPoint::StepStarted, 7),
        (CrashPoint::StepEnded, 7),
        (CrashPoint::AgentCommandAnswered, 3),
        (CrashPoint::PowerChanged, 2),
    ] {
        cases.extend((2..=times).map(|nth| Case {
            point,
            nth,
            flow: Flow::Deploy,
            twice: false,
        }));
    }
    for point in [
        CrashPoint::LockTaken,
        CrashPoint::StepStarted,
        CrashPoint::TransitionWritten,
        CrashPoint::PowerChanged,
    ] {
        cases.push(Case {
            point,
            nth: 2,
            flow: Flow::Deploy,
            twice: true,
        });
    }
    cases
}

/// Starts the flow; the service may die before it can answer.
async fn start(client: &Client, node: &NodeIdent, flow: Flow) -> bool {
    let started = match flow {
        Flow::Clean => verb(client, node, "provide").await,
        Flow::Teardown => verb(client, node, "deleted").await,
        Flow::Service => {
            let wait = json!({"interface": "deploy", "step": "wait", "args": {"seconds": 1}});
            let request = ProvisionRequest {
                target: "service".to_owned(),
                service_steps: Some(vec![wait, json!({"interface": "power", "step": "reboot"})]),
                ..ProvisionRequest::default()
            };
            client.provision(node, &request).await.map_err(Into::into)
        }
        Flow::Deploy => {
            let request = ProvisionRequest {
                target: "active".to_owned(),
                configdrive: Some(json!({ "meta_data": { "hostname": "web-7" } })),
                ..ProvisionRequest::default()
            };
            client.provision(node, &request).await.map_err(Into::into)
        }
    };
    started.is_ok()
}

async fn run(case: Case) -> Result<()> {
    let site = Site::new(Vec::new())?;
    let image = sim::image(site.state(), IMAGE_MIB)?;
    let uncleaned = ["conductor.automated_clean=false".to_owned()];
    let serve = site.start(None, &uncleaned)?;
    let rack = site
        .ports()
        .rack(site.state(), vec![MachineSpec::demo(0)])
        .await?;
    let machine = &rack.machines()[0];
    let client = crash::client(&serve)?;
    let node = sim::enrol(&client, &rack, machine).await?;
    verb(&client, &node, "manage").await?;
    reach(&client, &node, ProvisionState::Manageable, DEADLINE).await?;
    if case.flow != Flow::Clean {
        verb(&client, &node, "provide").await?;
        reach(&client, &node, ProvisionState::Available, DEADLINE).await?;
        choose_image(&client, &node, &image).await?;
    }
    if case.flow.start() == ProvisionState::Active {
        start(&client, &node, Flow::Deploy).await;
        reach(&client, &node, ProvisionState::Active, DEADLINE).await?;
    }
    serve.stop()?;

    let armed = site.start(Some((case.point, case.nth)), &[])?;
    start(&crash::client(&armed)?, &node, case.flow).await;
    crash::killed(armed, DEADLINE).await?;
    if case.twice {
        let again = site.dies(case.point, 1, DEADLINE).await;
        again.context("the second death")?;
    }

    let serve = site.start(None, &[])?;
    let client = crash::client(&serve)?;
    let mut now = crash::at_rest(&client, &node, DEADLINE).await?;
    if now.provision_state == case.flow.start() {
        // Nothing had been written down: whoever asked was told of a lost connection.
        ensure!(
            start(&client, &node, case.flow).await,
            "the verb was refused"
        );
        now = crash::at_rest(&client, &node, DEADLINE).await?;
    }
    ensure!(
        now.provision_state == case.flow.goal(),
        "the node is {}: {:?}",
        now.provision_state,
        now.last_error
    );
    crash::check(&client, &node, machine).await?;
    if case.flow == Flow::Deploy {
        let prompt = timeout(DEADLINE, machine.machine.screen().wait_for("login:")).await?;
        ensure!(prompt == "web-7 login: ", "the screen shows {prompt:?}");
    }
    rack.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_a_death_at_any_named_moment_is_survived() {
    let only = std::env::var("CUPOLA_CRASH_ONLY").ok();
    let cases: Vec<Case> = cases()
        .into_iter()
        .filter(|case| only.as_deref().is_none_or(|name| case.point.name() == name))
        .collect();
    let count = cases.len();
    let failures: Vec<String> = stream::iter(cases)
        .map(|case| async move {
            let ended = Box::pin(run(case)).await;
            ended.err().map(|error| format!("{case:?}: {error:?}"))
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(|failure| async { failure })
        .collect()
        .await;
    println!("{} points, {count} deaths", CrashPoint::ALL.len());
    assert!(
        failures.is_empty(),
        "{} of {count} deaths were not survived:\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}
