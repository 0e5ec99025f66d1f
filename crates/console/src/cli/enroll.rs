//! `cupola enroll`: one machine from flags or by questions, or many from a file, to `available`; and
//! which BMCs there are.

pub(super) mod ask;
mod discover;
pub(crate) mod run;

use std::path::PathBuf;

use clap::Args;
use cupola_api::mac::MacAddress;
use cupola_api::secret::Secret;

use super::{Common, Failure, Outcome, connect};
use crate::given;
use crate::machine::{self, Machine, file};

/// Arguments of `enroll`.
#[derive(Debug, Args)]
#[command(after_help = format!("{}\n\n{}", machine::help(), super::EXIT_CODES))]
pub(crate) struct Arguments {
    /// Machines from a CSV, YAML or JSON file (see below) instead of these options; - is standard
    /// input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["bmc", "name", "macs"])]
    file: Option<PathBuf>,
    /// Ask for everything, one line after the other; works with TERM=dumb and pipes
    #[arg(long, conflicts_with_all = ["file", "bmc", "name", "macs", "json"])]
    ask: bool,
    /// Look which BMCs there are at these addresses: 10.0.0.10-10.0.0.40, 10.0.0.0/26, or single ones
    /// with commas between; with --user also what they are
    #[arg(long, value_name = "RANGE", conflicts_with_all = ["file", "ask", "bmc", "name", "macs"])]
    discover: Option<discover::Range>,
    /// With --discover: try the passwords that makers deliver BMCs with, too. Each is a failed login
    /// at all others, and some BMCs lock a user out after a few
    #[arg(long, requires = "discover")]
    default_credentials: bool,
    /// With --discover: enrol all that let somebody in and are not enrolled yet
    #[arg(long, requires = "discover")]
    all_found: bool,
    /// Name of the machine
    #[arg(long)]
    name: Option<String>,
    /// Hardware type
    #[arg(long, default_value = "ipmi")]
    driver: String,
    /// Address of the BMC, with its port where it is not 623
    #[arg(long, value_name = "ADDRESS[:PORT]")]
    bmc: Option<String>,
    /// User name at the BMC
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// File that holds the BMC password; else `CUPOLA_BMC_PASSWORD`, else it is asked for
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// MAC address that netboots; may be given several times
    #[arg(long = "mac", value_name = "MAC", value_parser = given::mac)]
    macs: Vec<MacAddress>,
    /// Resource class
    #[arg(long, value_name = "NAME")]
    resource_class: Option<String>,
    /// Property, such as cpus=16; may be given several times
    #[arg(long = "property", value_name = "KEY=VALUE")]
    properties: Vec<String>,
    /// More driver information; may be given several times
    #[arg(long = "driver-info", value_name = "KEY=VALUE")]
    driver_info: Vec<String>,
    /// Inspect the hardware on the way
    #[arg(long)]
    inspect: bool,
    /// Enrol only; do not bring to available
    #[arg(long)]
    no_provide: bool,
    /// Do not test the BMC first
    #[arg(long)]
    no_probe: bool,
    #[command(flatten)]
    patience: super::watch::Patience,
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

/// Enrols.
pub(crate) async fn run(common: &Common, arguments: Arguments) -> Outcome {
    let plan = run::Plan {
        manage: false,
        inspect: arguments.inspect,
        provide: !arguments.no_provide,
        probe: !arguments.no_probe,
        patience: arguments.patience,
        json: arguments.json,
    };
    if arguments.ask {
        let client = connect::client(common).await?;
        return ask::run(&client, plan).await;
    }
    if let Some(discover::Range(targets)) = arguments.discover.clone() {
        let user = match &arguments.user {
            Some(user) => Some((user.clone(), password(&arguments)?)),
            None => None,
        };
        let search = discover::Search {
            targets,
            user,
            default_credentials: arguments.default_credentials,
            enrol: arguments.all_found,
        };
        let client = connect::client(common).await?;
        return discover::run(&client, search, plan).await;
    }
    let machines = match &arguments.file {
        Some(file) => file::read(file)?,
        None => vec![from_flags(&arguments)?],
    };
    let client = connect::client(common).await?;
    run::all(&client, machines, plan).await
}

fn from_flags(arguments: &Arguments) -> Result<Machine, Failure> {
    let mut machine = Machine {
        name: arguments.name.clone(),
        driver: arguments.driver.clone(),
        macs: arguments.macs.clone(),
        resource_class: arguments.resource_class.clone(),
        ..Machine::default()
    };
    if let Some(bmc) = &arguments.bmc {
        let (address, port) = machine::split_address(bmc)?;
        machine.address = Some(address);
        machine.port = port;
        machine.user = arguments.user.clone();
        let password = password(arguments)?;
        let user = arguments.user.as_deref().unwrap_or_default();
        given::ipmi_user(user).map_err(|why| Failure::usage(format!("--user: it is {why}")))?;
        given::ipmi_password(password.expose())
            .map_err(|why| Failure::usage(format!("the BMC password is {why}")))?;
        machine.password = Some(password);
    } else if arguments.driver == "ipmi" {
        return Err(Failure::usage(
            "--bmc ADDRESS is needed, or --file FILE with many machines",
        ));
    }
    for pair in &arguments.properties {
        let (key, value) = machine::pair(pair)?;
        machine.properties.insert(key, value);
    }
    for pair in &arguments.driver_info {
        let (key, value) = machine::pair(pair)?;
        machine.driver_info.insert(key, value);
    }
    Ok(machine)
}

/// The BMC password: never an argument, which other users of this host could read.
fn password(arguments: &Arguments) -> Result<Secret, Failure> {
    if let Some(file) = &arguments.password_file {
        let text = std::fs::read_to_string(file)
            .map_err(|e| Failure::usage(format!("{}: {e}", file.display())))?;
        return Ok(Secret::new(text.trim_end_matches(['\r', '\n'])));
    }
    if let Ok(text) = std::env::var("CUPOLA_BMC_PASSWORD") {
        return Ok(Secret::new(text));
    }
    super::ask::hidden("BMC password: ")
}
