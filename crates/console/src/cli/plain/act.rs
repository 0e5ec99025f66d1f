//! What acts on nodes: who can take it, what it means, a whole word as the answer, a while to take it
//! back, and then one after another as the service allows.

use std::collections::BTreeSet;
use std::time::Duration;

use cupola_api::cupola::{Image, NodeSummary};
use cupola_api::id::NodeId;
use cupola_api::state::provision::ProvisionVerb;
use tokio::time::{Instant, timeout_at};

use super::order::Targets;
use super::{Next, Plain, Trouble, Waited, tell};
use crate::cli::{Failure, output};
use crate::command::Act;
use crate::describe;
use crate::effect::{Action, Effect, Steps};
use crate::event::{Event, Reply};
use crate::state::allowed;
use crate::state::deploy;
use crate::summary;
use crate::update::consequence;

/// How long an answer may take; the client gives up before.
const ANSWER: Duration = Duration::from_mins(10);

/// How a question was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answered {
    Yes,
    No,
    End,
}

impl Plain {
    /// Does what needs no more words than its name.
    pub(super) async fn act(&mut self, act: Act, targets: &Targets) -> Result<Next, Trouble> {
        let action = match act {
            Act::Verb(ProvisionVerb::Rescue) => return Err(NEEDS_PASSWORD.to_owned().into()),
            Act::Verb(verb) => Action::Provision(verb),
            Act::Power(target) => Action::Power(target),
            Act::BootDevice(device, persistent) => Action::BootDevice(device, persistent),
            Act::Nmi => Action::Nmi,
            Act::Locate(on) => Action::Locate(on),
            Act::Console(on) => Action::Console(on),
            Act::Flag(flag, on) => Action::Flag(flag, on),
            Act::Delete => Action::Delete,
            Act::Maintenance => Action::Maintenance(true, None),
            Act::Deploy => return Err("deploy wants an image".to_owned().into()),
        };
        self.offer(targets, |_| action.clone()).await
    }

    /// Deploys an image that is configured, or at a URL.
    pub(super) async fn deploy(&mut self, targets: &Targets, said: &str) -> Result<Next, Trouble> {
        let image = self.image(said).await?;
        output::line(&format!("The image is {} at {}.", image.name, image.source))?;
        let action = |node: &NodeSummary| {
            let hostname = summary::display_name(node);
            deploy::action(&image, Some(&hostname))
        };
        self.offer(targets, action).await
    }

    async fn image(&self, said: &str) -> Result<Image, Trouble> {
        let mut words = said.split_whitespace();
        let name = words.next().unwrap_or_default();
        let (checksum, format) = (words.next(), words.next());
        if name.contains("://") {
            let checksum = checksum.unwrap_or_default();
            let digits = checksum.rsplit(':').next().unwrap_or_default();
            let format = format.unwrap_or("raw");
            return deploy::image_at(name, digits, format).ok_or_else(|| {
                let wanted = "a URL wants its checksum and its format after it: image URL \
                              sha256:DIGITS raw";
                Trouble::Told(wanted.to_owned())
            });
        }
        let images = self.client.images().await;
        let images = images.map_err(|error| Trouble::Told(Failure::from(error).to_string()))?;
        let found = images.images.into_iter().find(|image| image.name == said);
        found.ok_or_else(|| {
            format!("there is no image {said}; `images` tells which there are").into()
        })
    }

    /// Puts nodes into maintenance, or takes them out.
    pub(super) async fn maintain(
        &mut self,
        on: bool,
        targets: &Targets,
        reason: Option<String>,
    ) -> Result<Next, Trouble> {
        self.offer(targets, |_| Action::Maintenance(on, reason.clone()))
            .await
    }

    /// Cleans or services by a runbook.
    pub(super) async fn runbook(
        &mut self,
        verb: ProvisionVerb,
        targets: &Targets,
        runbook: String,
    ) -> Result<Next, Trouble> {
        let action = Action::Steps {
            verb,
            steps: Steps::Runbook(runbook),
            disable_ramdisk: false,
        };
        self.offer(targets, |_| action.clone()).await
    }

    /// Says who can take it and what it means, asks where it destroys, and sends it.
    async fn offer(
        &mut self,
        targets: &Targets,
        action: impl Fn(&NodeSummary) -> Action,
    ) -> Result<Next, Trouble> {
        if let Some(why) = self.safety.refusal() {
            return Err(why.into());
        }
        let nodes = self.find(targets)?;
        let (mut able, mut acts, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
        for node in nodes {
            let action = action(node);
            match allowed::check(action.act(), node) {
                Ok(()) => {
                    able.push(node);
                    acts.push((node.uuid, action));
                }
                Err(why) => left_out.push(format!("{}: {why}", summary::display_name(node))),
            }
        }
        for text in left_out.iter().take(tell::NAMED) {
            output::line(&format!("Cannot: {text}"))?;
        }
        if let Some(more) = left_out.len().checked_sub(tell::NAMED + 1) {
            output::line(&format!("Cannot: {} more", more + 1))?;
        }
        let Some((_, first)) = acts.first() else {
            return Err("None of them can take it.".to_owned().into());
        };
        let many = able.len() + left_out.len() > 1;
        if many || first.destroys() {
            let (name, who) = (first.name(), tell::names(&able));
            let count = describe::count(able.len(), "node");
            output::line(&format!("{name}, {count}: {who}."))?;
            output::line(consequence(first))?;
        }
        if first.destroys() {
            match self.confirm(acts.len()).await? {
                Answered::Yes => {}
                Answered::No => {
                    output::line("Nothing was sent.")?;
                    return Ok(Next::Line);
                }
                Answered::End => return Ok(Next::Quit),
            }
        }
        self.send(acts).await
    }

    /// A whole word is asked for: `yes`, or what the challenge wants.
    async fn confirm(&mut self, count: usize) -> Result<Answered, Trouble> {
        let want = self
            .safety
            .challenge(count)
            .unwrap_or_else(|| "yes".to_owned());
        output::prompt(&format!("Type {want} to go on, anything else leaves it: "))?;
        match self.line(None).await? {
            Waited::Line(Some(said)) if said == want => {}
            Waited::Line(Some(_)) | Waited::Event(_) => return Ok(Answered::No),
            Waited::Line(None) | Waited::End => return Ok(Answered::End),
        }
        // Whoever does not type takes nothing back.
        if !self.typed || self.safety.grace.is_zero() {
            return Ok(Answered::Yes);
        }
        let seconds = self.safety.grace.as_secs();
        output::line(&format!("Sent in {seconds} seconds. Enter takes it back."))?;
        let end = Instant::now() + self.safety.grace;
        match self.line(Some(end)).await? {
            Waited::Event(_) => Ok(Answered::Yes),
            Waited::Line(Some(_)) => Ok(Answered::No),
            Waited::Line(None) | Waited::End => Ok(Answered::End),
        }
    }

    /// A line; what happens until it comes is told. At `end` the last event, or none, instead.
    async fn line(&mut self, end: Option<Instant>) -> Result<Waited, Trouble> {
        loop {
            let waited = match end {
                Some(end) => match timeout_at(end, self.wait(true)).await {
                    Ok(waited) => waited,
                    Err(_) => return Ok(Waited::Event(Box::new(Event::Tick))),
                },
                None => self.wait(true).await,
            };
            match waited {
                Waited::Event(event) => self.on_event(*event)?,
                waited => return Ok(waited),
            }
        }
    }

    /// Sends them, some at once, and stops when too many of them fail.
    async fn send(&mut self, acts: Vec<(NodeId, Action)>) -> Result<Next, Trouble> {
        let (count, name) = (
            acts.len(),
            acts.first().map_or("", |(_, action)| action.name()),
        );
        let (mut accepted, mut refused) = (0_usize, 0_usize);
        for some in acts.chunks(self.safety.parallel.max(1)) {
            let mut open: BTreeSet<NodeId> = some.iter().map(|(id, _)| *id).collect();
            for (id, action) in some {
                self.worker.perform(Effect::Act(*id, action.clone()));
            }
            let end = Instant::now() + ANSWER;
            while !open.is_empty() {
                let event = match timeout_at(end, self.wait(false)).await {
                    Ok(Waited::Event(event)) => event,
                    Ok(Waited::Line(_)) => continue,
                    Ok(Waited::End) => return Ok(Next::Quit),
                    Err(_) => {
                        let text = "some answers did not come; `list` tells where they stand";
                        return Err(text.to_owned().into());
                    }
                };
                if let Event::Reply(Reply::Acted(id, _, answer)) = &*event
                    && open.remove(id)
                {
                    match answer {
                        Ok(_) => accepted += 1,
                        Err(_) => refused += 1,
                    }
                }
                self.on_event(*event)?;
            }
            let rate = self.safety.stop_percent;
            let too_many = refused * 100 > (accepted + refused) * usize::from(rate);
            if refused >= self.safety.stop_least && too_many && accepted + refused < count {
                let text = format!(
                    "{name}: stopped, {refused} of {} were refused; {} were not asked",
                    accepted + refused,
                    count - accepted - refused
                );
                return Err(text.into());
            }
        }
        let text = match refused {
            0 => format!(
                "{name}: accepted for {}.",
                describe::count(accepted, "node")
            ),
            _ => {
                let text = format!("{name}: accepted for {accepted} of {count} nodes.");
                return Err(text.into());
            }
        };
        output::line(&text)?;
        Ok(Next::Line)
    }
}

const NEEDS_PASSWORD: &str = "rescue wants a password, which lines would show: use the screen, or \
                              `openstack baremetal node rescue`";
