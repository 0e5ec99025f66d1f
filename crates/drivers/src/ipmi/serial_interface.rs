//! The serial console of hardware that is reached by IPMI, as the conductor opens it.

use async_trait::async_trait;

use super::IpmiHub;
use super::driver_info::DriverInfo;
use super::error::{IpmiError, IpmiFault};
use super::interfaces::{address, target};
use super::serial::{SerialInput as Sender, SerialReader};
use crate::interface::{
    Result, Serial, SerialEvent, SerialInput, SerialLine, SerialOutput, SerialSink, SerialTrouble,
    Task,
};

/// Serial-over-LAN of machines of hardware type `ipmi`. Its commands are not on the node's timeline:
/// it is opened again and again, and who opens it tells what came of it.
#[derive(Debug, Clone)]
pub struct IpmiSerial(IpmiHub);

impl IpmiSerial {
    /// On this hub.
    #[must_use]
    pub const fn new(hub: IpmiHub) -> Self {
        Self(hub)
    }
}

fn trouble(error: &IpmiError) -> SerialTrouble {
    SerialTrouble {
        why: error.to_string(),
        in_use: matches!(error.fault(), IpmiFault::SerialInUse),
    }
}

#[async_trait]
impl Serial for IpmiSerial {
    fn validate(&self, task: &Task) -> Result<()> {
        DriverInfo::read(&task.node().driver_info).map(|_| ())
    }

    async fn open(&self, task: &Task, take_over: bool) -> Result<SerialLine, SerialTrouble> {
        let info = DriverInfo::read(&task.node().driver_info).map_err(|error| SerialTrouble {
            why: error.to_string(),
            in_use: false,
        })?;
        let address = address(&info).await.map_err(|error| trouble(&error))?;
        let client = self.0.client(target(&info, address));
        // It is not cancelled with the task: it ends by giving the console back.
        let opened = client.serial_console(take_over).await;
        let (input, output) = opened.map_err(|error| trouble(&error))?.split();
        Ok(SerialLine {
            input: Box::new(input),
            output: Box::new(output),
        })
    }
}

#[async_trait]
impl SerialOutput for SerialReader {
    async fn next(&mut self) -> Option<Result<SerialEvent, SerialTrouble>> {
        let next = Self::next(self).await?;
        Some(next.map_err(|error| trouble(&error)))
    }
}

#[async_trait]
impl SerialSink for Sender {
    async fn send(&self, input: SerialInput) -> bool {
        match input {
            SerialInput::Characters(characters) => Self::send(self, characters).await,
            SerialInput::Break => self.send_break().await,
        }
    }
}
