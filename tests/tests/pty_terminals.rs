//! Every screen and every flow of the console on the terminals that its people have: a big one with
//! 256 colours, the VGA console of a crash cart, and a serial terminal of ASCII without a colour. One
//! walk over the demo's rack, the same on all of them; what stays the same at each run of a screen is
//! kept as a snapshot.
#![allow(
    clippy::unwrap_used,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test"
)]

use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use cupola_tests::binary;
use cupola_tests::pty::Terminal;
use cupola_tests::screen::{lasting, words};

const ESC: &str = "\x1b";
const F8: &str = "\x1b[19~";

/// A kind of terminal.
struct Kind {
    name: &'static str,
    term: &'static str,
    locale: &'static str,
    size: (u16, u16),
    /// The highest colour of a palette that it has; -1 for none.
    colours: i16,
    ascii: bool,
}

/// A walk through the console on one terminal.
struct Walk {
    console: Terminal,
    kind: Kind,
}

impl Walk {
    fn start(kind: Kind) -> Result<Self> {
        let cupola = binary::cupola()?.display().to_string();
        let term = format!("TERM={}", kind.term);
        let locale = format!("LC_ALL={}", kind.locale);
        let zone = format!("TZ={}", noon()?);
        let arguments = [
            "-u",
            "COLORTERM",
            &term,
            &locale,
            &zone,
            &cupola,
            "demo",
            "--nodes",
            "6",
        ];
        let console = Terminal::run(Path::new("/usr/bin/env"), &arguments, kind.size)?;
        Ok(Self { console, kind })
    }

    /// Types, and waits for words on the screen.
    fn press(&mut self, keys: &str, until: &str) -> Result<String> {
        self.console.press(keys)?;
        self.until(until)
    }

    fn until(&self, until: &str) -> Result<String> {
        let shown = self.console.wait(&format!("{until:?}"), |screen| {
            words(screen).contains(until)
        })?;
        self.look(until)?;
        Ok(shown)
    }

    /// Types, and waits until words are gone.
    fn leave(&mut self, keys: &str, gone: &str) -> Result<()> {
        self.console.press(keys)?;
        self.console.wait(&format!("no {gone:?}"), |screen| {
            !words(screen).contains(gone)
        })?;
        Ok(())
    }

    /// Types, and waits until the screen is as it was kept.
    fn keep(&mut self, name: &str, keys: &str, until: &str) -> Result<()> {
        let mut shown = self.press(keys, until)?;
        let name = format!("{}__{name}", self.kind.name);
        let is_wanted = |screen: &str| kept(&name).is_some_and(|kept| kept == form(screen));
        if !is_wanted(&shown) {
            // A frame comes in pieces: what is on the screen in the end is compared.
            shown = match self.console.wait(&name, is_wanted) {
                Ok(shown) => shown,
                Err(_) => self.until(until)?,
            };
        }
        insta::assert_snapshot!(name, form(&shown));
        Ok(())
    }

    /// Nothing is drawn that the terminal has not.
    fn look(&self, at: &str) -> Result<()> {
        let colours = self.console.colours();
        let most = colours.last().copied().unwrap_or(-1);
        ensure!(most <= self.kind.colours, "colour {most} at {at:?}");
        ensure!(
            !self.kind.ascii || self.console.is_ascii(),
            "not ASCII at {at:?}"
        );
        Ok(())
    }

    /// All of it.
    fn all(mut self) -> Result<()> {
        let greeting = self.first()?;
        self.finding()?;
        self.menus()?;
        self.node()?;
        self.enrolling(&greeting)?;
        self.deploying()?;
        self.afterwards()?;
        self.console.press("q")?;
        ensure!(self.console.ended()?.success());
        ensure!(self.console.is_restored(), "the terminal is not as before");
        Ok(())
    }

    fn first(&mut self) -> Result<String> {
        let shown = self.console.wait("four clean nodes", |screen| {
            words(screen).matches("off available").count() == 4
        })?;
        self.keep("first-run", "", "Not enrolled yet")?;
        self.leave(ESC, "Not enrolled yet")?;
        self.keep("list", "", "4 nodes")?;
        self.keep("help", "?", "Keys of this screen")?;
        self.keep("help-search", "/soft", "Help: /soft_")?;
        self.press(ESC, "this help")?;
        self.leave(ESC, "this help")?;
        self.press("\x0c", "diagnostics of this program")?;
        self.leave("\x0c", "diagnostics of this program")?;
        Ok(shown)
    }

    fn finding(&mut self) -> Result<()> {
        self.keep("dashboard", "D", "Conductors")?;
        self.leave(ESC, "Conductors")?;
        self.keep("filter", "/state:avail", "4 of 4 nodes")?;
        self.leave(ESC, "4 of 4 nodes")?;
        self.keep("groups", ":group state\r", "state available: 4 nodes")?;
        self.keep("command-bar", ":de", "deploy an image")?;
        self.leave(ESC, "deploy an image")?;
        self.leave(":group none\r", "state available: 4 nodes")?;
        self.keep("columns", ":columns name,state,rack,unit,class\r", "CLASS")?;
        self.leave(":columns default\r", "RACK")?;
        self.press(" jV", "3 marked")?;
        self.leave("**g", "marked")?;
        self.press("z", "FROZEN")?;
        self.leave("z", "FROZEN")?;
        Ok(())
    }

    fn menus(&mut self) -> Result<()> {
        for (name, key, title) in [
            ("verbs", "v", "Provision verbs: r01u01"),
            ("power", "p", "Power: r01u01"),
            ("more", "a", "More: r01u01"),
        ] {
            self.keep(name, key, title)?;
            self.leave(ESC, title)?;
        }
        self.keep("maintenance", "mbad fan", "bad fan")?;
        self.press("\r", "1 maint")?;
        self.keep("question", "m", "maintenance off 1 node?")?;
        self.leave("\t\r", "1 maint")?;
        self.keep("lens", "i", "Not now")?;
        self.leave("i", "Not now")?;
        self.press(":manage r01u04\r", "r01u04 off manageable")?;
        self.keep("steps", ":clean r01u04\r", "There is no runbook")?;
        self.press(ESC, "r01u04 off manageable")?;
        self.press(":rescue r01u04\r", "only from active")?;
        self.press(":provide r01u04\r", "r01u04 off available")?;
        Ok(())
    }

    fn node(&mut self) -> Result<()> {
        self.press("\r", "UUID")?;
        self.press("2", "manage")?;
        self.press("3", "available")?;
        self.press("4", "Logs of its ramdisks")?;
        self.press("5", "\"driver_info\": ")?;
        self.press(ESC, "4 nodes")?;
        self.press(":compare r01u01 r01u02\r", "compare r01u01 with r01u02")?;
        self.keep("compare", "a", "driver")?;
        self.press(ESC, "4 nodes")?;
        self.press("<", "as of")?;
        self.leave(ESC, "as of")?;
        Ok(())
    }

    /// One of the machines that the greeting tells of.
    fn enrolling(&mut self, greeting: &str) -> Result<()> {
        let greeting = words(greeting);
        let after = |what: &str| {
            let found = greeting.split_once(what).map(|(_, rest)| rest);
            let word = found.and_then(|rest| rest.split_whitespace().next());
            word.map(|word| word.trim_end_matches(',').to_owned())
        };
        let mac = after("MAC ").context("a MAC address")?;
        let port = after("port ").context("a port")?;
        self.keep("enrol-bmc", "e", "1 BMC")?;
        let bmc = format!("r01u09\t\t127.0.0.1\t\x15{port}\tadmin\tcupola");
        self.press(&bmc, "******")?;
        self.keep("enrol-test", F8, "All is well")?;
        self.press("\r", "MAC 1")?;
        self.keep("enrol-labels", &mac, &mac)?;
        self.keep("enrol-properties", F8, "Inspect it")?;
        self.press(&format!(" {F8}"), "Enter enrols it")?;
        self.press("\r", "r01u09 is available")?;
        self.press(ESC, "5 nodes")?;
        self.keep("discovery", ":enroll 127.0.0.1\r", "F8 look")?;
        self.press(ESC, "5 nodes")?;
        Ok(())
    }

    fn deploying(&mut self) -> Result<()> {
        self.press("*", "5 marked")?;
        self.keep("deploy-image", "d", "another one")?;
        self.keep("deploy-preview", "\r", "5 of 5 nodes get it")?;
        self.keep("preview", "\r", "What is hit")?;
        self.keep("challenge", "\r", "Type 5")?;
        self.press("5", "deploy 5 nodes ]")?;
        self.press("\r", "takes it back")?;
        self.keep("taken-back", "u", "taken back")?;
        self.press(ESC, "off available")?;
        self.press("*", "5 marked")?;
        self.press("d", "another one")?;
        self.press("\r", "5 of 5 nodes get it")?;
        self.press("\r", "What is hit")?;
        self.press("\r", "Type 5")?;
        self.press("5", "deploy 5 nodes ]")?;
        self.press("\r", "under way")?;
        self.press(":board\r", "DOING")?;
        self.until("0 running, 5 ended")?;
        self.press(ESC, "NODE OUTCOME")?;
        self.press(ESC, "POWER STATE SINCE")?;
        Ok(())
    }

    fn afterwards(&mut self) -> Result<()> {
        self.press("@", "openstack (y copies")?;
        self.press(ESC, "POWER STATE SINCE")?;
        self.keep("runs", "R", "HOW IT STANDS")?;
        self.press("\r", "5 reached")?;
        self.press("b", "0 running, 5 ended")?;
        self.press(ESC, "NODE OUTCOME")?;
        self.press(ESC, "HOW IT STANDS")?;
        self.press(ESC, "POWER STATE SINCE")?;
        // What the machine writes comes from its operating system.
        self.press("c", "login:")?;
        self.press("\x1d", "detach")?;
        self.press("d", "POWER STATE SINCE")?;
        self.keep("undeploy", ":undeploy r01u01\r", "undeploy 1 node?")?;
        self.leave(ESC, "undeploy 1 node?")?;
        Ok(())
    }
}

/// A zone in which it is noon, so that what was a moment ago was today.
fn noon() -> Result<String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let hour = i64::try_from(now.as_secs() / 3600 % 24)?;
    // POSIX counts west of Greenwich.
    Ok(format!("NOON{}", hour - 12))
}

/// What is kept of a screen.
fn form(screen: &str) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let named = |line: &str| {
        let words = line
            .split(' ')
            .map(|word| if word == host { "HOST" } else { word });
        words.collect::<Vec<_>>().join(" ")
    };
    // How a run ended is told when it is known, whatever is on the screen then.
    let is_told = |line: &&str| line.ends_with(" reached, 0 failed");
    let lasting = lasting(screen);
    let lines = lasting.lines().filter(|line| !is_told(line));
    let mut lines: Vec<String> = lines.map(named).collect();
    // How many lines are empty is for the snapshots of the screens themselves to say.
    lines.dedup_by(|one, next| one.is_empty() && next.is_empty());
    lines.join("\n").trim().to_owned()
}

/// What was kept under this name.
fn kept(name: &str) -> Option<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots");
    let file = directory.join(format!("pty_terminals__{name}.snap"));
    let text = std::fs::read_to_string(file).ok()?;
    let (_, content) = text.strip_prefix("---\n")?.split_once("\n---\n")?;
    Some(content.trim().to_owned())
}

#[test]
fn on_a_big_terminal_of_256_colours() -> Result<()> {
    Walk::start(Kind {
        name: "xterm",
        term: "xterm-256color",
        locale: "C.UTF-8",
        size: (200, 60),
        colours: 255,
        ascii: false,
    })?
    .all()
}

#[test]
fn on_the_vga_console_of_a_crash_cart() -> Result<()> {
    Walk::start(Kind {
        name: "linux",
        term: "linux",
        locale: "C.UTF-8",
        size: (80, 24),
        colours: 15,
        ascii: false,
    })?
    .all()
}

#[test]
fn on_a_serial_terminal_of_ascii_without_a_colour() -> Result<()> {
    Walk::start(Kind {
        name: "vt220",
        term: "vt220",
        locale: "C",
        size: (80, 24),
        colours: -1,
        ascii: true,
    })?
    .all()
}
