//! The part of the QEMU Machine Protocol that supervision needs (QEMU documentation, "QEMU QMP
//! Reference Manual"): why a machine ended, and the power button.

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::task::JoinHandle;

/// Why QEMU ended the machine's run (`ShutdownCause`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShutdownReason {
    /// The operating system restarted the machine.
    GuestReset,
    /// The operating system switched the machine off.
    GuestShutdown,
    /// Anything else: it was killed, or it crashed.
    Other,
}

/// A connection to one run of a machine.
#[derive(Debug)]
pub(super) struct Qmp {
    writer: OwnedWriteHalf,
    reader: JoinHandle<Option<ShutdownReason>>,
}

impl Qmp {
    /// Takes over a connection and leaves the negotiation mode. QEMU answers commands when it has
    /// built the machine, so a machine that it refuses never gets through here.
    pub(super) async fn connect(stream: UnixStream) -> std::io::Result<Self> {
        let (reader, mut writer) = stream.into_split();
        let mut lines = BufReader::new(reader).lines();
        writer
            .write_all(b"{\"execute\":\"qmp_capabilities\"}\n")
            .await?;
        loop {
            match lines.next_line().await? {
                Some(line) if line.starts_with("{\"return\"") => break,
                Some(_greeting) => {}
                None => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let reader = tokio::spawn(async move {
            let mut reason = None;
            while let Ok(Some(line)) = lines.next_line().await {
                reason = shutdown_reason(&line).or(reason);
            }
            reason
        });
        Ok(Self { writer, reader })
    }

    /// Presses the power button (ACPI).
    pub(super) async fn press_power_button(&mut self) -> std::io::Result<()> {
        self.writer
            .write_all(b"{\"execute\":\"system_powerdown\"}\n")
            .await
    }

    /// The reason of the end; call it when QEMU has ended.
    pub(super) async fn ended(self) -> ShutdownReason {
        drop(self.writer);
        self.reader
            .await
            .ok()
            .flatten()
            .unwrap_or(ShutdownReason::Other)
    }
}

fn shutdown_reason(line: &str) -> Option<ShutdownReason> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message.get("event")?.as_str()? != "SHUTDOWN" {
        return None;
    }
    Some(
        match message.pointer("/data/reason").and_then(Value::as_str) {
            Some("guest-reset") => ShutdownReason::GuestReset,
            Some("guest-shutdown") => ShutdownReason::GuestShutdown,
            _ => ShutdownReason::Other,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_shutdown_events_carry_a_reason() {
        let event = |reason: &str| {
            format!(r#"{{"event":"SHUTDOWN","data":{{"guest":true,"reason":"{reason}"}}}}"#)
        };
        assert_eq!(
            shutdown_reason(&event("guest-reset")),
            Some(ShutdownReason::GuestReset)
        );
        assert_eq!(
            shutdown_reason(&event("guest-shutdown")),
            Some(ShutdownReason::GuestShutdown)
        );
        assert_eq!(
            shutdown_reason(&event("host-signal")),
            Some(ShutdownReason::Other)
        );
        assert_eq!(shutdown_reason(r#"{"return":{}}"#), None);
        assert_eq!(shutdown_reason("nonsense"), None);
    }
}
