//! The console's own drawing backend: as few bytes as it can, none when nothing changed.
//!
//! It writes the sixteen colours by their own codes (30–37, 90–97), which every colour terminal
//! knows; moves the cursor by the shortest way; erases to the end of a line instead of writing
//! blanks; lets the terminal scroll what has moved; and keeps quiet about a cursor that already is as it
//! should be.

use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect, Size};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

use super::capabilities::{Capabilities, Characters};
use super::encoding;
use super::scroll::{self, Scroll};

/// How a cell is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pen {
    foreground: Color,
    background: Color,
    modifier: Modifier,
}

const PLAIN: Pen = Pen {
    foreground: Color::Reset,
    background: Color::Reset,
    modifier: Modifier::empty(),
};

/// Frames from this many bytes on are shown at once where the terminal can.
const SYNCHRONISED_FROM: usize = 256;

/// Draws on a terminal through a writer that is written once per frame.
#[derive(Debug)]
pub(crate) struct VtBackend<W> {
    out: W,
    text: Vec<u8>,
    size: Size,
    /// What is on the screen.
    shown: Buffer,
    characters: Characters,
    scrolls: bool,
    synchronised: bool,
    /// Where the cursor is, when that is known.
    at: Option<Position>,
    pen: Option<Pen>,
    cursor_shown: Option<bool>,
    written: u64,
}

impl<W: Write> VtBackend<W> {
    /// A backend for a terminal of this size.
    pub(crate) fn new(out: W, size: Size) -> Self {
        Self {
            out,
            text: Vec::new(),
            size,
            shown: blank(size),
            characters: Characters::Utf8,
            scrolls: true,
            synchronised: false,
            at: None,
            pen: None,
            cursor_shown: None,
            written: 0,
        }
    }

    /// The same for a terminal that can do this.
    pub(crate) fn on(self, capabilities: &Capabilities) -> Self {
        Self {
            characters: capabilities.characters,
            scrolls: capabilities.scrolls,
            synchronised: capabilities.synchronised,
            ..self
        }
    }

    /// Takes a new size; the next frame is drawn for it.
    pub(crate) fn resize(&mut self, size: Size) {
        self.size = size;
        self.shown = blank(size);
    }

    /// How many bytes have been written.
    pub(crate) const fn written(&self) -> u64 {
        self.written
    }

    fn go(&mut self, x: u16, y: u16) {
        let to = Position { x, y };
        if self.at == Some(to) {
            return;
        }
        // Writing into a string cannot fail, here and below.
        let _ = match self.at {
            Some(at) if at.y == y && x > at.x && x - at.x == 1 => write!(self.text, "\x1b[C"),
            Some(at) if at.y == y && x > at.x => write!(self.text, "\x1b[{}C", x - at.x),
            Some(at) if x == 0 && y == at.y + 1 => write!(self.text, "\r\n"),
            Some(_) | None if x == 0 => write!(self.text, "\x1b[{}H", y + 1),
            Some(_) | None => write!(self.text, "\x1b[{};{}H", y + 1, x + 1),
        };
        self.at = Some(to);
    }

    fn draw_with(&mut self, pen: Pen) {
        if self.pen == Some(pen) {
            return;
        }
        let mut codes: Vec<u8> = Vec::new();
        let before = match self.pen {
            Some(before) if (before.modifier - pen.modifier).is_empty() => before,
            Some(_) | None => {
                codes.push(0);
                PLAIN
            }
        };
        let added = pen.modifier - before.modifier;
        for (modifier, code) in MODIFIERS {
            if added.contains(modifier) {
                codes.push(code);
            }
        }
        let mut indexed = String::new();
        for (colour, old, base) in [
            (pen.foreground, before.foreground, 30),
            (pen.background, before.background, 40),
        ] {
            if colour != old {
                match colour_code(colour, base) {
                    Code::Short(code) => codes.push(code),
                    Code::Long(text) => indexed.push_str(&text),
                }
            }
        }
        let codes: Vec<String> = codes.iter().map(ToString::to_string).collect();
        let _ = match codes.as_slice() {
            [] => Ok(()),
            [zero] if zero == "0" => write!(self.text, "\x1b[m"),
            _ => write!(self.text, "\x1b[{}m", codes.join(";")),
        };
        self.text.extend_from_slice(indexed.as_bytes());
        self.pen = Some(pen);
    }

    fn put(&mut self, x: u16, y: u16, cell: &Cell) {
        self.go(x, y);
        self.draw_with(pen_of(cell));
        let symbol = cell.symbol();
        let width = u16::try_from(symbol.width()).unwrap_or(1).max(1);
        encoding::push(self.characters, &mut self.text, symbol, width.into());
        let next = x.saturating_add(width);
        // After the last column terminals differ about where the cursor is.
        self.at = (next < self.size.width).then_some(Position { x: next, y });
    }

    /// Blanks from `x` up to but not including `end`.
    fn blank(&mut self, x: u16, end: u16, y: u16) {
        self.go(x, y);
        let pen = self.pen.unwrap_or(PLAIN);
        let plain_ground = pen.background == Color::Reset && pen.modifier.is_empty();
        if self.pen.is_none() || !plain_ground {
            self.draw_with(PLAIN);
        }
        if end >= self.size.width && end - x > 3 {
            self.text.extend_from_slice(b"\x1b[K");
        } else {
            self.text
                .extend(std::iter::repeat_n(b' ', usize::from(end - x)));
            self.at = (end < self.size.width).then_some(Position { x: end, y });
        }
    }

    /// Lets the terminal move a part of the screen; what comes into view is blank.
    fn scroll(&mut self, scroll: Scroll) {
        // Some terminals fill the new rows with the background that is set.
        self.draw_with(PLAIN);
        let Scroll {
            top,
            bottom,
            by,
            up,
        } = scroll;
        let _ = write!(self.text, "\x1b[{};{}r", top + 1, bottom + 1);
        let (from, step): (u16, &[u8]) = if up { (bottom, b"\n") } else { (top, b"\x1bM") };
        let _ = write!(self.text, "\x1b[{}H", from + 1);
        for _ in 0..by {
            self.text.extend_from_slice(step);
        }
        self.text.extend_from_slice(b"\x1b[r");
        // The cursor is in the first corner now (DECSTBM), but not on every emulator.
        self.at = None;
        let width = usize::from(self.shown.area.width);
        let rows = usize::from(top) * width..(usize::from(bottom) + 1) * width;
        let shift = usize::from(by) * width;
        if let Some(region) = self.shown.content.get_mut(rows) {
            let shift = shift.min(region.len());
            let kept = region.len() - shift;
            let fresh = if up {
                region.rotate_left(shift);
                region.get_mut(kept..)
            } else {
                region.rotate_right(shift);
                region.get_mut(..shift)
            };
            fresh.into_iter().flatten().for_each(Cell::reset);
        }
    }

    fn paint<'a>(&mut self, content: impl Iterator<Item = (u16, u16, &'a Cell)>) {
        // A run of blanks that is not written yet: its start, its end, its row.
        let mut run: Option<(u16, u16, u16)> = None;
        for (x, y, cell) in content {
            if is_blank(cell) {
                match &mut run {
                    Some((_, end, row)) if *end == x && *row == y => *end += 1,
                    Some((start, end, row)) => {
                        let (start, end, row) = (*start, *end, *row);
                        self.blank(start, end, row);
                        run = Some((x, x + 1, y));
                    }
                    None => run = Some((x, x + 1, y)),
                }
                continue;
            }
            if let Some((start, end, row)) = run.take() {
                self.blank(start, end, row);
            }
            self.put(x, y, cell);
        }
        if let Some((start, end, row)) = run {
            self.blank(start, end, row);
        }
    }
}

/// A screen with nothing on it.
fn blank(size: Size) -> Buffer {
    Buffer::empty(Rect::new(0, 0, size.width, size.height))
}

/// Sets a cell, and hides those that a wide character covers.
fn set(buffer: &mut Buffer, x: u16, y: u16, cell: &Cell) {
    if let Some(place) = buffer.cell_mut((x, y)) {
        place.clone_from(cell);
    }
    let width = u16::try_from(cell.symbol().width()).unwrap_or(1);
    for covered in 1..width {
        if let Some(place) = buffer.cell_mut((x.saturating_add(covered), y)) {
            place.reset();
        }
    }
}

enum Code {
    Short(u8),
    Long(String),
}

const MODIFIERS: [(Modifier, u8); 4] = [
    (Modifier::BOLD, 1),
    (Modifier::UNDERLINED, 4),
    (Modifier::SLOW_BLINK, 5),
    (Modifier::REVERSED, 7),
];

fn pen_of(cell: &Cell) -> Pen {
    Pen {
        foreground: cell.fg,
        background: cell.bg,
        modifier: cell.modifier,
    }
}

fn is_blank(cell: &Cell) -> bool {
    cell.symbol() == " " && cell.bg == Color::Reset && cell.modifier.is_empty()
}

/// The code of a colour; `base` is 30 for the foreground and 40 for the background.
fn colour_code(colour: Color, base: u8) -> Code {
    let dark = |n: u8| Code::Short(base + n);
    let bright = |n: u8| Code::Short(base + 60 + n);
    match colour {
        Color::Reset => dark(9),
        Color::Black => dark(0),
        Color::Red => dark(1),
        Color::Green => dark(2),
        Color::Yellow => dark(3),
        Color::Blue => dark(4),
        Color::Magenta => dark(5),
        Color::Cyan => dark(6),
        Color::Gray => dark(7),
        Color::DarkGray => bright(0),
        Color::LightRed => bright(1),
        Color::LightGreen => bright(2),
        Color::LightYellow => bright(3),
        Color::LightBlue => bright(4),
        Color::LightMagenta => bright(5),
        Color::LightCyan => bright(6),
        Color::White => bright(7),
        Color::Indexed(n) => Code::Long(format!("\x1b[{};5;{n}m", base + 8)),
        Color::Rgb(r, g, b) => Code::Long(format!("\x1b[{};2;{r};{g};{b}m", base + 8)),
    }
}

impl<W: Write> Backend for VtBackend<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let changes: Vec<(u16, u16, &Cell)> = content.collect();
        let mut next = self.shown.clone();
        for (x, y, cell) in &changes {
            set(&mut next, *x, *y, cell);
        }
        // Less than a few rows of changes is never a move.
        let large = changes.len() > usize::from(self.size.width);
        let moved = (large && self.scrolls)
            .then(|| scroll::find(&self.shown, &next))
            .flatten();
        match moved {
            Some(scroll) => {
                self.scroll(scroll);
                let before = std::mem::take(&mut self.shown);
                self.paint(before.diff(&next).into_iter());
            }
            None => self.paint(changes.into_iter()),
        }
        self.shown = next;
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if self.cursor_shown != Some(false) {
            self.text.extend_from_slice(b"\x1b[?25l");
            self.cursor_shown = Some(false);
        }
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if self.cursor_shown != Some(true) {
            self.text.extend_from_slice(b"\x1b[?25h");
            self.cursor_shown = Some(true);
        }
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.at.unwrap_or_default())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let Position { x, y } = position.into();
        self.go(x, y);
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.draw_with(PLAIN);
        let at = self.at.unwrap_or_default();
        let (code, cleared): (&[u8], &dyn Fn(u16, u16) -> bool) = match clear_type {
            ClearType::All => (b"\x1b[2J", &|_, _| true),
            ClearType::AfterCursor => (b"\x1b[J", &|x, y| (y, x) >= (at.y, at.x)),
            ClearType::BeforeCursor => (b"\x1b[1J", &|x, y| (y, x) <= (at.y, at.x)),
            ClearType::CurrentLine => (b"\x1b[2K", &|_, y| y == at.y),
            ClearType::UntilNewLine => (b"\x1b[K", &|x, y| y == at.y && x >= at.x),
        };
        self.text.extend_from_slice(code);
        for y in 0..self.size.height {
            for x in 0..self.size.width {
                if cleared(x, y)
                    && let Some(cell) = self.shown.cell_mut((x, y))
                {
                    cell.reset();
                }
            }
        }
        Ok(())
    }

    fn size(&self) -> io::Result<Size> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize {
            columns_rows: self.size,
            pixels: Size::default(),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.text.is_empty() {
            return Ok(());
        }
        // A frame of a few bytes is never seen half.
        if self.synchronised && self.text.len() > SYNCHRONISED_FROM {
            self.text.splice(0..0, *b"\x1b[?2026h");
            self.text.extend_from_slice(b"\x1b[?2026l");
        }
        self.written += self.text.len() as u64;
        let result = self.out.write_all(&self.text);
        self.text.clear();
        result.and_then(|()| self.out.flush())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ratatui::Terminal;
    use ratatui::style::{Style, Stylize};
    use ratatui::text::Line;
    use std::num::NonZero;

    type Screen = Terminal<VtBackend<Vec<u8>>>;

    fn terminal() -> Screen {
        Terminal::new(VtBackend::new(Vec::new(), Size::new(20, 3))).expect("a terminal")
    }

    fn draw(terminal: &mut Screen, lines: &[Line<'static>]) -> u64 {
        let before = terminal.backend().written();
        terminal
            .draw(|frame| {
                for (row, line) in (0..).zip(lines) {
                    frame.buffer_mut().set_line(0, row, line, 20);
                }
            })
            .expect("draws");
        terminal.backend().written() - before
    }

    fn replay(terminal: &Screen) -> vt100::Parser {
        let size = |n| NonZero::new(n).expect("not zero");
        let mut parser = vt100::Parser::new(size(3), size(20), 0);
        parser.process(&terminal.backend().out);
        parser
    }

    #[test]
    fn a_frame_that_changes_nothing_costs_nothing() {
        let mut terminal = terminal();
        let lines = [Line::from("one".red()), Line::from("two")];
        assert!(draw(&mut terminal, &lines) > 0);
        assert_eq!(draw(&mut terminal, &lines), 0);
    }

    #[test]
    fn named_colours_have_their_own_codes() {
        let mut terminal = terminal();
        draw(&mut terminal, &[Line::from("x".red().on_blue().bold())]);
        let bytes = String::from_utf8_lossy(&terminal.backend().out).into_owned();
        assert!(bytes.contains("31;44m"), "{bytes:?}");
        assert!(!bytes.contains("38;5"), "{bytes:?}");
    }

    #[test]
    fn a_terminal_shows_what_was_drawn() {
        let mut terminal = terminal();
        let bar = Style::new().white().on_blue();
        let frames: [&[Line<'static>]; 3] = [
            &[Line::from("a long first line"), Line::from("second")],
            &[
                Line::from("short"),
                Line::styled("second bar          ", bar),
            ],
            &[
                Line::from(vec!["ab".green(), "cd".into()]),
                Line::from("x  y"),
            ],
        ];
        for lines in frames {
            draw(&mut terminal, lines);
            let screen = replay(&terminal);
            for (row, line) in (0..).zip(lines) {
                let shown: String = screen.screen().rows(0, 20).nth(row).unwrap_or_default();
                assert_eq!(shown.trim_end(), line.to_string().trim_end());
            }
        }
    }

    /// Frames of few texts, so that rows move and come back.
    fn frames() -> impl Strategy<Value = Vec<Vec<(u8, u8)>>> {
        let row = (0_u8..6, 0_u8..5);
        prop::collection::vec(prop::collection::vec(row, 12), 1..6)
    }

    /// The same for an emulator that leaves the cursor where it is when the scroll region is taken back.
    fn without_homing(bytes: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(bytes);
        text.replace("\x1b[r", "\x1b7\x1b[r\x1b8").into_bytes()
    }

    proptest! {
        #[test]
        fn what_a_terminal_shows_is_the_frame(frames in frames(), shifts: Vec<u8>) {
            let size = |n| NonZero::new(n).expect("not zero");
            let texts = ["", "rack1-u02", "deploying  x", "東京 wide", "a long row of 24 columns", "ä"];
            let styles = [
                Style::new(),
                Style::new().red(),
                Style::new().black().on_cyan(),
                Style::new().bold(),
                Style::new().reversed(),
            ];
            let backend = VtBackend::new(Vec::new(), Size::new(24, 12));
            let mut terminal = Terminal::new(backend).expect("a terminal");
            let mut turns = shifts.into_iter();
            for mut rows in frames {
                for _ in 0..3 {
                    terminal.draw(|frame| {
                        for (y, (text, style)) in (0..).zip(&rows) {
                            let (text, style) = (texts[usize::from(*text)], styles[usize::from(*style)]);
                            frame.buffer_mut().set_stringn(0, y, text, 24, style);
                        }
                    }).expect("draws");
                    let out = &terminal.backend().out;
                    let mut homing = vt100::Parser::new(size(12), size(24), 0);
                    homing.process(out);
                    let mut parser = vt100::Parser::new(size(12), size(24), 0);
                    parser.process(&without_homing(out));
                    prop_assert_eq!(parser.screen().contents(), homing.screen().contents());
                    for (y, (text, style)) in (0_u16..).zip(&rows) {
                        let shown = parser.screen().rows(0, 24).nth(y.into()).unwrap_or_default();
                        prop_assert_eq!(shown.trim_end(), texts[usize::from(*text)]);
                        let cell = parser.screen().cell(y, 0).expect("a cell");
                        if *text != 0 {
                            let style = styles[usize::from(*style)];
                            let reversed = style.add_modifier.contains(Modifier::REVERSED);
                            prop_assert_eq!(cell.inverse(), reversed);
                            prop_assert_eq!(cell.bold(), style.add_modifier.contains(Modifier::BOLD));
                            let ground = match style.bg {
                                Some(Color::Cyan) => vt100::Color::Idx(6),
                                _ => vt100::Color::Default,
                            };
                            prop_assert_eq!(cell.bgcolor(), ground);
                        }
                    }
                    let by = usize::from(turns.next().unwrap_or(1)) % rows.len();
                    rows.rotate_left(by);
                }
            }
        }
    }
}
