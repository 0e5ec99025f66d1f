//! A serial console, looked at: the terminal that the machine writes to, how it stands with the
//! machine, and what keys do.

pub(crate) mod emulator;
pub(crate) mod keys;

use cupola_api::id::NodeId;
use cupola_api::serial::{SerialCursor, SerialItem, SerialSignal, SerialState};
use jiff::{SignedDuration, Timestamp};

use super::watching::viewer::Pattern;
use crate::serial::Told;
use emulator::Emulator;

/// Lines that the pane needs besides the terminal: how the console stands.
pub(crate) const HEAD: u16 = 1;

/// How it stands with the machine.
#[derive(Debug)]
pub(crate) enum Standing {
    /// The service is asked.
    Asking,
    /// What the service says.
    Told(SerialState),
    /// The service does not answer.
    Lost {
        /// Why.
        why: String,
        /// When it is asked again.
        retry: Timestamp,
    },
    /// There is no console to be had, and why.
    Refused(String),
    /// A recording, which has this name.
    Recording {
        /// Its name.
        name: String,
        /// Whether it is here.
        is_read: bool,
    },
}

/// What keys do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They go to the machine.
    Typing,
    /// Ctrl-] was pressed: they are for the pane.
    Menu,
    /// They move in what has scrolled away.
    Scrolled,
}

/// A serial console, looked at.
#[derive(Debug)]
pub(crate) struct SerialView {
    /// The node.
    pub(crate) node: NodeId,
    /// How it stands with the machine.
    pub(crate) standing: Standing,
    /// What the machine has written.
    pub(crate) terminal: Emulator,
    /// What keys do.
    pub(crate) mode: Mode,
    /// What is searched for.
    pub(crate) search: Option<Pattern>,
    /// The place behind what is on the terminal.
    pub(crate) cursor: Option<SerialCursor>,
}

impl SerialView {
    /// The console of a node, about to be followed in a pane of this size.
    pub(crate) fn follow(node: NodeId, rows: u16, columns: u16) -> Self {
        Self {
            node,
            standing: Standing::Asking,
            terminal: Emulator::new(rows, columns),
            mode: Mode::Typing,
            search: None,
            cursor: None,
        }
    }

    /// A recording, about to be read.
    pub(crate) fn recording(node: NodeId, name: String, rows: u16, columns: u16) -> Self {
        Self {
            standing: Standing::Recording {
                name,
                is_read: false,
            },
            mode: Mode::Scrolled,
            ..Self::follow(node, rows, columns)
        }
    }

    /// Whether it is a recording.
    pub(crate) const fn is_recording(&self) -> bool {
        matches!(self.standing, Standing::Recording { .. })
    }

    /// Takes what was told; what a person should be told besides.
    pub(crate) fn take(&mut self, told: Told, now: Timestamp) -> Option<String> {
        match told {
            Told::Item(item) => return self.take_item(item),
            Told::Lost { why, retry } => {
                let retry = SignedDuration::try_from(retry).unwrap_or_default();
                let retry = now.checked_add(retry).unwrap_or(now);
                self.standing = Standing::Lost { why, retry };
            }
            Told::Refused(why) => self.standing = Standing::Refused(why),
            Told::NotSent(why) => return Some(format!("not sent: {why}")),
            Told::Recorded(name, answer) => self.take_recording(&name, answer),
        }
        None
    }

    fn take_item(&mut self, item: SerialItem) -> Option<String> {
        match item {
            SerialItem::Output {
                next, characters, ..
            } => {
                self.cursor = Some(next);
                self.terminal.write(&characters);
            }
            SerialItem::Missed { next, count } => {
                // Without a count it is another session, and may begin anywhere.
                self.cursor = Some(next);
                let text = match count {
                    Some(count) => format!("\r\n[{count} characters were lost]\r\n"),
                    None => "\r\n[the service connects anew: what came before may be lost]\r\n"
                        .to_owned(),
                };
                self.terminal.write(text.as_bytes());
            }
            SerialItem::Signal { next, signal, .. } => {
                self.cursor = Some(next);
                return Some(match signal {
                    SerialSignal::Break => "the machine sent a break".to_owned(),
                    SerialSignal::Overrun => {
                        "characters were lost between the machine and its BMC".to_owned()
                    }
                    SerialSignal::Refused => {
                        "the machine takes no characters now: is it powered on?".to_owned()
                    }
                });
            }
            SerialItem::State(state) => self.standing = Standing::Told(state),
            SerialItem::End(reason) => {
                let why = format!("the service ended it: {reason}");
                self.standing = Standing::Refused(why);
            }
        }
        None
    }

    fn take_recording(&mut self, read: &str, answer: Result<Vec<u8>, String>) {
        match (&mut self.standing, answer) {
            (Standing::Recording { name, is_read }, Ok(characters)) if name == read => {
                *is_read = true;
                self.terminal.write(&characters);
            }
            (Standing::Recording { name, .. }, Err(why)) if name == read => {
                self.standing = Standing::Refused(format!("the recording cannot be read: {why}"));
            }
            _ => {}
        }
    }

    /// Moves in what has scrolled away; at its end keys go to the machine again.
    pub(crate) fn scroll(&mut self, by: isize) {
        self.terminal.scroll(by);
        if self.mode == Mode::Typing && self.terminal.is_scrolled() {
            self.mode = Mode::Scrolled;
        } else if !self.terminal.is_scrolled() && !self.is_recording() {
            self.mode = Mode::Typing;
        }
    }

    /// Whether a line that is shown has what is searched for: then it is looked at.
    pub(crate) fn is_on_screen(&mut self) -> bool {
        let Some(pattern) = &self.search else {
            return false;
        };
        let is_there = self.terminal.is_on_screen(pattern);
        if is_there {
            self.mode = Mode::Scrolled;
        }
        is_there
    }

    /// Whether a line with what is searched for was found, further up or down.
    pub(crate) fn seek(&mut self, down: bool) -> bool {
        let Some(pattern) = &self.search else {
            return false;
        };
        let found = self.terminal.seek(pattern, down);
        if found {
            self.mode = Mode::Scrolled;
        }
        found
    }
}
