//! Notifications of changes, as Ironic emits them: the same events, payloads and versions, so that
//! what listens to Ironic listens to this service unchanged. What is told of a resource is in
//! [`payload`], what surrounds it in [`message`]. Where they go: into the log, or through a [`queue`]
//! to [`rabbitmq`].
//!
//! Off unless a level is configured. Nothing here waits and nothing fails: who changes a node never
//! notices whether somebody listens.

mod message;
pub(crate) mod payload;
mod queue;
pub(crate) mod rabbitmq;

use std::sync::Arc;

use cupola_api::node::Node;
use cupola_api::state::power::{PowerState, PowerTarget};
use cupola_api::state::provision::ProvisionState;
use cupola_api::state::transition::Event;
use cupola_drivers::interface::PowerSet;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::config::{NotificationDriver, NotificationLevel, Notifications};
use message::Message;
use payload::{NODE, NODE_POWER, NODE_POWER_CORRECTED, NODE_PROVISION, Payload};
pub(crate) use queue::Counts;
use queue::Queue;

/// How far something has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// It begins.
    Start,
    /// It ended well.
    End,
    /// It failed.
    Error,
    /// It happened, all at once.
    Success,
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
            Self::Error => "error",
            Self::Success => "success",
        }
    }

    const fn level(self) -> NotificationLevel {
        match self {
            Self::Start | Self::End | Self::Success => NotificationLevel::Info,
            Self::Error => NotificationLevel::Error,
        }
    }
}

/// Which part of the service tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Publisher {
    Api,
    Conductor,
}

impl Publisher {
    /// Ironic's name of it: listeners filter by it.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "ironic-api",
            Self::Conductor => "ironic-conductor",
        }
    }
}

/// Who is told. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notifier {
    settings: Option<Arc<Settings>>,
}

#[derive(Debug)]
struct Settings {
    level: NotificationLevel,
    host: String,
    driver: Driver,
    /// What was told, for tests.
    #[cfg(test)]
    told: Mutex<Vec<(String, Value)>>,
}

/// Where messages go.
#[derive(Debug)]
enum Driver {
    Log,
    Broker {
        queue: Arc<Queue>,
        /// What empties the queue.
        publisher: Mutex<Option<JoinHandle<()>>>,
    },
}

impl Notifier {
    /// Tells what is at least of this level, into the log, in the name of this host; without a
    /// level, nothing.
    #[cfg(test)]
    pub(crate) fn new(level: Option<NotificationLevel>, host: &str) -> Self {
        Self::with(level, host, || Driver::Log)
    }

    /// Tells what and where the configuration says, in the name of this host. To a broker a task
    /// carries it, which [`Notifier::close`] ends.
    pub(crate) fn start(settings: &Notifications, host: &str) -> Self {
        Self::with(settings.notification_level, host, || {
            let uri = settings.url.as_ref().and_then(rabbitmq::read_url);
            match (settings.driver, uri) {
                (NotificationDriver::Rabbitmq, Some(uri)) => {
                    let queue = Arc::new(Queue::new(settings.queue_length));
                    let publisher =
                        rabbitmq::Publisher::new(queue.clone(), uri, settings.amqp_durable_queues);
                    let publisher = Mutex::new(Some(tokio::spawn(publisher.run())));
                    Driver::Broker { queue, publisher }
                }
                // A broker without a URL is refused where the configuration is read.
                (NotificationDriver::Log | NotificationDriver::Rabbitmq, _) => Driver::Log,
            }
        })
    }

    fn with(level: Option<NotificationLevel>, host: &str, driver: impl FnOnce() -> Driver) -> Self {
        let settings = level.map(|level| {
            Arc::new(Settings {
                level,
                host: host.to_owned(),
                driver: driver(),
                #[cfg(test)]
                told: Mutex::default(),
            })
        });
        Self { settings }
    }

    fn broker(&self) -> Option<(&Queue, &Mutex<Option<JoinHandle<()>>>)> {
        match &self.settings.as_ref()?.driver {
            Driver::Log => None,
            Driver::Broker { queue, publisher } => Some((queue, publisher)),
        }
    }

    /// How many messages went to the broker, and did not; none without one.
    pub(crate) fn counts(&self) -> Counts {
        self.broker()
            .map_or_else(Counts::default, |(queue, _)| queue.counts())
    }

    /// Says that nothing comes any more: what is left has some seconds. Does not wait.
    pub(crate) fn end(&self) {
        if let Some((queue, _)) = self.broker() {
            queue.closing.cancel();
        }
    }

    /// Waits until everything is sent, or is given up for want of time.
    pub(crate) async fn close(&self) {
        self.end();
        let publisher = self.broker().and_then(|(_, task)| task.lock().take());
        if let Some(publisher) = publisher
            && let Err(error) = publisher.await
        {
            tracing::error!(%error, "what publishes notifications ended in a defect");
        }
    }

    /// What was told since this was asked last: the types of the events and their payloads.
    #[cfg(test)]
    pub(crate) fn told(&self) -> Vec<(String, Value)> {
        let settings = self.settings.as_ref();
        settings.map_or_else(Vec::new, |settings| {
            std::mem::take(&mut *settings.told.lock())
        })
    }

    /// Something becomes of a resource by a request of the API.
    pub(crate) fn resource(
        &self,
        payload: &Payload,
        action: &str,
        status: Status,
        resource: &impl Serialize,
    ) {
        self.tell(Publisher::Api, payload, (action, status), resource, &[]);
    }

    /// The provision state of a node was moved.
    pub(crate) fn provision(&self, node: &Node, before: Moved) {
        let status = before.status(node.provision_state);
        let name = |state: Option<ProvisionState>| {
            state.map_or(Value::Null, |state| Value::from(state.as_str()))
        };
        let also = [
            ("event", Value::from(event_name(before.event))),
            ("previous_provision_state", name(Some(before.state))),
            ("previous_target_provision_state", name(before.target)),
        ];
        let what = ("provision_set", status);
        self.tell(Publisher::Conductor, &NODE_PROVISION, what, node, &also);
    }

    /// The power of a node is being changed.
    pub(crate) fn power(&self, node: &Node, to: PowerTarget, moment: PowerSet) {
        let status = match moment {
            PowerSet::Start => Status::Start,
            PowerSet::End => Status::End,
            PowerSet::Error => Status::Error,
        };
        let to = ("to_power", Value::from(to.as_str()));
        let what = ("power_set", status);
        let by = Publisher::Conductor;
        if status == Status::Start {
            self.tell(by, &NODE_POWER, what, node, &[to]);
        } else {
            // The request is over, whatever the record still says.
            let over = ("target_power_state", Value::Null);
            self.tell(by, &NODE_POWER, what, node, &[to, over]);
        }
    }

    /// The power of a node was found to be another than was known.
    pub(crate) fn power_corrected(&self, node: &Node, from: Option<PowerState>) {
        let from = from.map_or(Value::Null, |state| Value::from(state.as_str()));
        let what = ("power_state_corrected", Status::Success);
        let also = [("from_power", from)];
        self.tell(
            Publisher::Conductor,
            &NODE_POWER_CORRECTED,
            what,
            node,
            &also,
        );
    }

    /// The console of a node is switched.
    pub(crate) fn console(&self, node: &Node, status: Status) {
        let what = ("console_set", status);
        self.tell(Publisher::Conductor, &NODE, what, node, &[]);
    }

    fn tell(
        &self,
        publisher: Publisher,
        payload: &Payload,
        (action, status): (&str, Status),
        resource: &impl Serialize,
        also: &[(&'static str, Value)],
    ) {
        let Some(settings) = &self.settings else {
            return;
        };
        let level = status.level();
        if level < settings.level {
            return;
        }
        let message = Message {
            event_type: format!("baremetal.{}.{action}.{}", payload.object, status.as_str()),
            publisher_id: format!("{}.{}", publisher.as_str(), settings.host),
            level,
            payload: payload.of(resource, also),
        };
        #[cfg(test)]
        {
            let told = (message.event_type.clone(), message.payload.clone());
            settings.told.lock().push(told);
        }
        match &settings.driver {
            Driver::Log => message.log(),
            Driver::Broker { queue, .. } => queue.push(message.outgoing()),
        }
    }
}

/// From where a provision state was moved, and by what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    /// What happened.
    pub(crate) event: Event,
    /// The state before.
    pub(crate) state: ProvisionState,
    /// What it was on its way to before.
    pub(crate) target: Option<ProvisionState>,
}

impl Moved {
    fn status(self, to: ProvisionState) -> Status {
        let is_unstable = |state: ProvisionState| state.is_working() || state.is_waiting();
        if self.event == Event::Fail {
            return Status::Error;
        }
        match (is_unstable(self.state), is_unstable(to)) {
            (false, true) => Status::Start,
            (true, false) => Status::End,
            (true, true) | (false, false) => Status::Success,
        }
    }
}

/// What an event of the table of transitions is called in Ironic's.
const fn event_name(event: Event) -> &'static str {
    match event {
        Event::Deploy => "deploy",
        Event::Rebuild => "rebuild",
        Event::Delete => "delete",
        Event::Manage => "manage",
        Event::Provide => "provide",
        Event::Inspect => "inspect",
        Event::Abort => "abort",
        Event::Clean => "clean",
        Event::Adopt => "adopt",
        Event::Rescue => "rescue",
        Event::Unrescue => "unrescue",
        Event::Unhold => "unhold",
        Event::Service => "service",
        Event::Done => "done",
        Event::Fail => "fail",
        Event::Wait => "wait",
        Event::Resume => "resume",
        Event::Hold => "hold",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ProvisionState as S;

    #[test]
    fn the_status_of_a_move_says_whether_work_begins_or_ends() {
        let status = |event, state, to| {
            let target = None;
            Moved {
                event,
                state,
                target,
            }
            .status(to)
        };
        assert_eq!(
            status(Event::Manage, S::Enroll, S::Verifying),
            Status::Start
        );
        assert_eq!(
            status(Event::Done, S::Verifying, S::Manageable),
            Status::End
        );
        assert_eq!(
            status(Event::Wait, S::Deploying, S::DeployWait),
            Status::Success
        );
        assert_eq!(
            status(Event::Fail, S::Deploying, S::DeployFailed),
            Status::Error
        );
        assert_eq!(status(Event::Hold, S::Cleaning, S::CleanHold), Status::End);
        assert_eq!(
            status(Event::Manage, S::Available, S::Manageable),
            Status::Success
        );
    }

    #[test]
    fn levels_are_in_ironics_order() {
        use NotificationLevel as L;
        let mut all = L::ALL.to_vec();
        all.sort_unstable();
        assert_eq!(all, [L::Debug, L::Info, L::Warning, L::Error, L::Critical]);
        assert!(Status::Error.level() >= L::Warning && Status::End.level() < L::Warning);
    }
}
