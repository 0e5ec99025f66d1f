//! One run of QEMU: its process, its monitor and its serial port.

use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::super::command_line::{self, MachineConfig};
use super::super::error::tail;
use super::super::qmp::Qmp;
use super::super::{BootDevice, Namespace, QemuError, SerialConsole, ShutdownReason};

/// How long QEMU may take to connect to its monitor and serial sockets.
const START_DEADLINE: Duration = Duration::from_secs(15);

/// Starts runs of one machine. QEMU connects to sockets that listen here, so that not one byte of
/// the serial port is lost and nothing has to be polled.
#[derive(Debug)]
pub(super) struct Launcher {
    config: MachineConfig,
    namespace: Option<String>,
    console: SerialConsole,
    errors: PathBuf,
}

impl Launcher {
    pub(super) fn new(
        config: MachineConfig,
        namespace: Option<&Namespace>,
        console: SerialConsole,
    ) -> Self {
        Self {
            errors: config.directory.join("qemu.log"),
            namespace: namespace.map(|namespace| namespace.name().to_owned()),
            config,
            console,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.config.name
    }

    /// Starts QEMU and waits until both its sockets are connected.
    pub(super) async fn start(&self, boot: BootDevice) -> Result<Running, QemuError> {
        // Bound anew for every run: a run that failed may have left connections in the queue.
        let qmp = listen(self.config.qmp_socket())?;
        let serial = listen(self.config.serial_socket())?;
        let mut child = self.spawn(boot)?;
        let connections = async {
            let (monitor, serial) =
                tokio::try_join!(accept(&qmp, &self.config), accept(&serial, &self.config))?;
            Ok((Qmp::connect(monitor).await, serial))
        };
        let connected = tokio::select! {
            connected = tokio::time::timeout(START_DEADLINE, connections) => connected,
            _ = child.wait() => return Err(self.refused().await),
        };
        let (monitor, serial) = connected.map_err(|_elapsed| QemuError::Deadline {
            what: format!("start of QEMU for machine {}", self.config.name),
            after: START_DEADLINE,
        })??;
        let Ok(qmp) = monitor else {
            return Err(self.refused().await);
        };
        let recorder = tokio::spawn(self.console.clone().record(serial));
        Ok(Running {
            child,
            qmp,
            recorder,
        })
    }

    /// QEMU has ended before the machine was there; its log says why.
    async fn refused(&self) -> QemuError {
        let log = tokio::fs::read_to_string(&self.errors)
            .await
            .unwrap_or_default();
        QemuError::MachineStart {
            machine: self.config.name.clone(),
            stderr: tail(&log),
        }
    }

    fn spawn(&self, boot: BootDevice) -> Result<Child, QemuError> {
        let log = File::create(&self.errors).map_err(QemuError::file(&self.errors))?;
        let mut command = match &self.namespace {
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace, "qemu-system-x86_64"]);
                command
            }
            None => Command::new("qemu-system-x86_64"),
        };
        command
            .args(command_line::arguments(&self.config, boot))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| QemuError::Start {
                program: "qemu-system-x86_64".to_owned(),
                package: "qemu-system-x86",
                source,
            })
    }
}

fn listen(path: PathBuf) -> Result<UnixListener, QemuError> {
    // The socket file of the run before would refuse the bind.
    let _ = std::fs::remove_file(&path);
    UnixListener::bind(&path).map_err(QemuError::file(&path))
}

async fn accept(listener: &UnixListener, config: &MachineConfig) -> Result<UnixStream, QemuError> {
    let accepted = listener.accept().await;
    accepted
        .map(|(stream, _address)| stream)
        .map_err(QemuError::file(&config.directory))
}

/// A QEMU process that runs, or has just ended. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    qmp: Qmp,
    recorder: JoinHandle<Result<(), QemuError>>,
}

impl Running {
    /// Ends when the process does; may be called again and dropped at any time.
    pub(super) async fn ended(&mut self) {
        // The only error of waiting is that there is no such child any more: it has ended.
        let _ = self.child.wait().await;
    }

    pub(super) async fn press_power_button(&mut self) -> Result<(), QemuError> {
        self.qmp
            .press_power_button()
            .await
            .map_err(QemuError::file(std::path::Path::new("the monitor socket")))
    }

    /// Ends the process, takes in the rest of its serial output and says why it ended.
    pub(super) async fn kill(mut self) -> ShutdownReason {
        // Fails only where the process has ended already.
        let _ = self.child.kill().await;
        if let Ok(Err(error)) = self.recorder.await {
            tracing::warn!(%error, "the serial log is not complete");
        }
        self.qmp.ended().await
    }
}
