//! Agents that are never heard of again: what the conductor makes of it in each state, and that it
//! takes no agent for lost of which it does not know.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may end where it stands"
)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cupola_api::agent::{AgentToken, Heartbeat, StepFlow};
use cupola_api::id::NodeId;
use cupola_api::node::{Fault, Node};
use cupola_api::resource::ProvisionRequest;
use cupola_api::state::power::PowerState;
use cupola_api::state::provision::{ProvisionState as S, ProvisionVerb};
use cupola_backend::conductor::{Conductor, ConductorOptions};
use cupola_backend::events::EventBus;
use cupola_backend::rpc::Rpc;
use cupola_backend::store::{Store, StoreOptions, StoredNode};
use cupola_drivers::agent::AgentError;
use cupola_drivers::fake::FakeSettings;
use cupola_drivers::interface::{
    Changes, Deploy, DriverSettings, Hardware, Outcome, Result, Retry, Step, Task, WaitFor,
};
use cupola_drivers::registry::{Implementations, Registry};
use tokio::sync::watch;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(30);

/// What the agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Agent {
    /// It takes its step, and answers no more.
    Vanishes,
    /// It is gone before it gets its step.
    IsGone,
    /// It has done its step.
    IsDone,
}

/// Deploys and cleans by one step in such an agent.
struct InAgent {
    retry: Retry,
    agent: watch::Receiver<Agent>,
    polls: watch::Sender<u32>,
}

fn unreachable() -> AgentError {
    AgentError::Unreachable {
        url: "https://192.0.2.1:9999".to_owned(),
        port: 9999,
        reason: "no answer".to_owned(),
    }
}

fn ramdisk() -> Outcome {
    Outcome::Wait {
        what: "ramdisk to call".to_owned(),
        until: WaitFor::Agent,
        limit: None,
        changes: Changes::none().without_agent(),
    }
}

impl InAgent {
    fn step(&self, name: &str) -> Step {
        Step {
            requires_ramdisk: true,
            retry: self.retry,
            ..Step::new("deploy", name, 50)
        }
    }
}

#[async_trait]
impl Deploy for InAgent {
    fn properties(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    async fn validate(&self, _: &Task, _: &Hardware) -> Result<()> {
        Ok(())
    }

    async fn prepare(&self, _: &Task, _: &Hardware) -> Result<()> {
        Ok(())
    }

    fn steps(&self, flow: StepFlow) -> Vec<Step> {
        match flow {
            StepFlow::Deploy => {
                vec![Step::new("deploy", "deploy", 100), self.step("write_image")]
            }
            StepFlow::Clean | StepFlow::Service => Vec::new(),
        }
    }

    async fn agent_steps(&self, _: &Task, _: &Hardware, flow: StepFlow) -> Result<Vec<Step>> {
        Ok(match flow {
            StepFlow::Clean => vec![self.step("erase_devices")],
            StepFlow::Deploy | StepFlow::Service => Vec::new(),
        })
    }

    async fn execute(&self, _: &Task, _: &Hardware, _: StepFlow, step: &Step) -> Result<Outcome> {
        if step.is("deploy", "deploy") {
            return Ok(ramdisk());
        }
        match *self.agent.borrow() {
            Agent::IsGone => Err(unreachable().into()),
            Agent::Vanishes | Agent::IsDone => Ok(Outcome::wait_for_command(step)),
        }
    }

    async fn poll(&self, _: &Task, _: &Hardware, _: StepFlow, _: &Step) -> Result<Outcome> {
        self.polls.send_modify(|polls| *polls += 1);
        match *self.agent.borrow() {
            Agent::Vanishes | Agent::IsGone => Err(unreachable().into()),
            Agent::IsDone => Ok(Outcome::done()),
        }
    }

    async fn prepare_cleaning(&self, _: &Task, _: &Hardware) -> Result<Outcome> {
        Ok(ramdisk())
    }

    async fn tear_down_cleaning(&self, _: &Task, _: &Hardware) -> Result<()> {
        Ok(())
    }

    async fn clean_up(&self, _: &Task, _: &Hardware) -> Result<()> {
        Ok(())
    }

    async fn tear_down(&self, _: &Task, _: &Hardware) -> Result<()> {
        Ok(())
    }
}

/// A conductor with one node.
struct Bench {
    conductor: Conductor,
    store: Store,
    events: EventBus,
    node: NodeId,
    agent: watch::Sender<Agent>,
    polls: watch::Receiver<u32>,
    _state: tempfile::TempDir,
}

impl Bench {
    async fn start(state: S, retry: Retry, agent: Agent) -> Self {
        Self::with_heartbeats(300, state, retry, agent).await
    }

    /// Agents are told to call at least every so many seconds.
    async fn with_heartbeats(seconds: u64, state: S, retry: Retry, agent: Agent) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = StoreOptions::new(directory.path());
        let store = Store::open(&store).await.unwrap();
        let events = EventBus::start(store.clone()).await.unwrap();
        let (agent, agent_now) = watch::channel(agent);
        let (polled, polls) = watch::channel(0);
        let mut implementations = Implementations::default().with_fake(FakeSettings::default());
        let deploy = Arc::new(InAgent {
            retry,
            agent: agent_now,
            polls: polled,
        });
        implementations.deploy.insert("fake", deploy);
        let enabled = ["fake-hardware".to_owned()];
        let registry = Registry::new(&enabled, implementations, DriverSettings::default());
        let options = ConductorOptions {
            follow_interval: Duration::from_millis(10),
            silent_agent_interval: Duration::ZERO,
            agent_heartbeat_timeout: seconds,
            ..ConductorOptions::default()
        };
        let registry = registry.unwrap();
        let conductor = Conductor::new(store.clone(), events.clone(), registry, options);
        conductor.start().await.unwrap();
        let mut node = Node::new(NodeId::random(), "fake-hardware".to_owned());
        node.provision_state = state;
        conductor.prepare_node(&mut node).await.unwrap();
        let node = store.create_node(node).await.unwrap().uuid;
        Self {
            conductor,
            store,
            events,
            node,
            agent,
            polls,
            _state: directory,
        }
    }

    async fn verb(&self, verb: ProvisionVerb) {
        let request = ProvisionRequest::default();
        let started = self.conductor.provision(self.node, verb, request).await;
        started.unwrap();
    }

    async fn until(&self, wanted: impl Fn(&StoredNode) -> bool) -> Arc<StoredNode> {
        let mut events = self.events.subscribe(None, Some(self.node));
        let wait = async {
            loop {
                let now = self.store.node_by_id(self.node).await.unwrap();
                if now.reservation.is_none() && wanted(&now) {
                    return now;
                }
                events.next().await.unwrap();
            }
        };
        if let Ok(node) = timeout(DEADLINE, wait).await {
            return node;
        }
        let now = self.store.node_by_id(self.node).await.unwrap();
        panic!("{now:#?}");
    }

    async fn until_waits_for(&self, what: &str) {
        self.until(|node| {
            let waiting = node.progress.waiting.as_ref();
            node.provision_state.is_waiting() && waiting.is_some_and(|w| w.what == what)
        })
        .await;
    }

    /// Waits for the ramdisk's turn, and boots it.
    async fn boots(&self) -> AgentToken {
        self.until_waits_for("ramdisk to call").await;
        self.power(Some(PowerState::On)).await;
        let answer = self.conductor.lookup(&[], Some(self.node)).await.unwrap();
        let token = answer.config.agent_token.unwrap();
        self.calls(&token).await;
        token
    }

    /// The same, and waits until the agent has its step.
    async fn runs(&self, step: &str) -> AgentToken {
        let token = self.boots().await;
        self.until_waits_for(&format!("agent to finish {step}"))
            .await;
        token
    }

    async fn calls(&self, token: &AgentToken) {
        let heartbeat = Heartbeat {
            callback_url: Some("https://192.0.2.1:9999".to_owned()),
            agent_version: Some("1".to_owned()),
            agent_token: Some(token.clone()),
            ..Heartbeat::default()
        };
        let taken = self.conductor.heartbeat(self.node, heartbeat).await;
        taken.unwrap();
    }

    /// What the BMC reads from now on.
    async fn power(&self, state: Option<PowerState>) {
        let set = move |node: &mut Node| node.power_state = state;
        self.store.modify_node(self.node, set).await.unwrap();
    }

    /// Waits until the agent was asked so many times more.
    async fn asked_again(&self, times: u32) {
        let mut polls = self.polls.clone();
        let wanted = *polls.borrow() + times;
        let asked = polls.wait_for(|polls| *polls >= wanted);
        timeout(DEADLINE, asked).await.unwrap().unwrap();
    }

    /// Waits for the failed state, and ends; why it failed.
    async fn fails(self, state: S) -> (Arc<StoredNode>, String) {
        let failed = self.until(|node| node.provision_state == state).await;
        self.conductor.stop().await;
        let error = failed.last_error.clone().unwrap_or_default();
        (failed, error)
    }
}

fn says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_goes_off_again_and_again_fails_in_wait_call_back() {
    let bench = Bench::start(S::Available, Retry::Safe, Agent::Vanishes).await;
    bench.verb(ProvisionVerb::Active).await;
    // The step is safe to repeat: twice the ramdisk is started again for it.
    for _ in 0..3 {
        bench.runs("write_image").await;
        bench.power(Some(PowerState::Off)).await;
    }
    let (failed, error) = bench.fails(S::DeployFailed).await;
    assert!(!failed.maintenance);
    let parts = [
        "the agent was lost 3 times, last in step deploy.write_image: the machine is off",
        "look at its power supply and at the BMC's event log, then start the action again",
    ];
    says(&error, &parts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_has_booted_again_starts_a_safe_step_anew() {
    let bench = Bench::start(S::Available, Retry::Safe, Agent::Vanishes).await;
    bench.verb(ProvisionVerb::Active).await;
    bench.runs("write_image").await;
    let answer = bench.conductor.lookup(&[], Some(bench.node)).await.unwrap();
    assert!(answer.config.agent_token.unwrap().is_masked());
    bench.runs("write_image").await;
    bench.agent.send_replace(Agent::IsDone);
    bench.until(|node| node.provision_state == S::Active).await;
    bench.conductor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_has_booted_again_in_a_step_that_must_not_be_repeated_fails() {
    let bench = Bench::start(S::Available, Retry::Ask, Agent::Vanishes).await;
    bench.verb(ProvisionVerb::Active).await;
    bench.runs("write_image").await;
    bench.conductor.lookup(&[], Some(bench.node)).await.unwrap();
    let (_, error) = bench.fails(S::DeployFailed).await;
    let parts = [
        "the agent was lost while it ran step deploy.write_image: the machine has booted again",
        "Nobody knows how far it came; look at the machine, then start the action again",
    ];
    says(&error, &parts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_goes_off_in_clean_wait_fails_and_is_put_aside() {
    let bench = Bench::start(S::Manageable, Retry::Ask, Agent::Vanishes).await;
    bench.verb(ProvisionVerb::Provide).await;
    bench.runs("erase_devices").await;
    bench.power(Some(PowerState::Off)).await;
    let (failed, error) = bench.fails(S::CleanFailed).await;
    assert!(failed.maintenance);
    assert_eq!(failed.fault, Some(Fault::CleanFailure));
    says(
        &error,
        &["lost while it ran step deploy.erase_devices: the machine is off"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_neither_answers_nor_calls_is_lost() {
    let bench = Bench::with_heartbeats(1, S::Available, Retry::Ask, Agent::Vanishes).await;
    bench.verb(ProvisionVerb::Active).await;
    bench.boots().await;
    let (_, error) = bench.fails(S::DeployFailed).await;
    says(&error, &["the agent has neither answered nor called for"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_gone_before_it_has_its_step_fails_the_deploying_node() {
    let bench = Bench::start(S::Available, Retry::Ask, Agent::IsGone).await;
    bench.verb(ProvisionVerb::Active).await;
    bench.boots().await;
    let (_, error) = bench.fails(S::DeployFailed).await;
    let parts = [
        "Deploy step deploy.write_image failed: agent at https://192.0.2.1:9999 cannot be reached",
        "look at the machine's console",
    ];
    says(&error, &parts);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_of_which_nothing_is_known_is_not_taken_for_lost() {
    let bench = Bench::start(S::Available, Retry::Ask, Agent::Vanishes).await;
    bench.verb(ProvisionVerb::Active).await;
    let token = bench.runs("write_image").await;
    // The BMC does not say whether the machine is on: it may be writing.
    bench.power(None).await;
    bench.asked_again(5).await;
    bench.power(Some(PowerState::On)).await;
    bench.calls(&token).await;
    bench.asked_again(5).await;
    let now = bench.store.node_by_id(bench.node).await.unwrap();
    assert_eq!(now.provision_state, S::DeployWait);
    bench.agent.send_replace(Agent::IsDone);
    bench.until(|node| node.provision_state == S::Active).await;
    bench.conductor.stop().await;
}
