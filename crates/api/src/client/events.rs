//! Reading event streams: server-sent events (WHATWG HTML, section 9.2) into [`StreamItem`]s, or
//! into the items of a serial console.

use std::collections::VecDeque;

use futures_util::stream::{BoxStream, StreamExt, unfold};

use super::{BodyStream, ClientError};
use crate::event::{Event, StreamItem};
use crate::serial::SerialItem;

/// The longest line that is read; a longer one ends the stream with an error.
const MAX_LINE: usize = 1 << 20;

/// Turns a body into events. The stream ends when the server closes it or an error came.
#[must_use]
pub fn decode(body: BodyStream) -> BoxStream<'static, Result<StreamItem, ClientError>> {
    items(body)
}

/// Turns a body into what comes of a serial console, likewise.
#[must_use]
pub fn decode_serial(body: BodyStream) -> BoxStream<'static, Result<SerialItem, ClientError>> {
    items(body)
}

/// What an event of a stream stands for.
trait Item: Sized + Send + 'static {
    /// Reads an event; `None` for one that is not known.
    fn read(name: &str, id: &str, data: &str) -> Result<Option<Self>, String>;
}

impl Item for StreamItem {
    fn read(name: &str, _: &str, data: &str) -> Result<Option<Self>, String> {
        Ok(match name {
            "missed" => Some(Self::Missed),
            "event" => {
                let event: Event = serde_json::from_str(data).map_err(|e| e.to_string())?;
                Some(Self::Event(Box::new(event)))
            }
            _ => None,
        })
    }
}

impl Item for SerialItem {
    fn read(name: &str, id: &str, data: &str) -> Result<Option<Self>, String> {
        Self::decode(name, id, data)
    }
}

fn items<T: Item>(body: BodyStream) -> BoxStream<'static, Result<T, ClientError>> {
    let state = (body, Decoder::default(), false);
    unfold(state, |(mut body, mut decoder, ended)| async move {
        if ended {
            return None;
        }
        loop {
            if let Some(item) = decoder.ready.pop_front() {
                return Some((Ok(item), (body, decoder, false)));
            }
            match body.next().await? {
                Ok(chunk) => {
                    if let Err(reason) = decoder.push(&chunk) {
                        let target = "the event stream".to_owned();
                        let error = ClientError::BadAnswer { target, reason };
                        return Some((Err(error), (body, decoder, true)));
                    }
                }
                Err(error) => return Some((Err(error), (body, decoder, true))),
            }
        }
    })
    .boxed()
}

/// Collects lines into events.
struct Decoder<T> {
    partial: Vec<u8>,
    name: String,
    id: String,
    data: String,
    ready: VecDeque<T>,
}

impl<T> Default for Decoder<T> {
    fn default() -> Self {
        Self {
            partial: Vec::new(),
            name: String::new(),
            id: String::new(),
            data: String::new(),
            ready: VecDeque::new(),
        }
    }
}

impl<T: Item> Decoder<T> {
    fn push(&mut self, chunk: &[u8]) -> Result<(), String> {
        for part in chunk.split_inclusive(|b| *b == b'\n') {
            self.partial.extend_from_slice(part);
            if self.partial.len() > MAX_LINE {
                return Err(format!("a line is longer than {MAX_LINE} bytes"));
            }
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.partial);
                self.line(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']))?;
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            "id" => value.clone_into(&mut self.id),
            // Comments keep the connection open.
            _ => {}
        }
        Ok(())
    }

    fn dispatch(&mut self) -> Result<(), String> {
        let name = std::mem::take(&mut self.name);
        let data = std::mem::take(&mut self.data);
        self.ready.extend(T::read(&name, &self.id, &data)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STREAM: &str = ": hello\n\nid: 7\nevent: event\ndata: {\"id\":7,\"at\":\"2026-01-02T03:04:05Z\",\
        \"node\":null,\"type\":\"maintenance\",\"on\":true,\"reason\":null}\n\nevent: missed\ndata: {}\n\n";

    fn decode_in(pieces: &[&[u8]]) -> Vec<StreamItem> {
        let mut decoder = Decoder::<StreamItem>::default();
        for piece in pieces {
            decoder.push(piece).expect("a good stream");
        }
        decoder.ready.into()
    }

    #[test]
    fn reads_events_and_the_missed_mark() {
        let items = decode_in(&[STREAM.as_bytes()]);
        assert_eq!(items.len(), 2);
        assert!(matches!(&items[0], StreamItem::Event(e) if e.id.0 == 7));
        assert_eq!(items[1], StreamItem::Missed);
    }

    proptest! {
        #[test]
        fn chunk_borders_do_not_matter(cut in 0..STREAM.len()) {
            let (a, b) = STREAM.as_bytes().split_at(cut);
            prop_assert_eq!(decode_in(&[a, b]), decode_in(&[STREAM.as_bytes()]));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes: Vec<u8>) {
            let _ = Decoder::<StreamItem>::default().push(&bytes);
            let _ = Decoder::<SerialItem>::default().push(&bytes);
        }
    }
}
