//! `cupola check`: is this host fit to provision?

mod host;

use clap::Args;
use serde::Serialize;

use cupola_api::client::Client;

use super::{Common, Failure, Outcome, connect, output, service};

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// As it should be.
    Passed,
    /// It will do, or it is not needed by this configuration.
    Note,
    /// It works, and had better be mended.
    Warning,
    /// Provisioning will not work like this.
    Failed,
}

/// One check.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    /// What was checked.
    pub(crate) name: String,
    /// How it ended.
    pub(crate) verdict: Verdict,
    /// What was seen.
    pub(crate) detail: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remedy: Option<String>,
}

/// Runs all checks; the exit code is 1 when one failed.
pub(crate) async fn run(common: &Common, arguments: Arguments) -> Outcome {
    let config = service::config(common)?;
    let directory = service::state_directory(common);
    let mut checks = host::all(config, directory)
        .await
        .map_err(|e| Failure::failed(e.to_string()))?;
    if let Some(url) = connect::configured(common).await? {
        checks.push(elsewhere(&connect::remote(common, &url)?).await);
    }
    if arguments.json {
        output::json(&checks)?;
    } else {
        print(&checks)?;
    }
    let failed = checks
        .iter()
        .filter(|c| c.verdict == Verdict::Failed)
        .count();
    if failed > 0 {
        return Err(Failure::failed(format!(
            "{failed} of {} checks failed",
            checks.len()
        )));
    }
    Ok(())
}

/// The service that is named, which need not be this host's.
async fn elsewhere(client: &Client) -> Check {
    let target = client.target();
    let (verdict, detail, remedy) = match client.drivers().await {
        Ok(drivers) => {
            let names: Vec<&str> = drivers.iter().map(|driver| driver.name.as_str()).collect();
            let detail = format!("{target} answers; it drives {}", names.join(", "));
            (Verdict::Passed, detail, None)
        }
        Err(error) => {
            let remedy = "the other checks are of this host; name another service with --api";
            (Verdict::Failed, error.to_string(), Some(remedy.to_owned()))
        }
    };
    Check {
        name: "named API".to_owned(),
        verdict,
        detail,
        remedy,
    }
}

fn print(checks: &[Check]) -> std::io::Result<()> {
    for check in checks {
        let word = match check.verdict {
            Verdict::Passed => "passed ",
            Verdict::Note => "note   ",
            Verdict::Warning => "WARNING",
            Verdict::Failed => "FAILED ",
        };
        output::line(&format!("{word}  {:<16} {}", check.name, check.detail))?;
        if let Some(remedy) = &check.remedy {
            output::line(&format!("{:26}What to do: {remedy}", ""))?;
        }
    }
    Ok(())
}
