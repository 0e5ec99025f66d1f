//! iPXE: its own DHCP, its script, and what the script's commands do.

use std::net::Ipv4Addr;
use std::time::Duration;

use cupola_drivers::boot::ClientArchitecture;

use super::dhcp::{self, Program};
use super::http;
use super::script::{Script, Settings, When, commands};
use super::{Downloads, FirmwareConfig, FirmwareOutcome, RomError, Screen, source_address};

/// Commands of one run. A script that retries for ever is the machine's right; a script that spins
/// is a fault of who wrote it.
const MAX_COMMANDS: usize = 10_000;

/// How the names of UEFI programs end. Scripts chain to one that starts the loader of a disk; what
/// it does there is not simulated.
const EFI_LOADER: &str = ".efi";

/// Runs iPXE until it boots something, or gives the machine back to its firmware.
pub(super) async fn run(
    config: &FirmwareConfig,
    screen: &dyn Screen,
) -> Result<FirmwareOutcome, RomError> {
    screen.line("iPXE initialising devices...");
    let lease = dhcp::acquire(config, Program::Ipxe).await?;
    screen.line(&format!("Configuring (net0 {})...... ok", config.mac));
    let Some(file) = lease.boot_file else {
        return Err(RomError::Loader("iPXE: Nothing to boot".to_owned()));
    };
    let mut settings = Settings::default();
    settings.set("mac", &config.mac.to_string());
    settings.set("ip", &lease.address.to_string());
    settings.set("next-server", &lease.next_server.to_string());
    settings.set("filename", &file);
    settings.set("uuid", &config.uuid.to_string());
    settings.set("platform", platform(config.architecture));
    let mut shell = Shell {
        config,
        screen,
        address: lease.address,
        source: source_address(lease.address),
        settings,
        kernel: None,
        ran: 0,
    };
    shell.chain(file).await
}

const fn platform(architecture: ClientArchitecture) -> &'static str {
    match architecture.is_uefi() {
        Some(true) => "efi",
        Some(false) | None => "pcbios",
    }
}

/// How a command ended.
enum Ended {
    /// It did what it should.
    Done,
    /// It failed, and the line decides what comes next.
    Failed(String),
    /// Go on at another line.
    Goto(String),
    /// Go on in another script.
    Chain(String),
    /// The script is over.
    Over(FirmwareOutcome),
}

struct Shell<'a> {
    config: &'a FirmwareConfig,
    screen: &'a dyn Screen,
    address: Ipv4Addr,
    source: Ipv4Addr,
    settings: Settings,
    /// The command line of the kernel that is in memory.
    kernel: Option<String>,
    ran: usize,
}

impl Shell<'_> {
    /// Fetches a script and runs it, and each script that it chains to.
    async fn chain(&mut self, url: String) -> Result<FirmwareOutcome, RomError> {
        let mut url = url;
        loop {
            let fetched = http::text(&url, self.source, self.config.timing.http_wait).await;
            self.screen.line(&match &fetched {
                Ok(_) => format!("{url}... ok"),
                Err(error) => format!("{url}... {error}"),
            });
            let text = fetched.map_err(|error| RomError::Loader(format!("iPXE: {error}")))?;
            let script = Script::parse(&text);
            let script = script.map_err(|error| RomError::Loader(format!("iPXE: {error}")))?;
            match self.execute(&script).await? {
                Ended::Chain(next) => url = next,
                Ended::Over(outcome) => return Ok(outcome),
                Ended::Failed(why) => return Err(RomError::Loader(format!("iPXE: {why}"))),
                Ended::Done | Ended::Goto(_) => {
                    return Ok(FirmwareOutcome::Disk {
                        why: "the iPXE script ended".to_owned(),
                    });
                }
            }
        }
    }

    async fn execute(&mut self, script: &Script) -> Result<Ended, RomError> {
        let mut number = 0;
        while let Some(line) = script.line(number) {
            number += 1;
            match self.line(line).await? {
                Ended::Done => {}
                Ended::Goto(label) => match script.label(&label) {
                    Some(target) => number = target,
                    None => return Ok(Ended::Failed(format!("goto {label}: no such label"))),
                },
                ended @ (Ended::Failed(_) | Ended::Chain(_) | Ended::Over(_)) => return Ok(ended),
            }
        }
        Ok(Ended::Done)
    }

    async fn line(&mut self, line: &str) -> Result<Ended, RomError> {
        let mut last = Ended::Done;
        for command in commands(line) {
            let failed = matches!(last, Ended::Failed(_));
            let runs = match command.when {
                When::Always => true,
                When::Succeeded => !failed,
                When::Failed => failed,
            };
            if !runs {
                continue;
            }
            self.ran += 1;
            if self.ran > MAX_COMMANDS {
                return Err(RomError::Loader("iPXE: the script never ends".to_owned()));
            }
            let words: Vec<String> = command
                .words
                .iter()
                .map(|word| self.settings.expand(word))
                .collect();
            last = self.command(&words).await;
            if matches!(last, Ended::Goto(_) | Ended::Chain(_) | Ended::Over(_)) {
                break;
            }
        }
        Ok(last)
    }

    async fn command(&mut self, words: &[String]) -> Ended {
        let Some((name, arguments)) = words.split_first() else {
            return Ended::Done;
        };
        let first = arguments.iter().find(|word| !word.starts_with("--"));
        match (name.as_str(), first) {
            ("echo", _) => self.echo(&arguments.join(" ")),
            ("set", Some(key)) => {
                self.settings
                    .set(key, &arguments.get(1..).unwrap_or_default().join(" "));
                Ended::Done
            }
            ("inc", Some(key)) => self.increase(key, arguments.get(1)),
            ("iseq", Some(_)) => condition(arguments.first() == arguments.get(1), "not equal"),
            ("isset", first) => condition(first.is_some_and(|v| !v.is_empty()), "not set"),
            ("goto", Some(label)) => Ended::Goto(label.clone()),
            ("imgfree" | "imgclear", _) => {
                self.kernel = None;
                Ended::Done
            }
            ("kernel", Some(url)) => {
                let cmdline = after(arguments, url);
                match self.download(url).await {
                    Ended::Done => {
                        self.kernel = Some(cmdline);
                        Ended::Done
                    }
                    other => other,
                }
            }
            ("initrd" | "module", Some(url)) => self.download(url).await,
            ("imgargs", Some(image)) if self.kernel.is_some() => {
                self.kernel = Some(after(arguments, image));
                Ended::Done
            }
            ("boot", None) => self.boot(),
            ("chain", Some(url)) if url.ends_with(EFI_LOADER) => match self.download(url).await {
                Ended::Done => disk("chain to the loader that starts the disk's"),
                other => other,
            },
            ("chain", Some(url)) => Ended::Chain(url.clone()),
            ("sanboot", _) => disk("sanboot"),
            ("exit", _) => disk("exit"),
            ("reboot", _) => Ended::Over(FirmwareOutcome::Reboot),
            ("sleep", Some(seconds)) => self.sleep(seconds).await,
            // The network is up already.
            ("dhcp" | "ifopen" | "ifconf", _) => Ended::Done,
            _ => Ended::Failed(format!("{name}: command not found")),
        }
    }

    fn echo(&self, text: &str) -> Ended {
        self.screen.line(text);
        Ended::Done
    }

    fn increase(&mut self, key: &str, by: Option<&String>) -> Ended {
        let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
        let value = number(self.settings.get(key)).unwrap_or(0);
        let step = number(by.map(String::as_str)).unwrap_or(1);
        self.settings
            .set(key, &value.saturating_add(step).to_string());
        Ended::Done
    }

    async fn download(&self, url: &str) -> Ended {
        let wait = self.config.timing.http_wait;
        let result = match self.config.downloads {
            Downloads::Full => http::discard(url, self.source, wait).await.map(|_| ()),
            Downloads::HeadOnly => http::head(url, self.source, wait).await,
        };
        match result {
            Ok(()) => {
                self.screen.line(&format!("{url}... ok"));
                Ended::Done
            }
            Err(error) => {
                self.screen.line(&format!("{url}... {error}"));
                Ended::Failed(error.to_string())
            }
        }
    }

    fn boot(&self) -> Ended {
        match &self.kernel {
            Some(cmdline) => Ended::Over(FirmwareOutcome::Ramdisk {
                cmdline: cmdline.clone(),
                address: self.address,
            }),
            None => Ended::Failed("boot: no image is loaded".to_owned()),
        }
    }

    async fn sleep(&self, seconds: &str) -> Ended {
        let Ok(seconds) = seconds.parse() else {
            return Ended::Failed(format!("sleep {seconds}: not a number"));
        };
        let pause = Duration::from_secs(seconds).min(self.config.timing.longest_sleep);
        tokio::time::sleep(pause).await;
        Ended::Done
    }
}

fn condition(holds: bool, why: &str) -> Ended {
    if holds {
        Ended::Done
    } else {
        Ended::Failed(why.to_owned())
    }
}

fn disk(command: &str) -> Ended {
    Ended::Over(FirmwareOutcome::Disk {
        why: format!("the iPXE script says {command}"),
    })
}

/// The words behind one of them.
fn after(arguments: &[String], word: &String) -> String {
    let behind = arguments.iter().skip_while(|other| *other != word).skip(1);
    behind.cloned().collect::<Vec<_>>().join(" ")
}
