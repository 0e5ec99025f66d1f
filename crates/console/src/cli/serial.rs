//! `cupola serial`: this terminal on the serial console of a node, raw both ways: what the machine
//! sends is for this terminal, as with any other console program. The pane of the console is the one
//! that shows a machine nobody trusts.

use std::io::{IsTerminal, Read, Write};
use std::time::Duration;

use clap::Args;
use cupola_api::client::Client;
use cupola_api::id::NodeIdent;
use cupola_api::serial::{
    Characters, SerialCursor, SerialItem, SerialLink, SerialSend, SerialSignal, SerialState,
};
use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::{Common, Failure, Outcome, connect};
use crate::ui::text::harmless;
use crate::worker::serial::{elsewhere, place, together};

/// Pieces of what is typed that wait for the service.
const TYPED: usize = 256;
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(15);
const HELP: &str = "~. or Ctrl-] leaves, ~b sends a break, ~~ sends ~; each ~ after Enter";

/// Arguments of `serial`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Name or UUID
    node: String,
    /// Take the console from another session of the BMC
    #[arg(long)]
    take_over: bool,
}

/// Attaches until somebody leaves, the service refuses, or standard output is closed.
pub(crate) async fn run(common: &Common, arguments: Arguments) -> Outcome {
    let client = connect::client(common).await?;
    let ident = NodeIdent::from(arguments.node.as_str());
    client.node(&ident).await?;
    let (tell, typed) = mpsc::channel(TYPED);
    let raw = Raw::enter(tell)?;
    if raw.is_terminal {
        note(&format!("{}: {HELP}", arguments.node));
    }
    let ended = tokio::select! {
        ended = follow(&client, &ident, arguments.take_over) => ended,
        ended = send(&client, &ident, typed) => ended,
    };
    drop(raw);
    ended
}

/// The terminal, raw while this lives.
struct Raw {
    is_terminal: bool,
}

impl Raw {
    fn enter(typed: mpsc::Sender<Vec<u8>>) -> Result<Self, Failure> {
        let is_terminal = std::io::stdin().is_terminal();
        if is_terminal {
            crossterm::terminal::enable_raw_mode()
                .map_err(|error| Failure::failed(format!("the terminal: {error}")))?;
            // It ends with the process: reading a terminal cannot be called off.
            std::thread::spawn(move || read(&typed));
        } else {
            // Nobody types: the machine's output alone, until it is interrupted.
            drop(typed);
        }
        Ok(Self { is_terminal })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if self.is_terminal {
            // A terminal that is gone needs no restoring.
            let _ = crossterm::terminal::disable_raw_mode();
            let _ = writeln!(std::io::stderr().lock());
        }
    }
}

fn read(typed: &mpsc::Sender<Vec<u8>>) {
    let mut buffer = [0; 1024];
    loop {
        match std::io::stdin().read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(count) => {
                let piece = buffer.get(..count).unwrap_or_default().to_vec();
                if typed.blocking_send(piece).is_err() {
                    return;
                }
            }
        }
    }
}

/// Tells the person something that is not the machine's.
fn note(text: &str) {
    // A closed standard error is nobody's fault.
    let _ = write!(std::io::stderr().lock(), "\r\n[{}]\r\n", harmless(text));
}

async fn follow(client: &Client, node: &NodeIdent, mut take_over: bool) -> Outcome {
    let mut after: Option<SerialCursor> = None;
    let mut retry = FIRST_RETRY;
    let mut told = String::new();
    loop {
        let why = match client.serial(node, after, take_over).await {
            Ok(mut stream) => loop {
                match stream.next().await {
                    Some(Ok(item)) => {
                        retry = FIRST_RETRY;
                        after = place(&item).or(after);
                        show(item, &mut told)?;
                    }
                    Some(Err(error)) => break error.to_string(),
                    None => break "the service closed the connection".to_owned(),
                }
            },
            Err(error) if error.status() == Some(404) => {
                return Err(Failure::Refused(elsewhere(client.console(node).await)));
            }
            Err(error) if error.status().is_some_and(|status| status < 500) => {
                return Err(error.into());
            }
            Err(error) => error.to_string(),
        };
        take_over = false;
        note(&format!(
            "lost, again in {} s: {why}",
            retry.as_secs().max(1)
        ));
        tokio::time::sleep(retry).await;
        retry = (retry * 2).min(LAST_RETRY);
    }
}

/// Shows what came; a state only where it says something new.
fn show(item: SerialItem, told: &mut String) -> Outcome {
    match item {
        SerialItem::Output { characters, .. } => {
            let mut out = std::io::stdout().lock();
            out.write_all(&characters)?;
            out.flush()?;
        }
        SerialItem::Missed { count, .. } => match count {
            Some(count) => note(&format!("{count} characters were lost")),
            None => note("the service connects anew"),
        },
        SerialItem::Signal { signal, .. } => note(match signal {
            SerialSignal::Break => "the machine sent a break",
            SerialSignal::Overrun => "characters were lost between the machine and its BMC",
            SerialSignal::Refused => "the machine takes no characters now: is it powered on?",
        }),
        SerialItem::State(state) => {
            let words = words(&state);
            if *told != words {
                note(&words);
                *told = words;
            }
        }
        SerialItem::End(reason) => return Err(Failure::Refused(reason)),
    }
    Ok(())
}

fn words(state: &SerialState) -> String {
    match &state.link {
        SerialLink::Connecting => "connecting to the BMC".to_owned(),
        SerialLink::Connected => match state.watchers.len().saturating_sub(1) {
            0 => "connected".to_owned(),
            others => format!("connected, {others} more here"),
        },
        SerialLink::Waiting { why, in_use, .. } => {
            let hint = if *in_use {
                "; --take-over takes it"
            } else {
                ""
            };
            format!("not connected: {why}{hint}")
        }
    }
}

async fn send(client: &Client, node: &NodeIdent, mut typed: mpsc::Receiver<Vec<u8>>) -> Outcome {
    let mut escapes = Escapes::default();
    while let Some(piece) = typed.recv().await {
        let mut sends = Vec::new();
        for byte in piece {
            match escapes.take(byte) {
                Taken::Nothing => {}
                Taken::Send(bytes) => sends.push(SerialSend {
                    data: Some(Characters(bytes)),
                    send_break: false,
                }),
                Taken::Break => sends.push(SerialSend {
                    data: None,
                    send_break: true,
                }),
                Taken::Help => note(HELP),
                Taken::Leave => return Ok(()),
            }
        }
        for send in together(sends) {
            if let Err(error) = client.serial_send(node, &send).await {
                note(&format!("not sent: {error}"));
            }
        }
    }
    // Nobody types any more.
    std::future::pending().await
}

/// What a typed byte means.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    Nothing,
    Send(Vec<u8>),
    Break,
    Help,
    Leave,
}

/// Finds what is meant for this program among what is typed, as ssh does.
#[derive(Debug)]
struct Escapes {
    at_start: bool,
    tilde: bool,
}

impl Default for Escapes {
    fn default() -> Self {
        Self {
            at_start: true,
            tilde: false,
        }
    }
}

impl Escapes {
    fn take(&mut self, byte: u8) -> Taken {
        const LEAVE: u8 = 0x1d;
        let was_tilde = std::mem::take(&mut self.tilde);
        let was_start = std::mem::replace(&mut self.at_start, matches!(byte, b'\r' | b'\n'));
        match byte {
            LEAVE => Taken::Leave,
            b'.' if was_tilde => Taken::Leave,
            b'b' | b'B' if was_tilde => {
                self.at_start = true;
                Taken::Break
            }
            b'?' if was_tilde => {
                self.at_start = true;
                Taken::Help
            }
            b'~' if was_tilde => Taken::Send(vec![b'~']),
            b'~' if was_start => {
                self.tilde = true;
                Taken::Nothing
            }
            other if was_tilde => Taken::Send(vec![b'~', other]),
            other => Taken::Send(vec![other]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(text: &[u8]) -> Taken {
        Taken::Send(text.to_vec())
    }

    fn all(text: &[u8]) -> Vec<Taken> {
        let mut escapes = Escapes::default();
        let taken = text.iter().map(|byte| escapes.take(*byte));
        taken.filter(|taken| *taken != Taken::Nothing).collect()
    }

    #[test]
    fn a_tilde_counts_at_the_start_of_a_line_alone() {
        assert_eq!(all(b"~."), [Taken::Leave]);
        assert_eq!(all(b"\x1d"), [Taken::Leave]);
        assert_eq!(all(b"a~."), [sent(b"a"), sent(b"~"), sent(b".")]);
        assert_eq!(all(b"\r~b~b"), [sent(b"\r"), Taken::Break, Taken::Break]);
        assert_eq!(all(b"~~x"), [sent(b"~"), sent(b"x")]);
        assert_eq!(all(b"~ls"), [sent(b"~l"), sent(b"s")]);
    }
}
