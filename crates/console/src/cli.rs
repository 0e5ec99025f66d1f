//! The command line: which commands there are, and where each one goes.
//!
//! One file per command beside this one. A command returns a [`Failure`] instead of printing an
//! error; [`main`] prints it once and turns it into the exit code.

mod ask;
mod boot;
mod check;
mod connect;
mod console;
mod demo;
mod deploy;
mod enroll;
mod explain;
mod failure;
mod generate;
mod help;
mod node;
mod output;
mod plain;
mod ramdisk;
mod serial;
mod serve;
mod service;
mod tally;
mod watch;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::term::capabilities::{Characters, Colours, Wanted};
pub(crate) use failure::Failure;

/// What a command returns.
pub(crate) type Outcome = Result<(), Failure>;

/// What the exit codes say, for `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  it was tried and failed, or several nodes failed in different ways
  2  the command line, the configuration or a file given makes no sense
  3  the server refused
  4  the server is not reachable";

/// Bare-metal provisioning from a terminal.
#[derive(Debug, Parser)]
#[command(
    after_help = EXIT_CODES,
    name = "cupola",
    version,
    propagate_version = true,
    disable_help_subcommand = true,
    max_term_width = 100
)]
struct Cli {
    #[command(flatten)]
    look: Look,
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Options that every command takes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Common options")]
pub(crate) struct Common {
    /// API to speak to, as http://HOST:PORT; else `OS_ENDPOINT`; else the console serves itself, and
    /// other commands try http://127.0.0.1:6385. Who asks is told as to the OpenStack clients: by
    /// `OS_USERNAME` and `OS_PASSWORD`, with `OS_AUTH_URL` where Keystone issues tokens, or by --cloud
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "CUPOLA_API",
        hide_env_values = true
    )]
    pub(crate) api: Option<String>,
    /// Cloud of `clouds.yaml` whose login is used
    #[arg(long, global = true, value_name = "NAME", env = "OS_CLOUD")]
    pub(crate) cloud: Option<String>,
    /// File with the authorities that sign the API's certificate, as PEM
    #[arg(long, global = true, value_name = "FILE", env = "OS_CACERT")]
    pub(crate) cacert: Option<PathBuf>,
    /// Take any certificate of the API
    #[arg(long, global = true)]
    pub(crate) insecure: bool,
    /// Configuration file
    #[arg(long, global = true, value_name = "FILE", env = "CUPOLA_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Directory that holds database, keys and images
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Override a configuration key, such as drivers.enabled=["ipmi"]
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    pub(crate) overrides: Vec<String>,
    /// What is logged, such as info or cupola_backend=debug
    #[arg(long, global = true, value_name = "FILTER", env = "CUPOLA_LOG")]
    pub(crate) log: Option<String>,
}

/// How the console looks: for the commands that draw, no others.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Look {
    /// Theme: default, 256, light, high-contrast, deuteranopia, tritanopia, mono, or a TOML file
    /// [env: `CUPOLA_THEME`]
    // The variable is read by `name`: set for good, it must not be in the way of other commands.
    #[arg(long, value_name = "NAME|FILE")]
    theme: Option<String>,
    /// Draw with ASCII characters only
    #[arg(long, conflicts_with = "characters")]
    ascii: bool,
    /// Profile of `console.toml`: which service, and how careful [env: `CUPOLA_PROFILE`]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Change nothing: look only [env: `CUPOLA_READ_ONLY`]
    #[arg(long)]
    read_only: bool,
    /// Be all that the person has on this host: no suspending, no files by path. For `ForceCommand` of sshd
    #[arg(long)]
    captive: bool,
    /// Settings of the console [env: `CUPOLA_CONSOLE_CONFIG`]
    #[arg(long, value_name = "FILE")]
    console_config: Option<PathBuf>,
    /// Hear the mouse: the wheel, rows of the list, the key bar
    #[arg(long)]
    mouse: bool,
    /// Take orders and tell what happens in plain lines, for screen readers, TERM=dumb and pipes
    #[arg(long, conflicts_with_all = ["theme", "ascii", "mouse", "colour", "characters"])]
    plain: bool,
    /// How many colours the terminal has; auto finds it out from TERM, COLORTERM and `NO_COLOR`
    #[arg(long, visible_alias = "color", value_name = "HOW MANY")]
    colour: Option<Colour>,
    /// Which characters the terminal has; without it the locale and TERM tell
    #[arg(long, value_name = "WHICH")]
    characters: Option<Characters>,
}

/// How many colours a person says that the terminal has.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Colour {
    /// Any colour
    Truecolour,
    /// 256
    #[value(name = "256")]
    Indexed,
    /// Sixteen
    #[value(name = "16")]
    Sixteen,
    /// None
    Mono,
    /// As the environment says
    Auto,
}

impl Look {
    /// The theme that is wanted.
    pub(crate) fn theme(&self) -> Option<String> {
        let variable = || std::env::var("CUPOLA_THEME").ok();
        let theme = self.theme.clone().or_else(variable);
        theme.filter(|name| !name.is_empty())
    }

    /// Whether only ASCII characters are wanted.
    pub(crate) const fn ascii(&self) -> bool {
        self.ascii
    }

    /// The profile that is wanted.
    fn profile(&self) -> Option<String> {
        let variable = || std::env::var("CUPOLA_PROFILE").ok();
        let profile = self.profile.clone().or_else(variable);
        profile.filter(|name| !name.is_empty())
    }

    /// Whether plain lines are wanted: said, or on a terminal that has nothing else.
    pub(crate) fn plain(&self) -> bool {
        let is_dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        self.plain || (is_dumb && std::io::stdin().is_terminal())
    }

    /// Who wants that nothing is changed, where somebody does.
    fn read_only(&self) -> Option<&'static str> {
        let variable = std::env::var("CUPOLA_READ_ONLY").unwrap_or_default();
        let is_set = !matches!(variable.as_str(), "" | "0" | "false" | "no");
        let given = self.read_only.then_some("--read-only");
        given.or(is_set.then_some("CUPOLA_READ_ONLY"))
    }

    /// The file with the settings of the console, where one is named.
    pub(crate) fn console_config(&self) -> Option<PathBuf> {
        let variable = || std::env::var_os("CUPOLA_CONSOLE_CONFIG").map(PathBuf::from);
        let file = self.console_config.clone().or_else(variable);
        file.filter(|file| !file.as_os_str().is_empty())
    }

    /// What the terminal has, as far as it is said.
    pub(crate) fn wanted(&self) -> Wanted {
        Wanted {
            colours: self.colour.and_then(|colour| match colour {
                Colour::Truecolour => Some(Colours::True),
                Colour::Indexed => Some(Colours::Indexed),
                Colour::Sixteen => Some(Colours::Sixteen),
                Colour::Mono => Some(Colours::Mono),
                Colour::Auto => None,
            }),
            characters: self.characters,
        }
    }

    /// These options, and those before the command where they are not given after it.
    fn or(self, before: Self) -> Self {
        Self {
            theme: self.theme.or(before.theme),
            ascii: self.ascii || before.ascii,
            profile: self.profile.or(before.profile),
            read_only: self.read_only || before.read_only,
            captive: self.captive || before.captive,
            console_config: self.console_config.or(before.console_config),
            mouse: self.mouse || before.mouse,
            plain: self.plain || before.plain,
            colour: self.colour.or(before.colour),
            characters: self.characters.or(before.characters),
        }
    }

    const fn is_given(&self) -> bool {
        let files = self.theme.is_some() || self.console_config.is_some();
        let terminal = self.ascii || self.colour.is_some() || self.characters.is_some();
        let care = self.profile.is_some() || self.read_only || self.captive;
        files || terminal || care || self.plain || self.mouse
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service without the console
    Serve(serve::Arguments),
    /// Open the console over a rack of simulated machines
    Demo(demo::Arguments),
    /// Enrol machines and bring them to available
    Enroll(enroll::Arguments),
    /// Deploy an image to nodes
    #[command(after_help = EXIT_CODES)]
    Deploy(deploy::Arguments),
    /// Follow what happens to a node until it is at rest
    #[command(after_help = EXIT_CODES)]
    Watch(watch::Arguments),
    /// Explain where a node stands, what it waits for, and what may be wrong
    #[command(after_help = EXIT_CODES)]
    Explain(explain::Arguments),
    /// Attach this terminal to the serial console of a node; Ctrl-] or ~. leaves
    #[command(after_help = EXIT_CODES)]
    Serial(serial::Arguments),
    /// List and show nodes
    #[command(subcommand, after_help = EXIT_CODES)]
    Node(node::Command),
    /// Build the deploy ramdisk
    #[command(subcommand)]
    Ramdisk(ramdisk::Command),
    /// Tell other programs of the boot services
    #[command(subcommand)]
    Boot(boot::Command),
    /// Check whether this host is fit to provision
    Check(check::Arguments),
    /// Help on a command or a topic: keys, terminals, themes, exit-codes, environment,
    /// reloading
    Help(help::Arguments),
    /// Print the completions for a shell
    Completions(generate::Completions),
    /// Write the manual pages
    Man(generate::Man),
}

/// Parses the arguments, runs the command, and returns the exit code: 0 done, 1 failed, 2 bad
/// usage, 3 the server refused, 4 not reachable.
#[must_use]
pub fn main() -> ExitCode {
    let cli = parse(std::env::args_os()).unwrap_or_else(|error| error.exit());
    let outcome = match runtime() {
        Ok(runtime) => {
            let outcome = runtime.block_on(run(cli));
            // A task that ignores its cancellation must not keep the shell waiting.
            runtime.shutdown_timeout(std::time::Duration::from_secs(2));
            outcome
        }
        Err(error) => Err(Failure::failed(format!("cannot start: {error}"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::error(&failure.to_string());
            failure.exit_code()
        }
    }
}

/// Parses the arguments; options of the look are refused where nothing is drawn.
fn parse(
    arguments: impl IntoIterator<Item = impl Into<std::ffi::OsString> + Clone>,
) -> Result<Cli, clap::Error> {
    let mut cli = Cli::try_parse_from(arguments)?;
    match &mut cli.command {
        None => {}
        Some(Command::Demo(demo)) => {
            demo.look = std::mem::take(&mut demo.look).or(std::mem::take(&mut cli.look));
        }
        Some(_) if cli.look.is_given() => {
            return Err(Cli::command().error(
                ErrorKind::ArgumentConflict,
                "--theme, --ascii, --mouse, --plain, --colour, --characters, --console-config, --profile, \
                 --read-only and --captive belong to the commands that draw: cupola and cupola demo",
            ));
        }
        Some(_) => {}
    }
    Ok(cli)
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
}

async fn run(cli: Cli) -> Outcome {
    let common = cli.common;
    let Some(command) = cli.command else {
        return Box::pin(console::run(&common, &cli.look)).await;
    };
    match command {
        Command::Demo(arguments) => Box::pin(demo::run(&common, arguments)).await,
        Command::Serve(arguments) => Box::pin(serve::run(&common, arguments)).await,
        Command::Enroll(arguments) => Box::pin(enroll::run(&common, arguments)).await,
        Command::Deploy(arguments) => Box::pin(deploy::run(&common, arguments)).await,
        Command::Watch(arguments) => Box::pin(watch::run(&common, arguments)).await,
        Command::Explain(arguments) => Box::pin(explain::run(&common, arguments)).await,
        Command::Serial(arguments) => Box::pin(serial::run(&common, arguments)).await,
        Command::Node(command) => Box::pin(node::run(&common, command)).await,
        Command::Ramdisk(command) => Box::pin(ramdisk::run(&common, command)).await,
        Command::Boot(command) => boot::run(&common, &command),
        Command::Check(arguments) => Box::pin(check::run(&common, arguments)).await,
        Command::Help(arguments) => help::run(
            &arguments,
            Cli::command(),
            cli.look.console_config().as_deref(),
        ),
        Command::Completions(arguments) => generate::completions(&arguments, Cli::command()),
        Command::Man(arguments) => generate::man(&arguments, Cli::command()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn common_options_may_follow_the_command() {
        let cli = Cli::try_parse_from(["cupola", "node", "list", "--api", "http://h:1", "--json"]);
        assert_eq!(
            cli.expect("parses").common.api.as_deref(),
            Some("http://h:1")
        );
    }

    #[test]
    fn a_password_in_the_environment_is_not_in_the_help() {
        let mut command = Cli::command();
        command.build();
        let api = command.get_arguments().find(|it| it.get_id() == "api");
        assert!(api.expect("--api").is_hide_env_values_set());
    }

    #[test]
    fn the_look_belongs_to_commands_that_draw() {
        for bad in [
            ["cupola", "serve", "--theme", "light"],
            ["cupola", "--theme", "light", "serve"],
        ] {
            let error = parse(bad).expect_err("nothing is drawn");
            assert_eq!(error.exit_code(), 2);
        }
        for good in [
            ["cupola", "demo", "--theme", "light"],
            ["cupola", "--theme", "light", "demo"],
        ] {
            let Some(Command::Demo(demo)) = parse(good).expect("parses").command else {
                panic!("another command");
            };
            assert_eq!(demo.look.theme.as_deref(), Some("light"));
        }
        let console = parse(["cupola", "--ascii"]).expect("parses");
        assert!(console.look.ascii);
    }

    #[test]
    fn a_state_that_does_not_exist_is_bad_usage() {
        let list = |state| parse(["cupola", "node", "list", "--state", state]);
        let error = list("bogus").expect_err("there is no such state");
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("deploy failed"), "{error}");
        assert!(list("wait call-back").is_ok());
    }

    #[test]
    fn help_tells_the_exit_codes() {
        for command in [
            None,
            Some("deploy"),
            Some("watch"),
            Some("node"),
            Some("enroll"),
        ] {
            let arguments = ["cupola"].into_iter().chain(command).chain(["--help"]);
            let help = parse(arguments).expect_err("help").to_string();
            assert!(help.contains("3  the server refused"), "{help}");
        }
    }
}
