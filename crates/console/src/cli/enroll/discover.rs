//! `cupola enroll --discover`: which BMCs there are at these addresses, and enrolling them.

use cupola_api::client::Client;
use cupola_api::discovery::{
    self, DEFAULT_CREDENTIALS, Discovered, DiscoveryRequest, Login, Target,
};
use cupola_api::secret::Secret;

use super::run::{self as enrolment, Plan};
use crate::cli::{Failure, Outcome, output};
use crate::machine::Machine;

/// So many addresses are asked for with one request.
const CHUNK: usize = 64;

/// Addresses, as they are given.
#[derive(Clone, Debug)]
pub(super) struct Range(pub(super) Vec<Target>);

impl std::str::FromStr for Range {
    type Err = discovery::RangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        discovery::range(text).map(Self)
    }
}

/// What is looked for.
pub(super) struct Search {
    /// Where.
    pub(super) targets: Vec<Target>,
    /// As whom, if as anybody.
    pub(super) user: Option<(String, Secret)>,
    /// Whether makers' own credentials are tried too.
    pub(super) default_credentials: bool,
    /// Whether all that can be are enrolled.
    pub(super) enrol: bool,
}

/// Looks, tells, and enrols where that is wanted.
pub(super) async fn run(client: &Client, search: Search, plan: Plan) -> Outcome {
    if search.default_credentials {
        let makers: Vec<&str> = DEFAULT_CREDENTIALS.iter().map(|it| it.maker).collect();
        output::note(&format!(
            "makers' default credentials are tried too: {}",
            makers.join(", ")
        ));
    }
    let (found, unfinished) = look(client, &search).await?;
    if plan.json && !search.enrol {
        output::json(&found)?;
    } else if !plan.json {
        table(&found).print()?;
    }
    output::note(&format!(
        "{} of {} addresses answered",
        found.len(),
        search.targets.len()
    ));
    if unfinished > 0 {
        output::note(&format!(
            "{unfinished} addresses were not asked to an end; ask for fewer at once"
        ));
    }
    if !search.enrol {
        return Ok(());
    }
    let (able, others): (Vec<_>, Vec<_>) = found.iter().partition(|one| can(one).is_ok());
    for one in others {
        if let Err(why) = can(one) {
            output::note(&format!("{} is left out: {why}", one.address));
        }
    }
    if able.is_empty() {
        return Err(Failure::failed("none of them can be enrolled"));
    }
    let machines = able.into_iter().map(|one| machine(one, &search)).collect();
    // Nothing netboots before its MAC address is known.
    let plan = Plan {
        manage: true,
        inspect: false,
        provide: false,
        probe: false,
        ..plan
    };
    enrolment::all(client, machines, plan).await?;
    output::note("they are manageable; give them ports, so that they can netboot");
    Ok(())
}

async fn look(client: &Client, search: &Search) -> Result<(Vec<Discovered>, usize), Failure> {
    let (mut found, mut unfinished) = (Vec::new(), 0);
    for chunk in search.targets.chunks(CHUNK) {
        let request = DiscoveryRequest {
            addresses: chunk.to_vec(),
            username: search.user.as_ref().map(|(name, _)| name.clone()),
            password: search.user.as_ref().map(|(_, password)| password.clone()),
            default_credentials: search.default_credentials,
            redfish_port: None,
        };
        let report = match client.discover(&request).await {
            Err(error) if error.status() == Some(404) => {
                let text = "this server looks for no BMCs (it is not Cupola)";
                return Err(Failure::Refused(text.to_owned()));
            }
            other => other?,
        };
        found.extend(report.found);
        unfinished += report.unfinished.len();
    }
    Ok((found, unfinished))
}

fn login(one: &Discovered) -> String {
    match one.login {
        Login::NotTried => "-".to_owned(),
        Login::Accepted => "accepted".to_owned(),
        Login::Default => {
            let maker = one.default_credentials.as_deref().unwrap_or("maker");
            format!("default of {maker}")
        }
        Login::Refused => "refused".to_owned(),
        Login::Failed => "failed".to_owned(),
    }
}

fn table(found: &[Discovered]) -> output::Table {
    let heads = [
        "ADDRESS", "SPEAKS", "MAKER", "MODEL", "SERIAL", "LOGIN", "NODE",
    ];
    let mut table = output::Table::new(&heads);
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    for one in found {
        table.row(vec![
            one.address.to_string(),
            one.protocols.join("+"),
            known(&one.manufacturer),
            known(&one.model),
            known(&one.serial_number),
            login(one),
            one.node.map_or_else(|| "-".to_owned(), |id| id.to_string()),
        ]);
    }
    table
}

/// Whether it can be enrolled as it is.
fn can(one: &Discovered) -> Result<(), String> {
    if let Some(node) = one.node {
        return Err(format!("it is the BMC of node {node}"));
    }
    if !one.protocols.iter().any(|protocol| protocol == "ipmi") {
        return Err("it speaks Redfish alone".to_owned());
    }
    match one.login {
        Login::Accepted | Login::Default => Ok(()),
        Login::NotTried => Err("nobody was logged in; give --user".to_owned()),
        Login::Refused | Login::Failed => {
            let why = one.problem.clone();
            Err(why.unwrap_or_else(|| "the login failed".to_owned()))
        }
    }
}

fn machine(one: &Discovered, search: &Search) -> Machine {
    let maker = one.default_credentials.as_deref();
    let default = DEFAULT_CREDENTIALS
        .iter()
        .find(|it| Some(it.maker) == maker);
    let login = match default {
        Some(default) => Some((default.username.to_owned(), default.password.into())),
        None => search.user.clone(),
    };
    let (user, password) = login.unzip();
    Machine {
        driver: "ipmi".to_owned(),
        address: Some(one.address.address.to_string()),
        port: one.address.port,
        user,
        password,
        ..Machine::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(login: Login) -> Discovered {
        Discovered {
            address: "10.0.0.7".parse().expect("an address"),
            protocols: vec!["ipmi".to_owned()],
            manufacturer: Some("Dell".to_owned()),
            model: None,
            serial_number: None,
            login,
            default_credentials: (login == Login::Default).then(|| "Dell iDRAC".to_owned()),
            problem: None,
            node: None,
        }
    }

    #[test]
    fn only_what_lets_in_and_is_new_can_be_enrolled() {
        assert!(can(&found(Login::Accepted)).is_ok());
        assert!(can(&found(Login::Refused)).is_err());
        let mut known = found(Login::Accepted);
        known.node = Some(cupola_api::id::NodeId::random());
        assert!(can(&known).is_err());
        let lines = table(&[found(Login::Default)]).lines();
        assert!(lines[1].contains("default of Dell iDRAC"), "{lines:?}");
    }

    #[test]
    fn a_machine_is_enrolled_with_the_credentials_that_let_in() {
        let search = Search {
            targets: Vec::new(),
            user: Some(("me".to_owned(), "mine".into())),
            default_credentials: true,
            enrol: true,
        };
        let info = |one: &Discovered| machine(one, &search).body()["driver_info"].clone();
        assert_eq!(info(&found(Login::Accepted))["ipmi_password"], "mine");
        assert_eq!(info(&found(Login::Default))["ipmi_password"], "calvin");
    }
}
