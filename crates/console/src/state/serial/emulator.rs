//! The terminal that a machine writes to: a VT100 in memory. What it shows is cells of text and
//! colour, whatever the machine sends; none of its sequences comes any further.

use std::fmt;
use std::num::NonZeroU16;

use crate::state::watching::viewer::Pattern;

/// Lines that have scrolled away and are kept.
const SCROLLBACK: usize = 4000;
/// What programs on a serial line take a terminal for, since nobody tells them its size.
const LEAST: (u16, u16) = (24, 80);

/// The terminal.
pub(crate) struct Emulator {
    parser: vt100::Parser,
    /// Rows of the pane that shows it.
    rows: u16,
    /// How many lines further up than its end it is looked at.
    up: usize,
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("up", &self.up)
            .finish_non_exhaustive()
    }
}

fn size(rows: u16, columns: u16) -> (NonZeroU16, NonZeroU16) {
    let at_least = |asked: u16, least: u16| NonZeroU16::new(asked.max(least));
    (
        at_least(rows, LEAST.0).unwrap_or(NonZeroU16::MIN),
        at_least(columns, LEAST.1).unwrap_or(NonZeroU16::MIN),
    )
}

impl Emulator {
    /// An empty terminal, in a pane of this size: it is larger where the pane is smaller than what
    /// programs expect.
    pub(crate) fn new(rows: u16, columns: u16) -> Self {
        let (height, width) = size(rows, columns);
        Self {
            parser: vt100::Parser::new(height, width, SCROLLBACK),
            rows,
            up: 0,
        }
    }

    /// The pane has this size now.
    pub(crate) fn resize(&mut self, rows: u16, columns: u16) {
        let (height, width) = size(rows, columns);
        if self.parser.screen().size() != (height, width) {
            self.parser.set_size(height, width);
        }
        self.rows = rows;
        self.scroll(0);
    }

    /// The machine writes.
    pub(crate) fn write(&mut self, characters: &[u8]) {
        self.parser.process(characters);
        // Where lines have scrolled away, what is looked at stands still.
        let away = self.parser.screen().scrollback();
        if away > 0 {
            self.up = away + self.end();
        }
        self.up = self.up.min(self.most());
    }

    /// The first row of the pane at the end: the cursor's row is in it.
    fn end(&self) -> usize {
        let screen = self.parser.screen();
        let (height, cursor) = (screen.size().0.get(), screen.cursor_position().0);
        let hidden = height.saturating_sub(self.rows);
        usize::from(hidden.min(cursor.saturating_add(1).saturating_sub(self.rows)))
    }

    fn most(&self) -> usize {
        self.end() + self.parser.screen().scrollback_len()
    }

    /// Looks further down, or up.
    pub(crate) fn scroll(&mut self, by: isize) {
        self.look(self.up.saturating_add_signed(by.saturating_neg()));
    }

    fn look(&mut self, up: usize) {
        self.up = up.min(self.most());
        let away = self.up.saturating_sub(self.end());
        self.parser.screen_mut().set_scrollback(away);
    }

    /// Whether it is looked at further up than its end.
    pub(crate) const fn is_scrolled(&self) -> bool {
        self.up > 0
    }

    /// How many lines further up.
    pub(crate) const fn up(&self) -> usize {
        self.up
    }

    /// Whether the arrow keys are to be sent as an application asks for.
    pub(crate) fn application_cursor(&self) -> bool {
        self.parser.screen().application_cursor()
    }

    /// The screen, and its first row that the pane shows.
    pub(crate) fn shown(&self) -> (&vt100::Screen, u16) {
        let screen = self.parser.screen();
        let top = if screen.scrollback() > 0 {
            0
        } else {
            self.end().saturating_sub(self.up)
        };
        (screen, u16::try_from(top).unwrap_or(u16::MAX))
    }

    /// Looks at the next line with a text, further down or up; false where there is none.
    pub(crate) fn seek(&mut self, pattern: &Pattern, down: bool) -> bool {
        let before = self.up;
        let most = self.most();
        let mut up = before;
        loop {
            up = if down {
                match up.checked_sub(1) {
                    Some(up) => up,
                    None => break,
                }
            } else if up < most {
                up + 1
            } else {
                break;
            };
            self.look(up);
            if pattern.matches(&self.first_line()) {
                return true;
            }
        }
        self.look(before);
        false
    }

    /// Whether a line that the pane shows has a text.
    pub(crate) fn is_on_screen(&self, pattern: &Pattern) -> bool {
        let (screen, top) = self.shown();
        let rows = screen.rows(0, screen.size().1.get());
        let mut shown = rows.skip(usize::from(top)).take(usize::from(self.rows));
        shown.any(|row| pattern.matches(&row))
    }

    fn first_line(&self) -> String {
        let (screen, top) = self.shown();
        let width = screen.size().1.get();
        screen
            .rows(0, width)
            .nth(usize::from(top))
            .unwrap_or_default()
    }
}

/// What a cell shows: one character that only takes its place. What would do more to a terminal is
/// shown as a question mark.
pub(crate) fn plain(contents: &str) -> char {
    use unicode_width::UnicodeWidthChar as _;
    let Some(letter) = contents.chars().next() else {
        return ' ';
    };
    // Marks that turn the direction of text have no width.
    let takes_place = !letter.is_control() && letter.width().is_some_and(|width| width > 0);
    if takes_place { letter } else { '?' }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(emulator: &Emulator, count: u16) -> Vec<String> {
        let (screen, top) = emulator.shown();
        let width = screen.size().1.get();
        let rows = screen.rows(0, width).skip(usize::from(top));
        rows.take(usize::from(count)).collect()
    }

    #[test]
    fn the_row_of_the_cursor_is_shown_and_what_scrolled_away_can_be_seen() {
        let mut emulator = Emulator::new(10, 40);
        for line in 0..60 {
            emulator.write(format!("line {line}\r\n").as_bytes());
        }
        emulator.write(b"login: ");
        assert_eq!(rows(&emulator, 10).last().unwrap(), "login: ");
        emulator.scroll(-5);
        assert_eq!(rows(&emulator, 10).last().unwrap(), "line 55");
        emulator.scroll(-30);
        assert_eq!(rows(&emulator, 10).last().unwrap(), "line 25");
        // It stands still while the machine writes on.
        emulator.write(b"root\r\nPassword: ");
        assert_eq!(rows(&emulator, 10).last().unwrap(), "line 25");
        emulator.scroll(isize::MIN);
        assert_eq!(rows(&emulator, 10).first().unwrap(), "line 0");
        emulator.scroll(isize::MAX);
        assert!(!emulator.is_scrolled());
        assert_eq!(rows(&emulator, 10).last().unwrap(), "Password: ");
    }

    #[test]
    fn lines_are_found_up_and_down() {
        let mut emulator = Emulator::new(10, 80);
        for line in 0..100 {
            emulator.write(
                format!(
                    "line {line} {}\r\n",
                    if line % 30 == 0 { "FAILED" } else { "" }
                )
                .as_bytes(),
            );
        }
        let failed = Pattern::new("failed").unwrap();
        let mut found =
            |pattern: &Pattern, down| emulator.seek(pattern, down).then(|| emulator.first_line());
        let line = |number: u8| Some(format!("line {number} FAILED"));
        assert_eq!(found(&failed, false), line(90));
        assert_eq!(found(&failed, false), line(60));
        assert_eq!(found(&failed, true), line(90));
        let nothing = Pattern::new("nothing").unwrap();
        assert_eq!(found(&nothing, false), None);
        assert_eq!(emulator.first_line(), "line 90 FAILED");
        assert!(emulator.is_on_screen(&Pattern::new("line 92").unwrap()));
    }

    proptest! {
        /// Whatever a machine sends, and however the pane changes meanwhile, nothing panics, and no
        /// cell holds anything but a character to be shown.
        #[test]
        fn hostile_bytes_never_panic(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..12),
            sizes in proptest::collection::vec((1_u16..60, 1_u16..200, -50_isize..50), 1..12),
        ) {
            let mut emulator = Emulator::new(20, 80);
            for (piece, (rows, columns, by)) in pieces.iter().zip(sizes.iter().cycle()) {
                emulator.write(piece);
                emulator.scroll(*by);
                emulator.resize(*rows, *columns);
                check(&emulator);
            }
        }

        /// The same of what looks like sequences of terminals.
        #[test]
        fn sequences_never_panic(
            pieces in proptest::collection::vec(
                "(\x1b\\[[0-9;?]{0,12}[@-~]|\x1b[ -~]|\x1b\\][ -~]{0,9}\x07|[ -~äߊ界\u{202e}\u{301}\r\n\t\x08]{0,9}){0,20}", 1..8),
            sizes in proptest::collection::vec((1_u16..60, 1_u16..200), 1..8),
        ) {
            let mut emulator = Emulator::new(20, 80);
            for (piece, (rows, columns)) in pieces.iter().zip(sizes.iter().cycle()) {
                emulator.write(piece.as_bytes());
                emulator.resize(*rows, *columns);
                check(&emulator);
            }
        }
    }

    fn check(emulator: &Emulator) {
        let (screen, _) = emulator.shown();
        let (height, width) = screen.size();
        for row in 0..height.get() {
            for column in 0..width.get() {
                let contents = screen.cell(row, column).map_or("", |cell| cell.contents());
                let shown = plain(contents);
                assert!(!shown.is_control() && shown != '\u{202e}', "{contents:?}");
            }
        }
    }
}
