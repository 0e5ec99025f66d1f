//! `cupola enroll --ask`: the wizard in plain lines, for screen readers, `TERM=dumb`, serial lines
//! that carry nothing else, and pipes. It has the steps, fields and checks of the one on the screen.

mod conversation;

use std::io::IsTerminal;

use cupola_api::client::Client;
use cupola_api::cupola::{IdentifyRequest, UnknownMac};
use cupola_api::node::Node;
use cupola_api::probe::{CheckResult, ProbeReport};

use super::run::{self, Plan};
use crate::cli::{Failure, Outcome, output, watch};
use crate::state::enroll::{Enroll, Step, facts};
use crate::state::journey::Goal;
use crate::ui::qr::{Drawn, Qr};
use conversation::{Said, Turn};

/// The widest code that is printed.
const COLUMNS: usize = 78;

/// Asks, tests, and enrols one machine.
pub(crate) async fn run(client: &Client, plan: Plan) -> Outcome {
    output::line(
        "Enrol a machine. Enter takes what stands in brackets; < goes one question back.",
    )?;
    let mut enroll = Enroll::new();
    if let Ok(drivers) = client.drivers().await {
        enroll.set_drivers(drivers.into_iter().map(|driver| driver.name).collect());
    }
    loop {
        let step = enroll.step;
        output::line("")?;
        output::line(&format!(
            "Step {} of {}: {}",
            step.number(),
            Step::ALL.len(),
            step.name()
        ))?;
        let turn = match step {
            Step::Bmc => conversation::form(&mut enroll, Step::Bmc, &[]).await?,
            Step::Test => test(client, &enroll).await?,
            Step::Labels => {
                let seen = seen(client).await?;
                conversation::form(&mut enroll, Step::Labels, &seen).await?
            }
            Step::Properties => conversation::form(&mut enroll, Step::Properties, &[]).await?,
            Step::Review => review(&enroll).await?,
            Step::Progress => return progress(client, &enroll, plan).await,
        };
        enroll.step = after(&enroll, turn);
    }
}

/// The step that comes then.
fn after(enroll: &Enroll, turn: Turn) -> Step {
    let has_bmc = enroll.has_bmc();
    match (enroll.step, turn) {
        (Step::Bmc, Turn::Back) => Step::Bmc,
        (Step::Bmc, Turn::On) if has_bmc => Step::Test,
        (Step::Bmc, Turn::On) | (Step::Test, Turn::On) | (Step::Properties, Turn::Back) => {
            Step::Labels
        }
        (Step::Labels, Turn::Back) if has_bmc => Step::Test,
        (Step::Test | Step::Labels, Turn::Back) => Step::Bmc,
        (Step::Labels, Turn::On) | (Step::Review, Turn::Back) => Step::Properties,
        (Step::Properties, Turn::On) => Step::Review,
        (Step::Review | Step::Progress, Turn::On) | (Step::Progress, Turn::Back) => Step::Progress,
    }
}

async fn test(client: &Client, enroll: &Enroll) -> Result<Turn, Failure> {
    loop {
        output::line("The BMC is being asked ...")?;
        let passed = match client.probe(&enroll.probe_request()).await {
            Ok(report) => {
                tell(&report)?;
                report.passed()
            }
            // A server that is not Cupola tests the BMC when the node is managed.
            Err(error) if error.status() == Some(404) => {
                output::line("This server tests no BMC before its node exists.")?;
                true
            }
            Err(error) => {
                output::line(&format!("The test could not be made: {error}"))?;
                false
            }
        };
        let question = match passed {
            true => {
                "All is well. Enter goes on, l lights the locate LED, r tests again, < goes back"
            }
            false => "Enter tests again, l lights the locate LED, < goes back",
        };
        loop {
            match conversation::ask(question).await? {
                Said::Back => return Ok(Turn::Back),
                Said::Text(text) => match text.as_str() {
                    "" if passed => return Ok(Turn::On),
                    "" | "r" => break,
                    "l" => locate(client, enroll).await?,
                    _ => output::line("That is none of the answers.")?,
                },
            }
        }
    }
}

fn tell(report: &ProbeReport) -> Outcome {
    for check in &report.checks {
        let word = match check.result {
            CheckResult::Passed => "passed",
            CheckResult::Failed => "FAILED",
            CheckResult::Skipped => "skipped",
        };
        output::line(&format!("{word}: {}: {}", check.name, check.detail))?;
        if let Some(remedy) = &check.remedy {
            let remedy = Enroll::in_words_of_the_form(remedy);
            output::line(&format!("  What to do: {remedy}"))?;
        }
    }
    Ok(())
}

async fn locate(client: &Client, enroll: &Enroll) -> Outcome {
    let probe = enroll.probe_request();
    let request = IdentifyRequest {
        driver: probe.driver,
        driver_info: probe.driver_info,
        state: "on".to_owned(),
    };
    let told = match client.identify(&request).await {
        Ok(()) => "The locate LED is lit; it goes out by itself after some minutes.".to_owned(),
        Err(error) => format!("The locate LED is not lit: {error}"),
    };
    Ok(output::line(&told)?)
}

/// Who asked DHCP and is not enrolled; told as a list to choose from.
async fn seen(client: &Client) -> Result<Vec<UnknownMac>, Failure> {
    // Where that is not known, addresses are typed.
    let mut seen = client.unknown_macs().await.unwrap_or_default().macs;
    seen.truncate(9);
    if !seen.is_empty() {
        output::line("These asked DHCP and are not enrolled; their number takes one:")?;
    }
    for (number, one) in (1..).zip(&seen) {
        output::line(&format!("  {number}  {}  {}", one.mac, one.what))?;
    }
    Ok(seen)
}

async fn review(enroll: &Enroll) -> Result<Turn, Failure> {
    for (label, value) in enroll.facts() {
        output::line(&format!("{label}: {value}"))?;
    }
    let goals: Vec<&str> = enroll.goals().into_iter().map(Goal::name).collect();
    output::line(&format!("What will be done: {}", goals.join(", ")))?;
    loop {
        match conversation::ask("Type yes to enrol it, < to go back").await? {
            Said::Back => return Ok(Turn::Back),
            Said::Text(text) if text.eq_ignore_ascii_case("yes") => return Ok(Turn::On),
            Said::Text(_) => {}
        }
    }
}

async fn progress(client: &Client, enroll: &Enroll, plan: Plan) -> Outcome {
    let plan = Plan {
        inspect: enroll.properties.is_on("Inspect it"),
        ..plan
    };
    let title = enroll.title();
    let tell = |told: crate::follow::Told<'_>| watch::note(&told, &title);
    let macs = enroll.addresses();
    let node = run::bring(client, &enroll.body(), &macs, plan, tell).await?;
    card(client.target(), enroll, &node)
}

/// The summary card, with a code for a phone where it fits.
fn card(target: &str, enroll: &Enroll, node: &Node) -> Outcome {
    output::line("")?;
    output::line(&format!("{} is {}", enroll.title(), node.provision_state))?;
    for (label, value) in enroll.card(node.uuid) {
        output::line(&format!("{label}: {value}"))?;
    }
    if let Some(url) = facts::url(target, node.uuid) {
        output::line(&format!("URL: {url}"))?;
    }
    if !std::io::stdout().is_terminal() {
        return Ok(());
    }
    let drawn = match is_utf8() {
        true => Drawn::Inverse,
        false => Drawn::Ascii,
    };
    let codes = facts::codes(target, node.uuid);
    let mut fitting = codes.filter_map(|(what, text)| Some((what, Qr::of(&text)?)));
    if let Some((what, qr)) = fitting.find(|(_, qr)| qr.size(drawn).0 <= COLUMNS) {
        output::line("")?;
        for line in qr.lines(drawn) {
            output::line(&line)?;
        }
        output::line(&format!("({what})"))?;
    }
    Ok(())
}

/// Whether the locale has block characters; a dumb terminal has none.
fn is_utf8() -> bool {
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(variable);
    let locale = locale.unwrap_or_default().to_ascii_lowercase();
    let is_dumb = variable("TERM").is_none_or(|term| term == "dumb");
    !is_dumb && (locale.contains("utf-8") || locale.contains("utf8"))
}
