//! What a BMC asks of its machine, and the way `ipmi_sim` asks it.
//!
//! `ipmi_sim` runs a program for every chassis request and is blocked until it ends. The program
//! here is a shell script of builtins only: it writes one line to a named pipe and reads one line
//! from another, so a request costs one process and no waiting.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use nix::sys::stat::Mode;
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;
use tokio::task::JoinHandle;

use super::QemuError;

/// The device a machine starts from next, in `ipmi_sim`'s words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BootDevice {
    /// No override: the firmware's own order.
    #[default]
    None,
    /// The network.
    Pxe,
    /// The disk; `ipmi_sim` calls it `default`.
    Disk,
    /// The optical drive.
    Cdrom,
    /// The firmware's setup.
    Bios,
}

impl fmt::Display for BootDevice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::None => "none",
            Self::Pxe => "pxe",
            Self::Disk => "default",
            Self::Cdrom => "cdrom",
            Self::Bios => "bios",
        })
    }
}

impl FromStr for BootDevice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            "pxe" => Ok(Self::Pxe),
            "default" => Ok(Self::Disk),
            "cdrom" => Ok(Self::Cdrom),
            "bios" => Ok(Self::Bios),
            other => Err(format!("unknown boot device {other}")),
        }
    }
}

/// One request of a BMC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChassisRequest {
    /// Is the power on?
    GetPower,
    /// Which boot device is set?
    GetBootDevice,
    /// Switch the power hard.
    SetPower(bool),
    /// Reset without taking the power away.
    Reset,
    /// Press the power button: the operating system shuts down.
    Shutdown,
    /// Set the device of the next start.
    SetBootDevice(BootDevice),
    /// Blink; this rack has no lamps.
    Identify,
}

impl FromStr for ChassisRequest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split_whitespace().map(|word| word.trim_matches('"'));
        match (words.next(), words.next(), words.next()) {
            (Some("get"), Some("power"), None) => Ok(Self::GetPower),
            (Some("get"), Some("boot"), None) => Ok(Self::GetBootDevice),
            (Some("set"), Some("power"), Some("1")) => Ok(Self::SetPower(true)),
            (Some("set"), Some("power"), Some("0")) => Ok(Self::SetPower(false)),
            (Some("set"), Some("reset"), Some(_)) => Ok(Self::Reset),
            (Some("set"), Some("shutdown"), Some(_)) => Ok(Self::Shutdown),
            (Some("set"), Some("boot"), Some(device)) => device.parse().map(Self::SetBootDevice),
            (Some("set"), Some("identify"), _) => Ok(Self::Identify),
            _ => Err(format!("unknown chassis request {text:?}")),
        }
    }
}

/// The answer to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChassisReply {
    /// It was done.
    Done,
    /// The power is on or off.
    Power(bool),
    /// The boot device that is set.
    BootDevice(BootDevice),
}

impl fmt::Display for ChassisReply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => formatter.write_str("ok"),
            Self::Power(on) => write!(formatter, "power:{}", u8::from(*on)),
            Self::BootDevice(device) => write!(formatter, "boot:{device}"),
        }
    }
}

/// The machine behind a BMC.
#[async_trait]
pub trait Chassis: Send + Sync + 'static {
    /// Does what the BMC asks. The BMC answers nobody until this returns.
    ///
    /// # Errors
    ///
    /// Every [`QemuError`]; the BMC reports it as a failed command.
    async fn answer(&self, request: ChassisRequest) -> Result<ChassisReply, QemuError>;
}

/// A machine that is only a power flag and a boot device: for tests of BMCs alone.
#[derive(Debug, Default)]
pub struct PowerFlag {
    state: Mutex<(bool, BootDevice)>,
}

#[async_trait]
impl Chassis for PowerFlag {
    async fn answer(&self, request: ChassisRequest) -> Result<ChassisReply, QemuError> {
        let mut state = self.state.lock();
        match request {
            ChassisRequest::GetPower => return Ok(ChassisReply::Power(state.0)),
            ChassisRequest::GetBootDevice => return Ok(ChassisReply::BootDevice(state.1)),
            ChassisRequest::SetPower(on) => state.0 = on,
            ChassisRequest::Shutdown => state.0 = false,
            ChassisRequest::SetBootDevice(device) => state.1 = device,
            ChassisRequest::Reset | ChassisRequest::Identify => {}
        }
        Ok(ChassisReply::Done)
    }
}

const SCRIPT: &str = r#"#!/bin/sh
# ipmi_sim's chassis_control program: one line to the machine's supervisor, one line back.
printf '%s %s\n' "$$" "$*" >"$0.request"
while read -r number answer <"$0.reply"; do
  [ "$number" = "$$" ] && break
done
case $answer in
  ok) exit 0 ;;
  error*) echo "$answer"; exit 1 ;;
esac
echo "$answer"
"#;

/// The program, its pipes and the task that answers.
#[derive(Debug)]
pub(super) struct ChassisProgram {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl ChassisProgram {
    /// Writes the program into `directory` and answers its requests by `chassis`.
    pub(super) fn start(directory: &Path, chassis: Arc<dyn Chassis>) -> Result<Self, QemuError> {
        let path = directory.join("chassis");
        std::fs::write(&path, SCRIPT).map_err(QemuError::file(&path))?;
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .map_err(QemuError::file(&path))?;
        let (requests, replies) = (path.with_extension("request"), path.with_extension("reply"));
        for pipe in [&requests, &replies] {
            nix::unistd::mkfifo(pipe, Mode::from_bits_truncate(0o600))
                .map_err(|errno| QemuError::file(pipe)(errno.into()))?;
        }
        // Both ends stay open here, so that neither side ever sees the end of a pipe.
        let mut options = pipe::OpenOptions::new();
        options.read_write(true);
        let receiver = options
            .open_receiver(&requests)
            .map_err(QemuError::file(&requests))?;
        let sender = options
            .open_sender(&replies)
            .map_err(QemuError::file(&replies))?;
        let task = tokio::spawn(serve(receiver, sender, chassis));
        Ok(Self { path, task })
    }

    /// What `ipmi_sim` runs.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ChassisProgram {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(receiver: pipe::Receiver, mut sender: pipe::Sender, chassis: Arc<dyn Chassis>) {
    let mut lines = BufReader::new(receiver).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let Some((number, text)) = line.split_once(' ') else {
            continue;
        };
        let answer = match text.parse::<ChassisRequest>() {
            Ok(request) => {
                let result = chassis.answer(request).await;
                tracing::debug!(?request, ?result, "chassis request");
                result.map_or_else(|error| format!("error {error}"), |reply| reply.to_string())
            }
            Err(unknown) => format!("error {unknown}"),
        };
        let answer = format!("{number} {}\n", answer.replace('\n', " "));
        if sender.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_program_asks_and_prints_what_ipmi_sim_reads() {
        let directory = tempfile::tempdir().unwrap();
        let program =
            ChassisProgram::start(directory.path(), Arc::new(PowerFlag::default())).unwrap();
        let ask = async |words: &'static str| {
            let output = tokio::process::Command::new(program.path())
                .args(words.split(' '))
                .output()
                .await
                .unwrap();
            (
                output.status.success(),
                String::from_utf8(output.stdout).unwrap(),
            )
        };
        assert_eq!(ask("get power").await, (true, "power:0\n".to_owned()));
        assert_eq!(ask("set power 1").await, (true, String::new()));
        assert_eq!(ask("get power").await, (true, "power:1\n".to_owned()));
        assert_eq!(ask("set boot pxe").await, (true, String::new()));
        assert_eq!(ask("get boot").await, (true, "boot:pxe\n".to_owned()));
        let (succeeded, text) = ask("set boot floppy").await;
        assert!(!succeeded && text.contains("floppy"), "{text}");
    }
}
