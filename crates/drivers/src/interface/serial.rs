//! The serial port of a machine, as its BMC carries it.

use async_trait::async_trait;

use super::{Result, Task};

/// What comes of a machine's serial port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SerialEvent {
    /// Characters.
    Characters(Vec<u8>),
    /// The machine sent a break.
    Break,
    /// Characters of the machine were lost on the way to the BMC.
    Overrun,
    /// The machine takes no characters now, such as while it is off: what was sent is dropped.
    Refused,
}

/// What goes to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SerialInput {
    /// Characters.
    Characters(Vec<u8>),
    /// A break.
    Break,
}

/// Why a serial console cannot be opened, or has ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct SerialTrouble {
    /// What is wrong, and what to do.
    pub why: String,
    /// Whether another session has it, which can be taken over.
    pub in_use: bool,
}

/// Opens the serial consoles of machines.
#[async_trait]
pub trait Serial: Send + Sync + 'static {
    /// Whether `driver_info` is complete. Does not talk to the BMC.
    ///
    /// # Errors
    /// What is missing or wrong.
    fn validate(&self, task: &Task) -> Result<()>;

    /// Opens the console; takes it from another session where `take_over` says so. It is closed when
    /// both of its ends are dropped.
    ///
    /// # Errors
    /// When the BMC cannot be reached, has no such console, or another session has it.
    async fn open(&self, task: &Task, take_over: bool) -> Result<SerialLine, SerialTrouble>;
}

/// The two ends of an open console.
pub struct SerialLine {
    /// What comes.
    pub output: Box<dyn SerialOutput>,
    /// What goes.
    pub input: Box<dyn SerialSink>,
}

/// The end that is read.
#[async_trait]
pub trait SerialOutput: Send + 'static {
    /// What came next; `None` after the end, whose cause came before as an error. Cancel-safe.
    async fn next(&mut self) -> Option<Result<SerialEvent, SerialTrouble>>;
}

/// The end that is written to.
#[async_trait]
pub trait SerialSink: Send + Sync + 'static {
    /// Sends; waits while too much is under way. False after the end.
    async fn send(&self, input: SerialInput) -> bool;
}
