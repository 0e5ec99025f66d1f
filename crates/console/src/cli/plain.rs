//! The console in lines, for screen readers, braille, `TERM=dumb` and pipes: orders are words, what
//! happens is told in sentences, nothing is drawn, moved or repeated.
//!
//! It has the worker, the table of commands and the safety of the console on the screen. What lines
//! mean is in [`order`], what is said in [`tell`], what acts on nodes in [`act`], what is looked at in
//! [`look`].

mod act;
mod lines;
mod look;
mod order;
mod tell;
mod wait;

use std::io::{self, IsTerminal};

use cupola_api::client::Client;
use cupola_api::cupola::NodeSummary;
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::{Failure, output};
use crate::event::{Changes, Event, Live, Reply};
use crate::state::fleet::Fleet;
use crate::state::natural::natural;
use crate::state::query::Query;
use crate::state::safety::Safety;
use crate::summary;
use crate::term::signals::{Asked, Signals};
use crate::worker::{Files, Worker};
use lines::Lines;
use order::{Order, Targets, Watch};

/// How many events may queue up before the worker waits.
const QUEUE: usize = 256;

/// Why a line was not carried out.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// A text for the person who typed it.
    #[error("{0}")]
    Told(String),
    /// Nothing more can be done here.
    #[error(transparent)]
    Ends(#[from] Failure),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Ends(error.into())
    }
}

impl From<String> for Trouble {
    fn from(text: String) -> Self {
        Self::Told(text)
    }
}

/// Whether it goes on after a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Line,
    Quit,
}

/// Why nothing more is waited for.
#[derive(Debug)]
enum Waited {
    /// Something was told.
    Event(Box<Event>),
    /// A line was typed; the end of the input is none.
    Line(Option<String>),
    /// A signal asks for the end.
    End,
}

struct Plain {
    client: Client,
    worker: Worker,
    events: mpsc::Receiver<Event>,
    lines: Lines,
    signals: Signals,
    fleet: Fleet,
    /// Whether the service has told its nodes.
    listed: bool,
    /// Whether it was told that the service is away.
    lost: bool,
    watch: Watch,
    safety: Safety,
    /// Whether a person types.
    typed: bool,
    /// What could not be done.
    failures: usize,
}

/// Takes orders from standard input until it ends, or until it is told to quit.
///
/// # Errors
/// When the terminal or a pipe fails; where nobody types, also when an order could not be carried out.
pub(crate) async fn run(client: Client, safety: Safety) -> Result<(), Failure> {
    let (send, events) = mpsc::channel(QUEUE);
    let worker = Worker::start(client.clone(), send, Files::default());
    let mut plain = Plain {
        client,
        worker,
        events,
        lines: Lines::start()?,
        signals: Signals::listen()?,
        fleet: Fleet::default(),
        listed: false,
        lost: false,
        watch: Watch::All,
        safety,
        typed: io::stdin().is_terminal(),
        failures: 0,
    };
    plain.serve().await?;
    match plain.failures {
        0 => Ok(()),
        _ if plain.typed => Ok(()),
        1 => Err(Failure::failed("one line could not be carried out")),
        count => Err(Failure::failed(format!(
            "{count} lines could not be carried out"
        ))),
    }
}

impl Plain {
    async fn serve(&mut self) -> Result<(), Failure> {
        output::line(&format!(
            "Cupola in lines, at {}. `help` tells what can be typed, `quit` leaves.",
            self.client.target()
        ))?;
        while !self.listed {
            match self.wait(false).await {
                Waited::Event(event) => self.on_event(*event)?,
                Waited::Line(_) => {}
                Waited::End => return Ok(()),
            }
        }
        loop {
            if self.typed {
                output::prompt("> ")?;
            }
            let line = match self.wait(true).await {
                Waited::Event(event) => {
                    self.on_event(*event)?;
                    continue;
                }
                Waited::Line(Some(line)) => line,
                Waited::Line(None) | Waited::End => return Ok(()),
            };
            match self.carry_out(&line).await {
                Ok(Next::Line) => {}
                Ok(Next::Quit) => return Ok(()),
                Err(Trouble::Told(why)) => {
                    self.failures += 1;
                    output::line(&format!("Not done: {why}"))?;
                }
                Err(Trouble::Ends(failure)) => return Err(failure),
            }
        }
    }

    /// What comes first: an event, a line where one is wanted, or a signal.
    async fn wait(&mut self, line: bool) -> Waited {
        self.worker.reap();
        loop {
            tokio::select! {
                biased;
                asked = self.signals.next() => match asked {
                    Asked::End(_) => return Waited::End,
                    Asked::Redraw => {}
                },
                event = self.events.recv() => return Waited::Event(Box::new(event.unwrap_or(Event::Tick))),
                line = self.lines.next(), if line => return Waited::Line(line),
            }
        }
    }

    async fn carry_out(&mut self, line: &str) -> Result<Next, Trouble> {
        let order = order::parse(line)?;
        if !self.typed && order != Order::Nothing {
            self.refresh().await?;
        }
        match order {
            Order::Nothing => {}
            Order::Quit => return Ok(Next::Quit),
            Order::Help => self.help()?,
            Order::List(filter) => self.list(&filter)?,
            Order::Show(node) => self.show(&node).await?,
            Order::Explain(node) => self.explain(&node).await?,
            Order::Events(node) => self.timeline(&node).await?,
            Order::Images => self.images().await?,
            Order::Watch(watch) => self.watch(watch)?,
            Order::Wait(targets, state) => return self.wait_for(&targets, state).await,
            Order::Enrol => return self.enrol().await,
            Order::Act(act, targets) => return self.act(act, &targets).await,
            Order::Deploy(targets, image) => return self.deploy(&targets, &image).await,
            Order::Maintenance(on, targets, reason) => {
                return self.maintain(on, &targets, reason).await;
            }
            Order::Runbook(verb, targets, runbook) => {
                return self.runbook(verb, &targets, runbook).await;
            }
        }
        Ok(Next::Line)
    }

    /// Takes in what happened, and tells it.
    fn on_event(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Live(live) => self.on_live(live),
            // Answers are waited for where they are asked.
            Event::Reply(Reply::Acted(id, action, Err(refusal))) => {
                let name = self.fleet.get(id).map(summary::display_name);
                let name = name.unwrap_or_else(|| id.to_string());
                Ok(output::line(&format!(
                    "{name}: {} was refused: {}",
                    action.name(),
                    refusal.why
                ))?)
            }
            Event::Reply(_)
            | Event::Key(_)
            | Event::Mouse(_)
            | Event::Scanned { .. }
            | Event::Paste(_)
            | Event::Resized(_)
            | Event::Tick => Ok(()),
        }
    }

    fn on_live(&mut self, live: Live) -> Result<(), Failure> {
        match live {
            Live::Listed { nodes, .. } if !self.listed => {
                self.listed = true;
                self.fleet.replace(nodes);
                output::line(&tell::overview(&self.fleet))?;
            }
            Live::Listed { nodes, .. } => {
                for node in &nodes {
                    self.announce(node)?;
                }
                self.fleet.replace(nodes);
            }
            Live::Changed(changes) => {
                for node in changes.nodes {
                    self.announce(&node)?;
                    self.fleet.apply(node);
                }
                for id in changes.deleted {
                    if let Some(node) = self.fleet.get(id)
                        && self.watch.takes(node)
                    {
                        output::line(&format!("{} is gone", summary::display_name(node)))?;
                    }
                    self.fleet.remove(id);
                }
            }
            Live::Lost { reason, .. } if !self.lost => {
                self.lost = true;
                output::line(&format!(
                    "The service is away: {reason}. It is tried again."
                ))?;
            }
            Live::Connected if self.lost => {
                self.lost = false;
                output::line("The service answers again.")?;
            }
            Live::Lost { .. } | Live::Connected | Live::Remembered { .. } => {}
        }
        Ok(())
    }

    /// Reads the nodes: of what was just sent nothing may have been heard, and a script does not wait as
    /// a person does.
    async fn refresh(&mut self) -> Result<(), Trouble> {
        let nodes = summary::all(&self.client).await;
        let nodes = nodes.map_err(|error| Trouble::Told(Failure::from(error).to_string()))?;
        self.on_live(Live::Changed(Changes {
            nodes,
            ..Changes::default()
        }))?;
        Ok(())
    }

    /// Says what changed with a node, where somebody wants to hear it.
    fn announce(&self, node: &NodeSummary) -> Result<(), Failure> {
        if self.watch.takes(node)
            && let Some(text) = tell::change(self.fleet.get(node.uuid), node)
        {
            output::line(&text)?;
        }
        Ok(())
    }

    /// The nodes that are meant.
    fn find(&self, targets: &Targets) -> Result<Vec<&NodeSummary>, String> {
        match targets {
            Targets::Named(names) => {
                let mut nodes: Vec<&NodeSummary> = Vec::new();
                for name in names {
                    let node = self.fleet.find(name).ok_or_else(|| {
                        format!("there is no node {name}; `list` tells which there are")
                    })?;
                    if nodes.iter().all(|known| known.uuid != node.uuid) {
                        nodes.push(node);
                    }
                }
                Ok(nodes)
            }
            Targets::Where(filter) => {
                let nodes = self.matching(filter)?;
                if nodes.is_empty() {
                    return Err(format!("no node matches {filter}"));
                }
                Ok(nodes)
            }
        }
    }

    /// The nodes that a filter shows, by name.
    fn matching(&self, filter: &str) -> Result<Vec<&NodeSummary>, String> {
        let query = Query::parse(filter);
        if let Some(problem) = query.problem() {
            return Err(problem.to_owned());
        }
        let now = Timestamp::now();
        let mut nodes: Vec<&NodeSummary> = self.fleet.all().collect();
        nodes.retain(|node| query.matches(node, now));
        nodes.sort_by(|a, b| natural(&summary::display_name(a), &summary::display_name(b)));
        Ok(nodes)
    }
}
