//! Enrolling as a technician does it: the wizard with a barcode scanner, "is it this one?", the locate
//! LED and the card at the end; many BMCs at once; and the same in plain lines.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test"
)]

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cupola_console::demo::{Demo, DemoOptions};
use cupola_drivers::ipmi::wire::boot::BootDevice;
use cupola_drivers::ipmi::wire::chassis::IdentifyLight;
use cupola_drivers::ipmi::{BootOverride, IpmiConfig, IpmiHub, IpmiTarget, ReadBack};
use cupola_rack::virtual_rack::RackMachine;
use cupola_tests::binary;
use cupola_tests::pty::Terminal;
use tokio::runtime::Runtime;

const F3: &str = "\x1b[13~";
const F8: &str = "\x1b[19~";

/// A service with a rack, of whose three machines two are not enrolled.
struct Desk {
    demo: Option<Demo>,
    runtime: Runtime,
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Some(demo) = self.demo.take() {
            self.runtime.block_on(demo.stop());
        }
    }
}

impl Desk {
    fn start() -> Result<Self> {
        let runtime = Runtime::new()?;
        let options = DemoOptions {
            machines: 3,
            state_directory: None,
            overrides: Vec::new(),
            paced: false,
            faults: false,
        };
        let demo = Some(runtime.block_on(Demo::start(options))?);
        Ok(Self { demo, runtime })
    }

    fn demo(&self) -> &Demo {
        self.demo.as_ref().unwrap()
    }

    fn api(&self) -> String {
        self.demo().api().unwrap()
    }

    fn machine(&self, at: usize) -> &RackMachine {
        &self.demo().rack().machines()[at]
    }

    fn console(&self, size: (u16, u16)) -> Result<Terminal> {
        let console = Terminal::run(&binary::cupola()?, &["--api", &self.api()], (80, 24))?;
        console.wait_for(": live")?;
        if size != (80, 24) {
            console.resize(size.0, size.1)?;
        }
        Ok(console)
    }

    /// Somebody presses the machine's power button; it boots from the network.
    fn switch_on(&self, at: usize) -> Result<()> {
        let address = self.machine(at).bmc_address;
        self.runtime.block_on(async {
            let hub = IpmiHub::new(IpmiConfig::default())?;
            let bmc = hub.client(IpmiTarget::new(address, "admin", "cupola".into()));
            let device = BootOverride {
                device: BootDevice::Pxe,
                persistent: true,
                efi: true,
                keep_past_timeout: false,
            };
            bmc.set_boot_device(device).await?;
            let on = cupola_api::PowerTarget::On;
            bmc.set_power(on, &ReadBack::default()).await?;
            Ok(())
        })
    }

    fn run(&self, arguments: &[&str], input: &str) -> Result<Output> {
        let mut child = Command::new(binary::cupola()?)
            .args(["--api", &self.api()])
            .args(arguments)
            .env("TERM", "dumb")
            .env("CUPOLA_BMC_PASSWORD", "cupola")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stdin = child.stdin.take().context("its input")?;
        stdin.write_all(input.as_bytes())?;
        drop(stdin);
        Ok(child.wait_with_output()?)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_machine_is_enrolled_with_a_scanner_and_by_its_question_to_dhcp() -> Result<()> {
    let desk = Desk::start()?;
    let machine = desk.machine(2);
    let mac = machine.machine.spec().macs[0].to_string();
    let port = machine.bmc_address.port();
    let mut console = desk.console((80, 24))?;
    console.press("e")?;
    console.wait_for("1 BMC")?;
    // Left with something typed, nothing is lost.
    console.press("scanned\t\t127.0.0.1")?;
    console.wait_for("127.0.0.1")?;
    console.press("\x1b")?;
    console.wait_for("is kept")?;
    console.press("e")?;
    console.wait_for("Go on with scanned?")?;
    console.press("\r")?;
    console.wait("the form as it was left", |screen| {
        screen.contains("127.0.0.1") && !screen.contains("Go on with")
    })?;
    console.press(&format!("\t\x15{port}\tadmin\tcupola"))?;
    console.wait_for("******")?;
    console.press(F8)?;
    console.wait_for("All is well")?;
    console.press("l")?;
    console.wait_for("locate LED is lit")?;
    assert_eq!(machine.bmc.identify_light(), IdentifyLight::Timed);
    console.press("l")?;
    console.wait_for("locate LED is out")?;
    assert_eq!(machine.bmc.identify_light(), IdentifyLight::Off);
    console.press("\r")?;
    console.wait_for("No unknown machine has asked DHCP yet")?;
    desk.switch_on(2)?;
    console.wait_for("Is it this one?")?;
    console.wait_for(&mac)?;
    console.press(F3)?;
    console.wait("the address in its field", |screen| {
        screen.matches(&mac).count() == 2
    })?;
    // A scanner: the whole code at once, and Enter.
    console.press("\t\t\t\t")?;
    console.wait_for("from the machine's label")?;
    std::thread::sleep(Duration::from_millis(500));
    console.press("S/N: CZ20430A\r")?;
    console.wait("the code without its caption", |screen| {
        screen.contains("CZ20430A") && !screen.contains("S/N")
    })?;
    std::thread::sleep(Duration::from_millis(500));
    console.press("ASSET-0017\r")?;
    // The last field: a scan does not go on.
    console.wait_for("F8 goes on")?;
    console.press(F8)?;
    console.wait_for("Inspect it")?;
    console.press(&format!(" {F8}"))?;
    console.wait_for("Enter enrols it")?;
    console.wait_for("ASSET-0017")?;
    console.press("\r")?;
    let card = console.wait_for("UUID of the node")?;
    assert!(card.contains("scanned is available"), "{card}");
    assert!(card.contains('█') && card.contains("CZ20430A"), "{card}");
    console.press("\r")?;
    console.wait_for("node scanned")?;
    Ok(())
}

#[test]
fn many_bmcs_are_found_chosen_and_enrolled() -> Result<()> {
    let desk = Desk::start()?;
    let range: Vec<String> = (0..3)
        .map(|at| desk.machine(at).bmc_address.to_string())
        .collect();
    let range = range.join(",");
    let mut console = desk.console((200, 60))?;
    console.press(&format!(":enroll {range},127.0.0.1:9\r"))?;
    console.wait_for("Addresses")?;
    console.press("\tadmin\tcupola")?;
    console.wait_for("******")?;
    console.press(F8)?;
    let found = console.wait_for("Found 3 BMCs: asked 4 of 4; 1 silent")?;
    assert_eq!(found.matches("login ok").count(), 2, "{found}");
    let enrolled = desk.machine(0).machine.spec().name.clone();
    assert!(found.contains(&format!("node {enrolled}")), "{found}");
    console.press("*")?;
    console.wait("both that can be, chosen", |screen| {
        screen.matches("[x]").count() == 2
    })?;
    console.press(F8)?;
    console.wait("both enrolled", |screen| {
        screen.matches("enrolled: ").count() == 2
    })?;
    // Back always works: the form, with what was typed, then the list.
    console.press("\x1b")?;
    console.wait_for("Try defaults")?;
    console.press("\x1b")?;
    console.wait_for("manageable")?;
    Ok(())
}

#[test]
fn the_machines_of_a_file_are_tested_and_enrolled() -> Result<()> {
    let desk = Desk::start()?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("machines.csv");
    let path = file.display();
    let mut lines = "name,bmc,user,password,mac\n".to_owned();
    for (at, password) in [(1, "cupola"), (2, "wrong")] {
        let (bmc, mac) = {
            let machine = desk.machine(at);
            (machine.bmc_address, machine.machine.spec().macs[0])
        };
        lines.push_str(&format!("filed-{at},{bmc},admin,{password},{mac}\n"));
    }
    lines.push_str("filed-3,127.0.0.1:9,admin,cupola,52:54:00:99:00:03\n");
    std::fs::write(&file, lines.replace("52:54:00:99", "52:54:99"))?;
    let mut console = desk.console((200, 60))?;
    console.press(&format!(":enroll {path}\r"))?;
    console.wait_for("line 4 (filed-3): mac")?;
    std::fs::write(&file, &lines)?;
    console.press("r")?;
    console.wait_for("Found 2 BMCs: asked 3 of 3; 1 silent")?;
    console.press("*")?;
    console.wait("the one that lets us in, chosen", |screen| {
        screen.matches("[x]").count() == 1 && screen.contains("login refused")
    })?;
    console.press(F8)?;
    console.wait_for("enrolled: filed-1")?;
    console.press("\x1b")?;
    console.wait("it is managed", |screen| {
        screen.contains("filed-1") && screen.contains("manageable")
    })?;
    Ok(())
}

#[test]
fn the_command_line_finds_and_enrols() -> Result<()> {
    let desk = Desk::start()?;
    let (known, fresh) = (desk.machine(0), desk.machine(1));
    let range = format!("{},{}", known.bmc_address, fresh.bmc_address);
    let discover = ["enroll", "--discover", &range, "--user", "admin"];
    let told = desk.run(&discover, "")?;
    ensure!(told.status.success(), "{told:?}");
    let table = text(&told.stdout);
    let lines: Vec<&str> = table.lines().collect();
    ensure!(lines.len() == 3 && lines[0].contains("LOGIN"), "{table}");
    ensure!(
        lines
            .iter()
            .filter(|line| line.contains("accepted"))
            .count()
            == 2
    );
    ensure!(text(&told.stderr).contains("2 of 2 addresses answered"));
    let all = [&discover[..], &["--all-found"]].concat();
    let told = desk.run(&all, "")?;
    ensure!(told.status.success(), "{told:?}");
    let notes = text(&told.stderr);
    ensure!(
        notes.contains("is left out: it is the BMC of node"),
        "{notes}"
    );
    ensure!(notes.contains("is manageable"), "{notes}");
    let told = desk.run(&["enroll", "--discover", "10.0.0.0/8"], "")?;
    ensure!(told.status.code() == Some(2), "{told:?}");
    ensure!(text(&told.stderr).contains("more than 4096"), "{told:?}");
    Ok(())
}

#[test]
fn the_wizard_runs_in_plain_lines_through_a_pipe() -> Result<()> {
    let desk = Desk::start()?;
    let machine = desk.machine(1);
    let mac = machine.machine.spec().macs[0].to_string();
    let port = machine.bmc_address.port();
    // Name, driver, address, port (wrong, then back), user, password; the test; four addresses (the
    // first one no address), serial number, asset tag; properties; yes.
    let answers = format!(
        "lines\n\n127.0.0.1\n1\n<\n{port}\nadmin\ncupola\nl\n\n\
         no-address\n\n\n\nCZ1\n\n{mac}\n\
         no\n\n\n\n\n\nyes\n"
    );
    let told = desk.run(&["enroll", "--ask"], &answers)?;
    let out = text(&told.stdout);
    ensure!(told.status.success(), "{out}\n{}", text(&told.stderr));
    for expected in [
        "Step 2 of 6: Test",
        "passed: credentials",
        "The locate LED is lit",
        "MAC 1: six pairs of hexadecimal digits",
        "lines is available",
        "Serial number: CZ1",
        "/v1/nodes/",
    ] {
        ensure!(out.contains(expected), "{expected} is missing:\n{out}");
    }
    ensure!(!out.contains('\x1b') && !out.contains("cupola\n"), "{out}");
    // An input that ends sends nothing.
    let told = desk.run(&["enroll", "--ask"], "half\n")?;
    ensure!(told.status.code() == Some(1), "{told:?}");
    ensure!(text(&told.stderr).contains("nothing was sent"), "{told:?}");
    Ok(())
}
