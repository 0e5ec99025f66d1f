//! One QEMU machine under supervision: power, reset, boot device, serial port.
//!
//! A task owns the QEMU process. It takes requests over a bounded queue (a full queue makes the
//! asker wait), and it starts QEMU again when the guest resets itself. The boot device is consumed
//! by the next start, as the IPMI boot flags are without the persistent bit.

mod process;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::chassis::{BootDevice, Chassis, ChassisReply, ChassisRequest};
use super::command_line::MachineConfig;
use super::{Namespace, QemuError, SerialConsole, ShutdownReason};
use process::{Launcher, Running};

/// How long a request may wait for the supervisor.
const REQUEST_DEADLINE: Duration = Duration::from_secs(20);

/// What a machine is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MachineStatus {
    /// Whether its power is on.
    pub power: bool,
    /// The device of the next start.
    pub boot_device: BootDevice,
    /// How many times it was started.
    pub starts: u32,
    /// Why its last run ended.
    pub last_end: Option<ShutdownReason>,
}

/// A machine. Dropping it ends QEMU.
#[derive(Debug)]
pub struct QemuMachine {
    name: String,
    requests: mpsc::Sender<(ChassisRequest, oneshot::Sender<Result<(), QemuError>>)>,
    status: watch::Receiver<MachineStatus>,
    console: SerialConsole,
    cancel: CancellationToken,
}

impl QemuMachine {
    /// Prepares a machine; its power is off. With `namespace`, QEMU runs inside it.
    ///
    /// # Errors
    ///
    /// [`QemuError::File`] when its disk, variables or sockets cannot be made.
    pub async fn create(
        config: MachineConfig,
        namespace: Option<&Namespace>,
    ) -> Result<Self, QemuError> {
        tokio::fs::create_dir_all(&config.directory)
            .await
            .map_err(QemuError::file(&config.directory))?;
        make_disk(&config.disk.path, config.disk.bytes).await?;
        if let Some(template) = config.firmware.variables() {
            tokio::fs::copy(template, config.uefi_variables())
                .await
                .map_err(QemuError::file(Path::new(template)))?;
        }
        let name = config.name.clone();
        let console = SerialConsole::new(config.directory.join("serial.log"));
        let launcher = Launcher::new(config, namespace, console.clone());
        let (requests, incoming) = mpsc::channel(8);
        let (publish, status) = watch::channel(MachineStatus::default());
        let cancel = CancellationToken::new();
        let supervisor = Supervisor {
            launcher,
            running: None,
            publish,
        };
        tokio::spawn(supervisor.run(incoming, cancel.clone()));
        Ok(Self {
            name,
            requests,
            status,
            console,
            cancel,
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is doing now; the receiver also tells of changes.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<MachineStatus> {
        self.status.clone()
    }

    /// Its serial port.
    #[must_use]
    pub fn console(&self) -> &SerialConsole {
        &self.console
    }

    async fn request(&self, request: ChassisRequest) -> Result<(), QemuError> {
        let stopped = || QemuError::Stopped(self.name.clone());
        let (answer, answered) = oneshot::channel();
        let exchange = async {
            self.requests
                .send((request, answer))
                .await
                .map_err(|_closed| stopped())?;
            answered.await.map_err(|_closed| stopped())?
        };
        tokio::time::timeout(REQUEST_DEADLINE, exchange)
            .await
            .map_err(|_elapsed| QemuError::Deadline {
                what: format!("{request:?} of machine {}", self.name),
                after: REQUEST_DEADLINE,
            })?
    }
}

impl Drop for QemuMachine {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

#[async_trait]
impl Chassis for QemuMachine {
    async fn answer(&self, request: ChassisRequest) -> Result<ChassisReply, QemuError> {
        match request {
            ChassisRequest::GetPower => Ok(ChassisReply::Power(self.status.borrow().power)),
            ChassisRequest::GetBootDevice => {
                Ok(ChassisReply::BootDevice(self.status.borrow().boot_device))
            }
            ChassisRequest::SetPower(_)
            | ChassisRequest::Reset
            | ChassisRequest::Shutdown
            | ChassisRequest::SetBootDevice(_)
            | ChassisRequest::Identify => self.request(request).await.map(|()| ChassisReply::Done),
        }
    }
}

/// Makes a sparse file; one that is there keeps its content.
async fn make_disk(path: &Path, bytes: u64) -> Result<(), QemuError> {
    let file = tokio::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .await
        .map_err(QemuError::file(path))?;
    file.set_len(bytes).await.map_err(QemuError::file(path))
}

struct Supervisor {
    launcher: Launcher,
    running: Option<Running>,
    publish: watch::Sender<MachineStatus>,
}

impl Supervisor {
    async fn run(
        mut self,
        mut requests: mpsc::Receiver<(ChassisRequest, oneshot::Sender<Result<(), QemuError>>)>,
        cancel: CancellationToken,
    ) {
        loop {
            tokio::select! {
                () = cancel.cancelled() => break,
                request = requests.recv() => {
                    let Some((request, answer)) = request else { break };
                    let result = self.handle(request).await;
                    // An asker that gave up needs no answer.
                    let _ = answer.send(result);
                }
                () = ended(&mut self.running) => self.after_end().await,
            }
        }
        self.stop().await;
    }

    async fn handle(&mut self, request: ChassisRequest) -> Result<(), QemuError> {
        match request {
            ChassisRequest::SetPower(true) if self.running.is_none() => self.start().await,
            ChassisRequest::SetPower(false) => {
                self.stop().await;
                Ok(())
            }
            ChassisRequest::Reset if self.running.is_some() => {
                self.stop().await;
                self.start().await
            }
            ChassisRequest::Shutdown => match &mut self.running {
                Some(running) => running.press_power_button().await,
                None => Ok(()),
            },
            ChassisRequest::SetBootDevice(device) => {
                self.publish
                    .send_modify(|status| status.boot_device = device);
                Ok(())
            }
            ChassisRequest::SetPower(true)
            | ChassisRequest::Reset
            | ChassisRequest::Identify
            | ChassisRequest::GetPower
            | ChassisRequest::GetBootDevice => Ok(()),
        }
    }

    async fn start(&mut self) -> Result<(), QemuError> {
        let boot = self.publish.borrow().boot_device;
        self.running = Some(self.launcher.start(boot).await?);
        self.publish.send_modify(|status| {
            status.power = true;
            status.boot_device = BootDevice::None;
            status.starts += 1;
        });
        tracing::debug!(machine = self.launcher.name(), ?boot, "started");
        Ok(())
    }

    async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            let reason = running.kill().await;
            self.publish.send_modify(|status| {
                status.power = false;
                status.last_end = Some(reason);
            });
        }
    }

    /// QEMU has ended by itself: the guest reset or switched off, or QEMU failed.
    async fn after_end(&mut self) {
        let Some(running) = self.running.take() else {
            return;
        };
        let reason = running.kill().await;
        tracing::debug!(machine = self.launcher.name(), ?reason, "ended");
        self.publish
            .send_modify(|status| status.last_end = Some(reason));
        if reason == ShutdownReason::GuestReset {
            match self.start().await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(machine = self.launcher.name(), %error, "no start after reset");
                }
            }
        }
        self.publish.send_modify(|status| status.power = false);
    }
}

/// Ends when the running QEMU does; never, while none runs.
async fn ended(running: &mut Option<Running>) {
    match running {
        Some(running) => running.ended().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Firmware;
    use super::super::command_line::tests::config;
    use super::*;

    #[tokio::test]
    async fn power_follows_requests_and_the_boot_device_is_consumed() {
        if let Some(missing) = super::super::missing_requirements()
            .iter()
            .find(|line| line.contains("qemu-system"))
        {
            eprintln!("SKIPPED: {missing}");
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let mut config = config(directory.path(), Firmware::Bios);
        // No medium to boot from: SeaBIOS waits for ever, which is enough for a power test.
        config.arguments.push("-S".into());
        let machine = QemuMachine::create(config, None).await.unwrap();
        let power = async || machine.answer(ChassisRequest::GetPower).await.unwrap();
        assert_eq!(power().await, ChassisReply::Power(false));
        machine
            .answer(ChassisRequest::SetBootDevice(BootDevice::Pxe))
            .await
            .unwrap();
        machine
            .answer(ChassisRequest::SetPower(true))
            .await
            .unwrap();
        assert_eq!(power().await, ChassisReply::Power(true));
        assert_eq!(machine.status().borrow().boot_device, BootDevice::None);
        machine.answer(ChassisRequest::Reset).await.unwrap();
        assert_eq!(machine.status().borrow().starts, 2);
        machine
            .answer(ChassisRequest::SetPower(false))
            .await
            .unwrap();
        assert_eq!(power().await, ChassisReply::Power(false));
    }

    #[tokio::test]
    async fn a_machine_that_qemu_refuses_says_why() {
        let directory = tempfile::tempdir().unwrap();
        let mut config = config(directory.path(), Firmware::Bios);
        config.network_card = "no-such-card".to_owned();
        let machine = QemuMachine::create(config, None).await.unwrap();
        let error = machine
            .answer(ChassisRequest::SetPower(true))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("no-such-card") || error.contains("apt-get install"),
            "{error}"
        );
    }
}
