//! Notifications through RabbitMQ, as oslo.messaging's driver `messagingv2` publishes them: the
//! same exchange, queues and properties, so that its listeners find them. A message counts as sent
//! when the broker has confirmed it; what it has not confirmed is sent again after a reconnect.
//!
//! One task; what waits for it is in [`super::queue`].

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use cupola_api::Secret;
use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::FieldTable;
use lapin::uri::AMQPUri;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ErrorKind, ExchangeKind};
use tokio::time::timeout;

use super::queue::{Outgoing, Queue};

/// Ironic's `control_exchange`.
const EXCHANGE: &str = "ironic";
/// How many messages may be without their confirmation.
const BATCH: usize = 64;
/// How long the broker may take for an answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);
/// How long what is left may take when the service ends.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);
/// The pauses between attempts to connect: the first, and the longest after doublings.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Reads the URL of a broker: `amqp://` or `amqps://`, or `rabbit://` as oslo.messaging writes it.
/// Without a virtual host it is `/`.
pub(crate) fn read_url(url: &Secret) -> Option<AMQPUri> {
    let text = url.expose();
    let mut uri: AMQPUri = match text.strip_prefix("rabbit://") {
        Some(rest) => format!("amqp://{rest}").parse().ok()?,
        None => text.parse().ok()?,
    };
    if uri.vhost.is_empty() {
        "/".clone_into(&mut uri.vhost);
    }
    Some(uri)
}

/// Why the broker cannot be used just now.
#[derive(Debug, thiserror::Error)]
enum BrokerError {
    #[error("{0}")]
    Protocol(#[from] lapin::Error),
    #[error("it gives no answer within {} seconds", ANSWER_DEADLINE.as_secs())]
    Silent,
    #[error("it has refused a message")]
    Refused,
}

/// What publishes.
pub(super) struct Publisher {
    queue: Arc<Queue>,
    uri: AMQPUri,
    durable: bool,
    /// Taken from the queue and not confirmed yet, oldest first.
    in_flight: VecDeque<Outgoing>,
    /// How long until the next attempt to connect.
    pause: Duration,
}

impl Publisher {
    /// Publishes what comes into this queue.
    pub(super) const fn new(queue: Arc<Queue>, uri: AMQPUri, durable: bool) -> Self {
        Self {
            queue,
            uri,
            durable,
            in_flight: VecDeque::new(),
            pause: PAUSES.0,
        }
    }

    /// Runs until the queue is closed, and empty or out of time.
    pub(super) async fn run(mut self) {
        let queue = self.queue.clone();
        let out_of_time = async {
            queue.closing.cancelled().await;
            tokio::time::sleep(CLOSE_DEADLINE).await;
        };
        tokio::select! {
            () = self.work() => (),
            () = out_of_time => (),
        }
        let left = queue.give_up();
        if left > 0 {
            tracing::warn!(
                dropped = left,
                "notifications are dropped: the service ends and the message broker does not take \
                 them"
            );
        }
    }

    async fn work(&mut self) {
        let mut is_known_away = false;
        loop {
            let Err(error) = self.session(&mut is_known_away).await else {
                return;
            };
            if !is_known_away {
                is_known_away = true;
                let (host, port) = (&self.uri.authority.host, self.uri.authority.port);
                tracing::warn!(
                    %error, %host, port,
                    "the message broker cannot be reached: notifications wait; look whether it \
                     runs, and at notifications.url"
                );
            }
            if self.queue.closing.is_cancelled() {
                return;
            }
            let closing = self.queue.closing.cancelled();
            // Closing, one last attempt is made at once.
            let _ = timeout(self.pause, closing).await;
            self.pause = (self.pause * 2).min(PAUSES.1);
        }
    }

    /// One connection, from its beginning until it is lost, or until everything is sent.
    async fn session(&mut self, was_away: &mut bool) -> Result<(), BrokerError> {
        let properties = ConnectionProperties::default().with_connection_name("cupola".into());
        let connecting = Connection::connect_uri(self.uri.clone(), properties);
        let connection = answered(connecting).await?;
        let channel = answered(open(&connection, self.durable)).await?;
        self.pause = PAUSES.0;
        if std::mem::take(was_away) {
            tracing::info!("the message broker takes notifications again");
        }
        let mut queues = BTreeSet::new();
        loop {
            if self.in_flight.is_empty() {
                self.in_flight = self.queue.take(BATCH).await;
            }
            if self.in_flight.is_empty() {
                // Nothing is lost when this fails: everything is confirmed.
                let _ = answered(connection.close(200, "the service ends".into())).await;
                return Ok(());
            }
            for message in &self.in_flight {
                if queues.insert(message.routing_key.clone()) {
                    let declared = declare(&connection, &channel, message, self.durable);
                    answered(declared).await?;
                }
            }
            self.publish(&channel).await?;
            if let Some(dropped) = self.queue.flows_again() {
                tracing::warn!(
                    dropped,
                    "notifications were dropped while the message broker did not take them: so \
                     many since the start"
                );
            }
        }
    }

    /// Publishes what is in flight, and waits until the broker has all of it.
    async fn publish(&mut self, channel: &Channel) -> Result<(), BrokerError> {
        let mut confirmations = Vec::with_capacity(self.in_flight.len());
        for message in &self.in_flight {
            let published = channel.basic_publish(
                EXCHANGE.into(),
                message.routing_key.as_str().into(),
                BasicPublishOptions::default(),
                &message.body,
                properties(),
            );
            confirmations.push(answered(published).await?);
        }
        for confirmation in confirmations {
            if !answered(confirmation).await?.is_ack() {
                return Err(BrokerError::Refused);
            }
            self.in_flight.pop_front();
            self.queue.confirmed();
        }
        Ok(())
    }
}

/// As oslo.messaging's client library sets them: JSON, and kept on disk by queues that are durable.
fn properties() -> BasicProperties {
    BasicProperties::default()
        .with_content_type("application/json".into())
        .with_content_encoding("utf-8".into())
        .with_headers(FieldTable::default())
        .with_delivery_mode(2)
        .with_priority(0)
}

async fn answered<T>(
    answer: impl Future<Output = Result<T, lapin::Error>>,
) -> Result<T, BrokerError> {
    match timeout(ANSWER_DEADLINE, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(BrokerError::Silent),
    }
}

/// A channel with confirmations, and the exchange. One that is there is taken as it is: who made it
/// may have made it durable, and declaring it otherwise would be an error.
async fn open(connection: &Connection, durable: bool) -> Result<Channel, lapin::Error> {
    let declare = async |passive| {
        let channel = connection.create_channel().await?;
        let options = ExchangeDeclareOptions {
            passive,
            durable,
            ..ExchangeDeclareOptions::default()
        };
        let (name, kind) = (EXCHANGE.into(), ExchangeKind::Topic);
        let declared = channel.exchange_declare(name, kind, options, FieldTable::default());
        declared.await.map(|()| channel)
    };
    let channel = match declare(true).await {
        Err(error) if is_missing(&error) => declare(false).await?,
        found => found?,
    };
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    Ok(channel)
}

/// The queue of a level, named as its routing key, so that nothing is lost before the first
/// listener comes. One that is there is taken as it is.
async fn declare(
    connection: &Connection,
    channel: &Channel,
    message: &Outgoing,
    durable: bool,
) -> Result<(), lapin::Error> {
    let name = message.routing_key.as_str();
    let options = |passive| QueueDeclareOptions {
        passive,
        durable,
        ..QueueDeclareOptions::default()
    };
    // A name that is missing ends the channel that asked.
    let asking = connection.create_channel().await?;
    let declared = asking.queue_declare(name.into(), options(true), FieldTable::default());
    match declared.await {
        Ok(_) => asking.close(200, "answered".into()).await?,
        Err(error) if is_missing(&error) => {
            let declared =
                channel.queue_declare(name.into(), options(false), FieldTable::default());
            declared.await?;
        }
        Err(error) => return Err(error),
    }
    let options = QueueBindOptions::default();
    let (queue, key) = (name.into(), name.into());
    let bound = channel.queue_bind(queue, EXCHANGE.into(), key, options, FieldTable::default());
    bound.await
}

fn is_missing(error: &lapin::Error) -> bool {
    match error.kind() {
        ErrorKind::ProtocolError(error) => {
            *error.kind() == AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_as_oslo_writes_them() {
        let url = |text: &str| read_url(&Secret::new(text));
        for text in [
            "rabbit://u:p@h:5673/",
            "amqp://u:p@h:5673",
            "amqp://u:p@h:5673/%2f",
        ] {
            let uri = url(text).expect(text);
            assert_eq!(uri.vhost, "/", "{text}");
            assert_eq!(
                (uri.authority.host.as_str(), uri.authority.port),
                ("h", 5673)
            );
            assert_eq!(uri.authority.userinfo.password, "p");
        }
        assert_eq!(url("amqps://u:p@h/v").unwrap().authority.port, 5671);
        for text in ["http://h", "h:5672", ""] {
            assert!(url(text).is_none(), "{text}");
        }
    }
}
