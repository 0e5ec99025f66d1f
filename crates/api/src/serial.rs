//! A machine's serial console as it is followed and typed into: `/cupola/v1/nodes/{node}/serial`.
//!
//! * `GET` – server-sent events, each a [`SerialItem`]: `output`, `signal`, `missed`, `state`, and
//!   `end` when who follows may not any more. What has a place in the output has it as `id`; sent
//!   back as `Last-Event-ID`, the stream goes on behind it. `?take_over=true` takes the console from
//!   another session of the BMC.
//! * `POST` – [`SerialSend`]: characters in base64, or a break.
//!
//! What was recorded while a node was deployed is one of its logs: [`RECORDING`].

use std::fmt;
use std::ops::Not;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The end of the name of a log that is a recorded console: the machine's characters as they were.
pub const RECORDING: &str = ".serial";

/// The most characters that one request may type.
pub const LONGEST_INPUT: usize = 4096;

/// A place in the output of a serial console.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SerialCursor {
    /// Which session of the service with the BMC: places of another one mean nothing.
    pub session: u64,
    /// So many characters and signals came before it.
    pub position: u64,
}

impl fmt::Display for SerialCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.session, self.position)
    }
}

/// A text is no place in a serial console's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the id of an event of this stream, such as 7.1024")]
pub struct NoCursor;

impl FromStr for SerialCursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let (session, position) = text.split_once('.').ok_or(NoCursor)?;
        Ok(Self {
            session: session.parse().map_err(|_| NoCursor)?,
            position: position.parse().map_err(|_| NoCursor)?,
        })
    }
}

/// Characters, in base64 on the wire: they are those of no encoding in particular.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Characters(pub Vec<u8>);

impl Serialize for Characters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Characters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD
            .decode(text)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

/// What a serial line says beside characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SerialSignal {
    /// The machine sent a break.
    Break,
    /// Characters were lost between the machine and its BMC.
    Overrun,
    /// The machine takes no characters, such as while it is off: what was typed is dropped.
    Refused,
}

/// How the service stands with the BMC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "link", rename_all = "lowercase")]
pub enum SerialLink {
    /// It logs in.
    Connecting,
    /// Characters come and go.
    Connected,
    /// It failed, and is tried again.
    Waiting {
        /// What is wrong, and what to do.
        why: String,
        /// When it is tried again.
        until: Timestamp,
        /// Whether another session has the console, which can be taken over.
        #[serde(default, skip_serializing_if = "Not::not")]
        in_use: bool,
    },
}

/// Somebody who follows a console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SerialWatcher {
    /// The user; none where nobody was asked for a name.
    pub user: Option<String>,
    /// Since when.
    pub since: Timestamp,
}

/// Where a console stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SerialState {
    /// How the service stands with the BMC.
    #[serde(flatten)]
    pub link: SerialLink,
    /// All who follow it, who asks among them.
    pub watchers: Vec<SerialWatcher>,
    /// Whether the output is being recorded.
    pub recording: bool,
}

/// One piece of a serial console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SerialItem {
    /// The machine wrote.
    Output {
        /// The place behind it.
        next: SerialCursor,
        /// When the first of it came.
        at: Timestamp,
        /// What.
        characters: Vec<u8>,
    },
    /// The line said something else.
    Signal {
        /// The place behind it.
        next: SerialCursor,
        /// When.
        at: Timestamp,
        /// What.
        signal: SerialSignal,
    },
    /// Characters are not kept any more; how many, where that is known.
    Missed {
        /// The place behind them.
        next: SerialCursor,
        /// How many.
        count: Option<u64>,
    },
    /// Where the console stands now.
    State(SerialState),
    /// The stream is ended, for this reason.
    End(String),
}

#[derive(Serialize, Deserialize)]
struct Output {
    at: Timestamp,
    data: Characters,
}

#[derive(Serialize, Deserialize)]
struct Signal {
    at: Timestamp,
    signal: SerialSignal,
}

#[derive(Serialize, Deserialize)]
struct Missed {
    count: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct End {
    reason: String,
}

impl SerialItem {
    /// The name of its event, its place, and its data as JSON.
    #[must_use]
    pub fn encode(&self) -> (&'static str, Option<SerialCursor>, String) {
        match self {
            Self::Output {
                next,
                at,
                characters,
            } => {
                let data = Characters(characters.clone());
                ("output", Some(*next), json(&Output { at: *at, data }))
            }
            Self::Signal { next, at, signal } => {
                let (at, signal) = (*at, *signal);
                ("signal", Some(*next), json(&Signal { at, signal }))
            }
            Self::Missed { next, count } => {
                ("missed", Some(*next), json(&Missed { count: *count }))
            }
            Self::State(state) => ("state", None, json(state)),
            Self::End(reason) => {
                let reason = reason.clone();
                ("end", None, json(&End { reason }))
            }
        }
    }

    /// Reads an event; `None` for one of a name that is not known.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(name: &str, id: &str, data: &str) -> Result<Option<Self>, String> {
        let next = || id.parse::<SerialCursor>().map_err(|e| e.to_string());
        Ok(Some(match name {
            "output" => {
                let output: Output = parse(data)?;
                Self::Output {
                    next: next()?,
                    at: output.at,
                    characters: output.data.0,
                }
            }
            "signal" => {
                let signal: Signal = parse(data)?;
                Self::Signal {
                    next: next()?,
                    at: signal.at,
                    signal: signal.signal,
                }
            }
            "missed" => Self::Missed {
                next: next()?,
                count: parse::<Missed>(data)?.count,
            },
            "state" => Self::State(parse(data)?),
            "end" => Self::End(parse::<End>(data)?.reason),
            _ => return Ok(None),
        }))
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn parse<'a, T: Deserialize<'a>>(data: &'a str) -> Result<T, String> {
    serde_json::from_str(data).map_err(|error| error.to_string())
}

/// What is sent to a machine: either characters or a break.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SerialSend {
    /// Characters, at most [`LONGEST_INPUT`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Characters>,
    /// Whether a break is sent.
    #[serde(default, rename = "break", skip_serializing_if = "Not::not")]
    pub send_break: bool,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at() -> Timestamp {
        "2026-11-23T17:00:00Z".parse().unwrap()
    }

    fn items() -> Vec<SerialItem> {
        let next = SerialCursor {
            session: 3,
            position: 12,
        };
        let state = SerialState {
            link: SerialLink::Waiting {
                why: "no answer".to_owned(),
                until: at(),
                in_use: true,
            },
            watchers: vec![SerialWatcher {
                user: Some("ada".to_owned()),
                since: at(),
            }],
            recording: true,
        };
        vec![
            SerialItem::Output {
                next,
                at: at(),
                characters: b"\x1b[2Jlogin: \xff".to_vec(),
            },
            SerialItem::Signal {
                next,
                at: at(),
                signal: SerialSignal::Break,
            },
            SerialItem::Missed { next, count: None },
            SerialItem::State(state),
            SerialItem::End("gone".to_owned()),
        ]
    }

    #[test]
    fn what_is_encoded_reads_the_same() {
        for item in items() {
            let (name, id, data) = item.encode();
            let id = id.map(|id| id.to_string()).unwrap_or_default();
            assert_eq!(SerialItem::decode(name, &id, &data), Ok(Some(item)));
        }
    }

    #[test]
    fn the_wire_is_as_the_documentation_says() {
        let (_, _, data) = items()[3].encode();
        assert_eq!(
            data,
            r#"{"link":"waiting","why":"no answer","until":"2026-11-23T17:00:00Z","in_use":true,"watchers":[{"user":"ada","since":"2026-11-23T17:00:00Z"}],"recording":true}"#
        );
        let send: SerialSend = serde_json::from_str(r#"{"data":"bHM="}"#).unwrap();
        assert_eq!(send.data, Some(Characters(b"ls".to_vec())));
    }

    proptest! {
        #[test]
        fn hostile_events_never_panic(name: String, id: String, data: String) {
            let _ = SerialItem::decode(&name, &id, &data);
            let _ = SerialItem::decode("output", &id, &data);
            let _ = SerialItem::decode("state", &id, &data);
        }
    }
}
