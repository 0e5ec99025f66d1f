//! An archive of logs as lines that a terminal can show: file after file, each under a heading,
//! without control characters. Only the lines that are asked for are ever in memory; an archive
//! that unpacks without end is cut.

use std::io::{self, BufRead, BufReader, Read};

use cupola_api::cupola::LogPage;
use flate2::read::MultiGzDecoder;

/// How much an archive may unpack to, in bytes.
const UNPACKED: u64 = 512 << 20;
/// The longest line, in bytes; the rest of a longer one is left out.
const LINE: usize = 4096;

/// The lines of an archive from number `from` on, at most `count`.
pub(super) fn page(archive: impl Read, from: u64, count: usize) -> LogPage {
    collect(from, count, |taker| walk(archive, taker))
}

/// The lines of what is text already, likewise.
pub(super) fn plain(text: impl Read, from: u64, count: usize) -> LogPage {
    collect(from, count, |taker| lines(BufReader::new(text), taker))
}

fn collect(from: u64, count: usize, read: impl FnOnce(&mut Taker) -> io::Result<bool>) -> LogPage {
    let mut taker = Taker {
        from,
        count,
        at: 0,
        lines: Vec::new(),
    };
    let end = match read(&mut taker) {
        Ok(end) => end,
        Err(error) => taker.take(|| format!("(the archive cannot be read further: {error})")),
    };
    LogPage {
        first: from,
        lines: taker.lines,
        end,
    }
}

/// Keeps the lines that were asked for, and counts the others.
struct Taker {
    from: u64,
    count: usize,
    at: u64,
    lines: Vec<String>,
}

impl Taker {
    /// Whether there is room for more.
    fn take(&mut self, line: impl FnOnce() -> String) -> bool {
        if self.at >= self.from {
            if self.lines.len() >= self.count {
                return false;
            }
            self.lines.push(line());
        }
        self.at += 1;
        true
    }
}

/// Whether the end of the archive was reached.
fn walk(archive: impl Read, taker: &mut Taker) -> io::Result<bool> {
    let unpacked = MultiGzDecoder::new(archive).take(UNPACKED);
    let mut archive = tar::Archive::new(unpacked);
    for entry in archive.entries()? {
        let entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = readable(&entry.path_bytes());
        if taker.at > 0 && !taker.take(String::new) {
            return Ok(false);
        }
        if !taker.take(|| format!("==> {name} <==")) {
            return Ok(false);
        }
        if !lines(BufReader::new(entry), taker)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes line after line; whether the end was reached.
fn lines(mut reader: impl BufRead, taker: &mut Taker) -> io::Result<bool> {
    let mut line = Vec::new();
    while read_line(&mut reader, &mut line)? {
        if !taker.take(|| readable(&line)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Reads one line without its end; false at the end of the file.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut found = false;
    loop {
        let available = reader.fill_buf()?;
        if available.is_empty() {
            return Ok(found);
        }
        found = true;
        let (part, used, ended) = match available.iter().position(|byte| *byte == b'\n') {
            Some(at) => (available.get(..at), at + 1, true),
            None => (Some(available), available.len(), false),
        };
        let room = LINE.saturating_sub(line.len());
        line.extend(part.unwrap_or_default().iter().take(room));
        reader.consume(used);
        if ended {
            return Ok(true);
        }
    }
}

/// Text that does nothing to a terminal but being shown.
fn readable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len());
    for letter in text.trim_end_matches('\r').chars() {
        match letter {
            '\t' => out.push_str("    "),
            letter if letter.is_control() => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, contents) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(contents.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, *contents).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn pages_together_are_the_whole() {
        let packed = archive(&[("dmesg", b"one\r\ntwo\x1b[31m\n\nlast"), ("empty", b"")]);
        let whole = page(&packed[..], 0, 100);
        assert!(whole.end);
        assert_eq!(
            whole.lines,
            [
                "==> dmesg <==",
                "one",
                "two\u{fffd}[31m",
                "",
                "last",
                "",
                "==> empty <=="
            ]
        );
        let mut read = Vec::new();
        loop {
            let part = page(&packed[..], read.len() as u64, 2);
            read.extend(part.lines);
            if part.end {
                break;
            }
        }
        assert_eq!(read, whole.lines);
    }

    #[test]
    fn a_broken_archive_says_so_after_what_was_read() {
        let packed = archive(&[("dmesg", &[b'x'; 100])]);
        let cut = page(&packed[..packed.len() / 2], 0, 100);
        assert!(cut.end);
        let last = cut.lines.last().unwrap();
        assert!(last.contains("cannot be read further"), "{last}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let read = page(&bytes[..], 0, 10);
            prop_assert!(read.lines.len() <= 10);
            prop_assert!(!readable(&bytes).chars().any(char::is_control));
        }
    }
}
