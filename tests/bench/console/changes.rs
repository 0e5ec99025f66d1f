//! Changes of nodes at a steady rate, by the service's own API.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cupola_api::client::Client;
use cupola_api::client::remote::RemoteTransport;
use cupola_api::id::NodeIdent;
use tokio::sync::Semaphore;
use tokio::time::MissedTickBehavior;

/// Requests under way at once; more would measure a queue.
const AT_ONCE: usize = 32;
/// How many changes were begun, by all.
static BEGUN: AtomicU64 = AtomicU64::new(0);

/// Somebody who puts nodes into maintenance and takes them out, until dropped.
pub(crate) struct Changes {
    made: Arc<AtomicU64>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
    start: Instant,
}

impl Changes {
    /// So many changes a second, of the first so many nodes, one after the other.
    pub(crate) fn start(url: &str, per_second: u32, nodes: u64) -> Result<Self> {
        let client = Arc::new(Client::new(RemoteTransport::new(url)?));
        let made = Arc::new(AtomicU64::new(0));
        let ends = Arc::new(AtomicBool::new(false));
        let (count, stop) = (Arc::clone(&made), Arc::clone(&ends));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::spawn(move || {
            runtime.block_on(change(client, per_second, nodes, count, stop))
        });
        Ok(Self {
            made,
            ends,
            thread: Some(thread),
            start: Instant::now(),
        })
    }

    /// Ends it; how many changes a second it made.
    pub(crate) fn stop(mut self) -> Result<f64> {
        self.ends.store(true, Ordering::SeqCst);
        let rate = self.made.load(Ordering::SeqCst) as f64 / self.start.elapsed().as_secs_f64();
        let thread = self.thread.take().context("it is stopped once")?;
        thread
            .join()
            .map_err(|_| anyhow::anyhow!("the changes panicked"))??;
        Ok(rate)
    }
}

async fn change(
    client: Arc<Client>,
    per_second: u32,
    nodes: u64,
    made: Arc<AtomicU64>,
    ends: Arc<AtomicBool>,
) -> Result<()> {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    while !ends.load(Ordering::SeqCst) {
        ticks.tick().await;
        let number = BEGUN.fetch_add(1, Ordering::SeqCst);
        let place = Arc::clone(&room).acquire_owned().await?;
        let (client, made) = (Arc::clone(&client), Arc::clone(&made));
        tokio::spawn(async move {
            let node = NodeIdent::from(super::program::name(number % nodes + 1).as_str());
            let on = (number / nodes).is_multiple_of(2);
            client.maintenance(&node, on, Some("measured")).await?;
            made.fetch_add(1, Ordering::SeqCst);
            drop(place);
            anyhow::Ok(())
        });
    }
    Ok(())
}
