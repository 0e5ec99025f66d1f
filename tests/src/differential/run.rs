//! Asking both services, chapter by chapter: what a chapter works on is prepared on both, each case
//! is sent to both at the same moment, and what a case leaves behind is taken away, so that the two
//! stay in the same state although one may have done what the other refused. What upstream answered
//! once can be played again without it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::case::{After, Case, Chapter, Request};
use super::compare::{Difference, compare};
use super::peer::{Peer, Reply};
use super::placeholder;
use super::recording::{Answer, Recording};

/// How long a node may take to come to rest.
const REST_DEADLINE: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(40);

/// States that a node leaves by itself.
const MOVING: [&str; 10] = [
    "verifying",
    "cleaning",
    "deploying",
    "deleting",
    "inspecting",
    "adopting",
    "rescuing",
    "unrescuing",
    "servicing",
    "rebuild",
];

/// Collections in the order in which they can be emptied, with the member that lists their items.
const COLLECTIONS: [(&str, &str); 9] = [
    ("allocations", "allocations"),
    ("nodes", "nodes"),
    ("portgroups", "portgroups"),
    ("volume/connectors", "connectors"),
    ("volume/targets", "targets"),
    ("chassis", "chassis"),
    ("deploy_templates", "deploy_templates"),
    ("runbooks", "runbooks"),
    ("inspection_rules", "inspection_rules"),
];

/// What came of a case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What a report calls it.
    pub name: String,
    /// What is not the same.
    pub differences: Vec<Difference>,
}

/// Both services.
#[derive(Clone, Debug)]
pub struct Pair {
    upstream: Option<Peer>,
    cupola: Peer,
}

/// A chapter that was played.
#[derive(Debug, Default)]
pub struct Played {
    /// What came of its preparation and its cases.
    pub outcomes: Vec<Outcome>,
    /// What upstream answered to them.
    pub recording: Recording,
}

impl Pair {
    /// The two; without upstream, only what is recorded can be played.
    #[must_use]
    pub const fn new(upstream: Option<Peer>, cupola: Peer) -> Self {
        Self { upstream, cupola }
    }

    /// Plays the cases of a chapter that `takes` chooses.
    ///
    /// # Errors
    /// When a service does not answer at all.
    pub async fn play(&self, chapter: &Chapter, takes: impl Fn(&str) -> bool) -> Result<Played> {
        let cases: Vec<&Case> = chapter
            .cases
            .iter()
            .filter(|case| takes(&chapter.case_name(case)))
            .collect();
        if cases.is_empty() {
            return Ok(Played::default());
        }
        let mut played = self.prepare(chapter, None).await?;
        for (index, case) in cases.iter().enumerate() {
            let (outcome, mut answer, spoilt) = self.case(chapter, case, None).await?;
            answer.fresh = (spoilt || case.spoils) && index + 1 < cases.len();
            let fresh = answer.fresh;
            played.outcomes.push(outcome);
            played.recording.push(answer);
            if fresh {
                // What the preparation differs in has been told already.
                self.prepare(chapter, None).await?;
            }
        }
        Ok(played)
    }

    /// Plays all cases of a chapter to Cupola alone, beside what upstream answered.
    ///
    /// # Errors
    /// When Cupola does not answer at all.
    pub async fn replay(&self, chapter: &Chapter, recording: &[Answer]) -> Result<Vec<Outcome>> {
        let (preparation, answers) = recording
            .split_at_checked(chapter.preparation.len())
            .unwrap_or_default();
        let mut outcomes = self.prepare(chapter, Some(preparation)).await?.outcomes;
        for (case, answer) in chapter.cases.iter().zip(answers) {
            let (outcome, _, spoilt) = self.case(chapter, case, Some(answer)).await?;
            outcomes.push(outcome);
            if spoilt || answer.fresh {
                self.prepare(chapter, Some(preparation)).await?;
            }
        }
        Ok(outcomes)
    }

    async fn prepare(&self, chapter: &Chapter, recording: Option<&[Answer]>) -> Result<Played> {
        match self.upstream(recording.is_some()) {
            Some(upstream) => {
                tokio::try_join!(empty(upstream), empty(&self.cupola))?;
            }
            None => empty(&self.cupola).await?,
        }
        let mut played = Played::default();
        for (index, case) in chapter.preparation.iter().enumerate() {
            let recorded = recording.and_then(|answers| answers.get(index));
            let (outcome, answer, _) = self.case(chapter, case, recorded).await?;
            played.outcomes.push(outcome);
            played.recording.push(answer);
        }
        Ok(played)
    }

    /// Upstream, where it is to be asked.
    const fn upstream(&self, is_recorded: bool) -> Option<&Peer> {
        if is_recorded {
            None
        } else {
            self.upstream.as_ref()
        }
    }

    /// Plays a case; also whether it changed one of the services and not the other.
    async fn case(
        &self,
        chapter: &Chapter,
        case: &Case,
        recorded: Option<&Answer>,
    ) -> Result<(Outcome, Answer, bool)> {
        let name = chapter.case_name(case);
        for request in &case.before {
            let _ = self.both(request, chapter.name, &name, recorded).await?;
        }
        let (theirs, ours) = self
            .both(&case.request, chapter.name, &name, recorded)
            .await?;
        let mut differences = compare(&theirs, &ours);
        let mut answer = Answer {
            reply: theirs,
            rested: None,
            fresh: false,
        };
        let theirs = &answer.reply;
        let upstream = self.upstream(recorded.is_some());
        let changes = case.request.method != "GET" && case.request.method != "HEAD";
        let mut spoilt = changes && (theirs.status < 300) != (ours.status < 300);
        match case.after {
            After::Nothing => {}
            After::DeleteMade => {
                if let Some(upstream) = upstream {
                    unmake(upstream, theirs).await?;
                }
                unmake(&self.cupola, &ours).await?;
                spoilt = false;
            }
            After::Decide(allocation) => {
                let uuid = placeholder::uuid(chapter.name, allocation);
                if let Some(upstream) = upstream {
                    decided(upstream, &uuid).await?;
                }
                decided(&self.cupola, &uuid).await?;
            }
            After::Settle(node) => {
                let uuid = placeholder::uuid(chapter.name, node);
                let ours = rest(&self.cupola, &uuid).await?;
                let theirs = match (upstream, recorded) {
                    (Some(upstream), _) => rest(upstream, &uuid).await?,
                    (None, recorded) => recorded
                        .and_then(|answer| answer.rested.clone())
                        .context("nothing is recorded of the node at rest")?,
                };
                if !spoilt {
                    let later = compare(&theirs, &ours).into_iter().map(|mut found| {
                        found.place = format!("then{}", found.place);
                        found
                    });
                    differences.extend(later);
                }
                answer.rested = Some(theirs);
            }
        }
        Ok((Outcome { name, differences }, answer, spoilt))
    }

    async fn both(
        &self,
        request: &Request,
        chapter: &str,
        case: &str,
        recorded: Option<&Answer>,
    ) -> Result<(Reply, Reply)> {
        let ours = self.cupola.ask(request, chapter, case);
        match (self.upstream(recorded.is_some()), recorded) {
            (Some(upstream), _) => tokio::try_join!(upstream.ask(request, chapter, case), ours),
            (None, Some(answer)) => Ok((answer.reply.clone(), ours.await?)),
            (None, None) => anyhow::bail!("upstream is not there, and nothing is recorded"),
        }
    }
}

async fn send(peer: &Peer, request: Request) -> Result<Reply> {
    let name = request.name();
    peer.ask(&request, "run", &name).await
}

/// Deletes everything that can be made.
async fn empty(peer: &Peer) -> Result<()> {
    for (path, member) in COLLECTIONS {
        let all = if path == "nodes" {
            "?include_children=true"
        } else {
            ""
        };
        let listed = peer.read(&format!("/v1/{path}{all}")).await?;
        let Some(items) = listed.get(member).and_then(Value::as_array) else {
            continue;
        };
        for uuid in items.iter().filter_map(|i| i.get("uuid")?.as_str()) {
            delete(peer, path, uuid).await?;
        }
    }
    Ok(())
}

async fn delete(peer: &Peer, path: &str, uuid: &str) -> Result<()> {
    if path == "nodes" {
        let maintenance = Request::new("PUT", format!("/v1/nodes/{uuid}/maintenance"));
        send(peer, maintenance.json(json!({}))).await?;
        let protected = json!([{"op": "replace", "path": "/protected", "value": false}]);
        send(
            peer,
            Request::new("PATCH", format!("/v1/nodes/{uuid}")).json(protected),
        )
        .await?;
    }
    send(peer, Request::new("DELETE", format!("/v1/{path}/{uuid}"))).await?;
    Ok(())
}

/// Deletes what an answer says was made.
async fn unmake(peer: &Peer, reply: &Reply) -> Result<()> {
    let made = reply
        .made
        .as_deref()
        .and_then(|path| path.strip_prefix("/v1/"));
    match made.and_then(|path| path.trim_end_matches('/').rsplit_once('/')) {
        // Upstream's links to inspection rules go astray.
        Some(("inspection", uuid)) => delete(peer, "inspection_rules", uuid).await,
        Some((collection, uuid)) => delete(peer, collection, uuid).await,
        None => Ok(()),
    }
}

/// Waits until a node moves no more, and shows it.
async fn rest(peer: &Peer, uuid: &str) -> Result<Reply> {
    let started = Instant::now();
    loop {
        let reply = send(peer, Request::new("GET", format!("/v1/nodes/{uuid}"))).await?;
        let text = |name| reply.body.get(name).and_then(Value::as_str);
        let moves = text("provision_state").is_some_and(|state| MOVING.contains(&state))
            || text("reservation").is_some()
            || text("target_power_state").is_some();
        if !moves || started.elapsed() > REST_DEADLINE {
            return Ok(reply);
        }
        // Upstream offers nothing to wait on.
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Waits until an allocation has a node or has failed.
async fn decided(peer: &Peer, uuid: &str) -> Result<()> {
    let started = Instant::now();
    loop {
        let reply = send(peer, Request::new("GET", format!("/v1/allocations/{uuid}"))).await?;
        let waits = reply
            .body
            .get("state")
            .is_some_and(|state| state == "allocating");
        if !waits || started.elapsed() > REST_DEADLINE {
            return Ok(());
        }
        // Upstream offers nothing to wait on.
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
