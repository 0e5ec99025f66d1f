//! Following a serial console: the stream, taken up again where it broke, and what is typed, in the
//! order in which it was typed.

use std::time::Duration;

use cupola_api::client::{Client, ClientError};
use cupola_api::id::NodeId;
use cupola_api::serial::{LONGEST_INPUT, SerialCursor, SerialItem, SerialSend};
use futures_util::StreamExt;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

use crate::event::{Event, Reply};
use crate::serial::Told;

const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(15);
/// Pieces of what is typed that may wait for the service.
const TYPED: usize = 256;
/// The most that is read of a recording.
const LARGEST: usize = 8 << 20;

/// A console that is followed.
pub(super) struct Followed {
    tasks: [AbortHandle; 2],
    /// Whose it is.
    pub(super) node: NodeId,
    typed: mpsc::Sender<SerialSend>,
}

impl Drop for Followed {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Followed {
    /// Follows a node's console.
    pub(super) fn start(
        tasks: &mut JoinSet<()>,
        client: &Client,
        out: &mpsc::Sender<Event>,
        node: NodeId,
        after: Option<SerialCursor>,
        take_over: bool,
    ) -> Self {
        let (typed, pieces) = mpsc::channel(TYPED);
        let teller = Teller {
            client: client.clone(),
            out: out.clone(),
            node,
        };
        let follows = teller.clone().follow(after, take_over);
        Self {
            tasks: [tasks.spawn(follows), tasks.spawn(teller.send(pieces))],
            node,
            typed,
        }
    }

    /// Types; false while too much waits already.
    pub(super) fn send(&self, send: SerialSend) -> bool {
        self.typed.try_send(send).is_ok()
    }
}

#[derive(Clone)]
struct Teller {
    client: Client,
    out: mpsc::Sender<Event>,
    node: NodeId,
}

impl Teller {
    /// Tells the console; false when nobody listens any more. A console that is slow keeps the stream
    /// waiting, and the service tells what was lost.
    async fn tell(&self, told: Told) -> bool {
        let reply = Event::Reply(Reply::Serial(self.node, told));
        self.out.send(reply).await.is_ok()
    }

    async fn follow(self, mut after: Option<SerialCursor>, mut take_over: bool) {
        let mut retry = FIRST_RETRY;
        loop {
            let opened = self
                .client
                .serial(&self.node.into(), after, take_over)
                .await;
            take_over = false;
            let why = match opened {
                Ok(mut stream) => loop {
                    match stream.next().await {
                        Some(Ok(item)) => {
                            retry = FIRST_RETRY;
                            after = place(&item).or(after);
                            let is_end = matches!(item, SerialItem::End(_));
                            if !self.tell(Told::Item(item)).await || is_end {
                                return;
                            }
                        }
                        Some(Err(error)) => break error.to_string(),
                        None => break "the service closed the connection".to_owned(),
                    }
                },
                Err(error) if error.status() == Some(404) => {
                    let why = self.elsewhere().await;
                    self.tell(Told::Refused(why)).await;
                    return;
                }
                Err(error) if error.status().is_some_and(|status| status < 500) => {
                    self.tell(Told::Refused(error.to_string())).await;
                    return;
                }
                Err(error) => error.to_string(),
            };
            if !self.tell(Told::Lost { why, retry }).await {
                return;
            }
            sleep(retry).await;
            retry = (retry * 2).min(LAST_RETRY);
        }
    }

    /// What a server that has no stream of consoles gives instead.
    async fn elsewhere(&self) -> String {
        let asked = self.client.console(&self.node.into()).await;
        elsewhere(asked)
    }

    /// Sends what was typed, piece after piece; what has queued up goes together.
    async fn send(self, mut typed: mpsc::Receiver<SerialSend>) {
        while let Some(first) = typed.recv().await {
            let mut pieces = vec![first];
            while let Ok(more) = typed.try_recv() {
                pieces.push(more);
            }
            for send in together(pieces) {
                let sent = self.client.serial_send(&self.node.into(), &send).await;
                if let Err(error) = sent
                    && !self.tell(Told::NotSent(error.to_string())).await
                {
                    return;
                }
            }
        }
    }
}

/// Characters that follow each other become one piece.
pub(crate) fn together(pieces: Vec<SerialSend>) -> Vec<SerialSend> {
    let mut out: Vec<SerialSend> = Vec::new();
    for piece in pieces {
        if let (
            Some(SerialSend {
                data: Some(last),
                send_break: false,
            }),
            Some(data),
            false,
        ) = (out.last_mut(), &piece.data, piece.send_break)
            && last.0.len() + data.0.len() <= LONGEST_INPUT
        {
            last.0.extend_from_slice(&data.0);
        } else {
            out.push(piece);
        }
    }
    out
}

/// The place behind an item, where it has one.
pub(crate) const fn place(item: &SerialItem) -> Option<SerialCursor> {
    match item {
        SerialItem::Output { next, .. }
        | SerialItem::Signal { next, .. }
        | SerialItem::Missed { next, .. } => Some(*next),
        SerialItem::State(_) | SerialItem::End(_) => None,
    }
}

/// What a server that has no stream of consoles gives instead, as far as it says.
pub(crate) fn elsewhere(asked: Result<Value, ClientError>) -> String {
    let head = "This server is not Cupola: it carries no serial console to here.";
    match asked {
        Ok(told) => {
            let info = told.get("console_info").filter(|info| !info.is_null());
            match info {
                Some(info) => {
                    let part = |name: &str| info.get(name).and_then(Value::as_str);
                    let kind = part("type").unwrap_or("unknown");
                    let url = part("url").unwrap_or("no URL");
                    format!(
                        "{head}\nIts own console is of type {kind}: open {url} with what speaks it."
                    )
                }
                None => format!(
                    "{head}\nIts own console is off: `openstack baremetal node console enable` \
                     switches it on, and `node console show` tells its URL."
                ),
            }
        }
        Err(error) => format!("{head}\nIts own console: {error}"),
    }
}

/// A recording as it is.
pub(super) async fn recording(
    client: &Client,
    node: NodeId,
    name: &str,
) -> Result<Vec<u8>, String> {
    let stream = client.agent_log(&node.into(), name).await;
    let mut stream = stream.map_err(|error| error.to_string())?;
    let mut characters = Vec::new();
    while let Some(chunk) = stream.next().await {
        characters.extend_from_slice(&chunk.map_err(|error| error.to_string())?);
        if characters.len() > LARGEST {
            return Err(format!("it has more than {} MiB", LARGEST >> 20));
        }
    }
    Ok(characters)
}

#[cfg(test)]
mod tests {
    use cupola_api::serial::Characters;

    use super::*;

    fn typed(text: &[u8]) -> SerialSend {
        SerialSend {
            data: Some(Characters(text.to_vec())),
            send_break: false,
        }
    }

    #[test]
    fn what_is_typed_stays_in_order_around_a_break() {
        let send_break = SerialSend {
            data: None,
            send_break: true,
        };
        let pieces = vec![
            typed(b"a"),
            typed(b"b"),
            send_break.clone(),
            typed(b"c"),
            typed(b"d"),
        ];
        assert_eq!(together(pieces), [typed(b"ab"), send_break, typed(b"cd")]);
        let long = vec![typed(&[b'x'; LONGEST_INPUT]), typed(b"y")];
        assert_eq!(together(long).len(), 2);
    }

    #[test]
    fn a_foreign_server_says_what_it_gives() {
        let info = serde_json::json!({
            "console_enabled": true,
            "console_info": {"type": "socat", "url": "tcp://10.0.0.1:8023"},
        });
        assert!(elsewhere(Ok(info)).contains("open tcp://10.0.0.1:8023"));
        let off = serde_json::json!({"console_enabled": false, "console_info": null});
        assert!(elsewhere(Ok(off)).contains("console enable"));
    }
}
