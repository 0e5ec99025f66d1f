//! `cupola watch`: what happens to a node, until it is at rest.

use std::io;
use std::time::Duration;

use clap::Args;
use cupola_api::event::{Event, EventId, EventKind};
use cupola_api::id::NodeIdent;
use cupola_api::node::Node;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Common, Failure, Outcome, connect, output};
use crate::describe;
use crate::follow::{self, Following, Told};

/// How many seconds a service that went away is waited for where nothing else is said.
const GIVE_UP: u32 = 300;

/// Arguments of `watch`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Name or UUID
    node: String,
    #[command(flatten)]
    patience: Patience,
    /// Print each event as a line of JSON
    #[arg(long)]
    json: bool,
}

/// How long a service that went away is waited for.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Patience {
    /// How long a service that stops answering is waited for
    #[arg(long, value_name = "SECONDS", default_value_t = GIVE_UP)]
    give_up: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self { give_up: GIVE_UP }
    }
}

impl Patience {
    /// Following a node from this event on.
    pub(crate) fn following(self, after: Option<EventId>) -> Following {
        Following {
            after,
            give_up: Duration::from_secs(self.give_up.into()),
        }
    }
}

/// Follows the node. The exit code says how it came to rest: 0 well, 1 failed.
pub(crate) async fn run(common: &Common, arguments: Arguments) -> Outcome {
    let client = connect::client(common).await?;
    let ident = NodeIdent::from(arguments.node.as_str());
    // A service that was never there is a wrong address, not one to wait for.
    client.node(&ident).await?;
    let unwritable = Mutex::new(None);
    let ended = Notify::new();
    let tell = |told: Told<'_>| match told {
        Told::Event(event) => {
            if let Err(error) = print(event, arguments.json) {
                unwritable.lock().get_or_insert(error);
                ended.notify_one();
            }
        }
        Told::Lost(..) | Told::Back => note(&told, &arguments.node),
    };
    let following = arguments.patience.following(None);
    let node = tokio::select! {
        // Nobody sees what happens: there is no reason to wait for more of it.
        biased;
        () = ended.notified() => None,
        node = follow::until(&client, &ident, following, follow::is_at_rest, tell) => Some(node?),
    };
    match (unwritable.into_inner(), node) {
        (None, Some(node)) => verdict(&node),
        (Some(error), _) => Err(error.into()),
        (None, None) => Err(Failure::failed("standard output cannot be written")),
    }
}

/// Prints an event to standard output. A reader who went away is no error: the end of the work is
/// still waited for.
fn print(event: &Event, json: bool) -> io::Result<()> {
    if matches!(event.kind, EventKind::NodeChanged { .. }) {
        return Ok(());
    }
    if json {
        output::json_line(event)
    } else {
        output::line(&describe::line(event))
    }
}

/// Notes what happens on standard error, with its node in front.
pub(crate) fn note(told: &Told<'_>, name: &str) {
    match told {
        Told::Event(event) if matches!(event.kind, EventKind::NodeChanged { .. }) => {}
        Told::Event(event) => output::note(&format!("{name}  {}", describe::line(event))),
        Told::Lost(error, give_up) => {
            let seconds = give_up.as_secs();
            output::note(&format!("{name}  {error}; trying again for {seconds} s"));
        }
        Told::Back => output::note(&format!("{name}  the service answers again")),
    }
}

/// How a node came to rest.
pub(crate) fn verdict(node: &Node) -> Outcome {
    let (name, state) = (node.display_name(), node.provision_state);
    if state.is_failed() {
        let error = node
            .last_error
            .as_deref()
            .unwrap_or("no error was recorded");
        return Err(Failure::failed(format!("{name} is {state}: {error}")));
    }
    output::note(&format!("{name} is {state}"));
    Ok(())
}
