//! A session on a line that the test holds the other ends of.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use cupola_api::serial::SerialItem;
use cupola_drivers::interface::{SerialOutput, SerialSink};
use tokio::task::JoinHandle;

use super::*;

struct Read(mpsc::Receiver<Result<SerialEvent, SerialTrouble>>);

#[async_trait]
impl SerialOutput for Read {
    async fn next(&mut self) -> Option<Result<SerialEvent, SerialTrouble>> {
        self.0.recv().await
    }
}

struct Write(mpsc::Sender<SerialInput>);

#[async_trait]
impl SerialSink for Write {
    async fn send(&self, input: SerialInput) -> bool {
        self.0.send(input).await.is_ok()
    }
}

/// The machine's side of a line.
struct Machine {
    writes: mpsc::Sender<Result<SerialEvent, SerialTrouble>>,
    reads: mpsc::Receiver<SerialInput>,
}

impl Machine {
    async fn write(&self, text: &[u8]) {
        let event = SerialEvent::Characters(text.to_vec());
        self.writes.send(Ok(event)).await.expect("it is open");
    }
}

struct Bench {
    session: Arc<Session>,
    machines: mpsc::Receiver<Machine>,
    opened: Arc<AtomicUsize>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// A session whose first `refusals` openings find the console in use.
fn bench(refusals: usize) -> Bench {
    let (session, inputs) = Session::new(9);
    let (opens, machines) = mpsc::channel(4);
    let opened = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    let open: Opener = Arc::new(move |take_over| {
        let opens = opens.clone();
        let refused = count.fetch_add(1, Ordering::SeqCst) < refusals && !take_over;
        Box::pin(async move {
            if refused {
                return Err(SerialTrouble {
                    why: "in use".to_owned(),
                    in_use: true,
                });
            }
            let (writes, output) = mpsc::channel(8);
            let (input, reads) = mpsc::channel(8);
            let machine = Machine { writes, reads };
            opens.send(machine).await.expect("the test listens");
            Ok(SerialLine {
                output: Box::new(Read(output)),
                input: Box::new(Write(input)),
            })
        })
    });
    let stop = CancellationToken::new();
    let (carried, stopped) = (Arc::clone(&session), stop.clone());
    let task = tokio::spawn(async move { carried.run(open, inputs, stopped).await });
    Bench {
        session,
        machines,
        opened,
        stop,
        task,
    }
}

fn follower() -> SerialFollow {
    SerialFollow {
        watcher: Uuid::new_v4(),
        user: Some("ada".to_owned()),
        after: None,
        state: 0,
        take_over: false,
    }
}

/// Follows until something is as wanted.
async fn until(
    session: &Session,
    who: &mut SerialFollow,
    mut wanted: impl FnMut(&SerialItem) -> bool,
) {
    let limit = Instant::now() + Duration::from_secs(30);
    loop {
        let batch = session.next(who, limit).await.expect("the session goes on");
        assert!(!batch.items.is_empty(), "nothing came in time");
        who.after = Some(batch.next);
        who.state = batch.state;
        if batch.items.iter().any(&mut wanted) {
            return;
        }
    }
}

fn is_connected(item: &SerialItem) -> bool {
    matches!(item, SerialItem::State(state) if state.link == SerialLink::Connected)
}

fn is_text(item: &SerialItem, text: &[u8]) -> bool {
    matches!(item, SerialItem::Output { characters, .. } if characters == text)
}

#[tokio::test]
async fn many_share_one_line_and_the_last_one_closes_it() {
    let mut bench = bench(0);
    let (mut one, mut two) = (follower(), follower());
    assert_eq!(bench.session.join(&one), Some(Ok(())));
    let mut machine = bench.machines.recv().await.unwrap();
    until(&bench.session, &mut one, is_connected).await;
    machine.write(b"hello").await;
    until(&bench.session, &mut one, |item| is_text(item, b"hello")).await;
    // Who comes later gets what was there before, and sees the other one.
    assert_eq!(bench.session.join(&two), Some(Ok(())));
    let mut seen = 0;
    until(&bench.session, &mut two, |item| {
        if let SerialItem::State(state) = item {
            seen = state.watchers.len();
        }
        is_text(item, b"hello")
    })
    .await;
    assert_eq!(seen, 2);
    bench.session.send(SerialInput::Break).await.unwrap();
    assert_eq!(machine.reads.recv().await, Some(SerialInput::Break));
    bench.session.leave(one.watcher);
    bench.session.leave(two.watcher);
    assert_eq!(machine.reads.recv().await, None);
    // The BMC has it back when its output ends.
    drop(machine);
    bench.task.await.unwrap();
    assert_eq!(bench.session.join(&one), None);
    assert_eq!(bench.opened.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_broken_line_is_opened_again_and_says_why() {
    let mut bench = bench(0);
    let mut one = follower();
    bench.session.join(&one);
    let machine = bench.machines.recv().await.unwrap();
    machine.write(b"before ").await;
    let trouble = SerialTrouble {
        why: "no answer".to_owned(),
        in_use: false,
    };
    machine.writes.send(Err(trouble)).await.unwrap();
    drop(machine);
    until(&bench.session, &mut one, |item| {
        matches!(item, SerialItem::State(SerialState { link: SerialLink::Waiting { why, .. }, .. })
            if why == "no answer")
    })
    .await;
    let typed = SerialInput::Characters(b"x".to_vec());
    assert!(matches!(
        bench.session.send(typed).await,
        Err(NotSent::Unconnected(why)) if why == "no answer"
    ));
    let machine = bench.machines.recv().await.unwrap();
    machine.write(b"after").await;
    until(&bench.session, &mut one, |item| is_text(item, b"after")).await;
    bench.stop.cancel();
    drop(machine);
    bench.task.await.unwrap();
}

#[tokio::test]
async fn a_console_in_use_is_taken_over_only_when_asked() {
    let mut bench = bench(usize::MAX);
    let mut one = follower();
    bench.session.join(&one);
    until(&bench.session, &mut one, |item| {
        matches!(
            item,
            SerialItem::State(SerialState {
                link: SerialLink::Waiting { in_use: true, .. },
                ..
            })
        )
    })
    .await;
    let asked = SerialFollow {
        take_over: true,
        ..follower()
    };
    bench.session.join(&asked);
    let machine = bench.machines.recv().await.unwrap();
    until(&bench.session, &mut one, is_connected).await;
    bench.stop.cancel();
    drop(machine);
    bench.task.await.unwrap();
}

#[tokio::test]
async fn who_is_not_heard_of_is_gone_and_a_recording_holds_it_open() {
    let mut bench = bench(0);
    let one = follower();
    bench.session.join(&one);
    let hold = bench.session.hold().expect("it is open");
    let mut machine = bench.machines.recv().await.unwrap();
    // Its time is over.
    for watcher in &mut bench.session.shared.lock().watchers {
        watcher.until = Instant::now();
    }
    let mut look = follower();
    until(&bench.session, &mut look, |item| {
        matches!(item, SerialItem::State(state) if state.watchers.is_empty() && state.recording)
    })
    .await;
    drop(hold);
    assert_eq!(machine.reads.recv().await, None);
    drop(machine);
    bench.task.await.unwrap();
}
