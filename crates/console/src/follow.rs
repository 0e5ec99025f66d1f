//! Following one node on the command line until it is where it should be.

use std::collections::BTreeSet;
use std::time::Duration;

use cupola_api::client::{Client, ClientError};
use cupola_api::event::{Event, EventId, StreamItem};
use cupola_api::id::NodeIdent;
use cupola_api::node::Node;
use futures_util::StreamExt;
use tokio::time::{sleep, timeout};

/// How often a node is read where the server tells nothing, and at least while it tells nothing.
const POLL: Duration = Duration::from_secs(2);

/// Follows a node until `done` says so of its present state; `tell` gets what happens meanwhile.
///
/// # Errors
/// As every call of the client.
pub(crate) async fn until(
    client: &Client,
    ident: &NodeIdent,
    after: Option<EventId>,
    done: impl Fn(&Node) -> bool,
    mut tell: impl FnMut(&Event),
) -> Result<Node, ClientError> {
    let mut seen = Seen {
        last: after,
        told: BTreeSet::new(),
    };
    loop {
        let node = client.node(ident).await?;
        // What happened before the stream begins, and what it may have missed.
        match client.timeline(ident, seen.last).await {
            Ok(timeline) => timeline.events.iter().for_each(|e| seen.tell(e, &mut tell)),
            Err(error) if error.status() == Some(404) => {}
            Err(error) => return Err(error),
        }
        if done(&node) {
            return Ok(node);
        }
        match client.events(seen.last, Some(node.uuid)).await {
            Ok(mut stream) => {
                // The node is read again whenever something happened to it, and now and then.
                while let Ok(Some(Ok(StreamItem::Event(event)))) =
                    timeout(POLL, stream.next()).await
                {
                    seen.tell(&event, &mut tell);
                    if done(&client.node(ident).await?) {
                        break;
                    }
                }
            }
            Err(error) if error.status() == Some(404) => sleep(POLL).await,
            Err(error) => return Err(error),
        }
    }
}

struct Seen {
    last: Option<EventId>,
    told: BTreeSet<EventId>,
}

impl Seen {
    fn tell(&mut self, event: &Event, tell: &mut impl FnMut(&Event)) {
        if self.told.insert(event.id) {
            tell(event);
        }
        self.last = self.last.max(Some(event.id));
    }
}

/// Whether nothing is being done to a node: it is at rest, held, or failed.
pub(crate) const fn is_at_rest(node: &Node) -> bool {
    !node.provision_state.is_working() && !node.provision_state.is_waiting()
}

/// The events that have happened so far, so that only later ones are told.
pub(crate) async fn position(client: &Client, ident: &NodeIdent) -> Option<EventId> {
    let timeline = client.timeline(ident, None).await.ok()?;
    timeline.events.last().map(|event| event.id)
}
