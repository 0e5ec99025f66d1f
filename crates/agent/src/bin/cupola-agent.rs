//! The agent as a program: what the ramdisk's init starts once the network is up. It reads the kernel
//! command line, logs to standard output, and never returns control to a machine it should leave.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use cupola_agent::{Agent, AgentConfig, AgentExit, LinuxPlatform, LogBuffer, Platform};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::fmt::MakeWriter;

/// Writes each line to the console and keeps it for the conductor.
#[derive(Clone)]
struct Tee(LogBuffer);

impl Write for Tee {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.0.write_all(data)?;
        // A console that is gone must not end the agent.
        let _ = std::io::stdout().write_all(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let _ = std::io::stdout().flush();
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Tee {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let log = LogBuffer::default();
    let platform = match LinuxPlatform::new(log.clone()) {
        Ok(platform) => Arc::new(platform),
        Err(error) => {
            let _ = writeln!(
                std::io::stdout(),
                "cupola-agent: {error}; mount /proc first"
            );
            return ExitCode::FAILURE;
        }
    };
    let parameters = platform.kernel_parameters();
    let level = if parameters.is_set("ipa-debug") {
        tracing::Level::DEBUG
    } else {
        tracing::Level::INFO
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        .with_target(false)
        .with_writer(Tee(log))
        .init();

    let config = match AgentConfig::from_kernel_parameters(&parameters) {
        Ok(config) => config,
        Err(error) => {
            tracing::error!("{error}");
            return ExitCode::FAILURE;
        }
    };
    match Agent::new(config, platform)
        .run(CancellationToken::new())
        .await
    {
        AgentExit::Reboot | AgentExit::PowerOff | AgentExit::Rescue | AgentExit::Cancelled => {
            ExitCode::SUCCESS
        }
        AgentExit::Fatal(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
