//! The console's own drawing backend: as few bytes as it can, none when nothing changed.
//!
//! It writes the sixteen colours by their own codes (30–37, 90–97), which every colour terminal
//! knows; moves the cursor by the shortest way; erases to the end of a line instead of writing
//! blanks; and keeps quiet about a cursor that already is as it should be.

use std::fmt::Write as _;
use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

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

/// Draws on a terminal through a writer that is written once per frame.
#[derive(Debug)]
pub(crate) struct VtBackend<W> {
    out: W,
    text: String,
    size: Size,
    /// Where the cursor is, when that is known.
    at: Option<Position>,
    pen: Option<Pen>,
    cursor_shown: Option<bool>,
    written: u64,
}

impl<W: Write> VtBackend<W> {
    /// A backend for a terminal of this size.
    pub(crate) const fn new(out: W, size: Size) -> Self {
        Self {
            out,
            text: String::new(),
            size,
            at: None,
            pen: None,
            cursor_shown: None,
            written: 0,
        }
    }

    /// Takes a new size; the next frame is drawn for it.
    pub(crate) const fn resize(&mut self, size: Size) {
        self.size = size;
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
        self.text.push_str(&indexed);
        self.pen = Some(pen);
    }

    fn put(&mut self, x: u16, y: u16, cell: &Cell) {
        self.go(x, y);
        self.draw_with(pen_of(cell));
        let symbol = cell.symbol();
        self.text.push_str(symbol);
        let width = u16::try_from(symbol.width()).unwrap_or(1).max(1);
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
            self.text.push_str("\x1b[K");
        } else {
            self.text
                .extend(std::iter::repeat_n(' ', usize::from(end - x)));
            self.at = (end < self.size.width).then_some(Position { x: end, y });
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
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if self.cursor_shown != Some(false) {
            self.text.push_str("\x1b[?25l");
            self.cursor_shown = Some(false);
        }
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if self.cursor_shown != Some(true) {
            self.text.push_str("\x1b[?25h");
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
        self.text.push_str(match clear_type {
            ClearType::All => "\x1b[2J",
            ClearType::AfterCursor => "\x1b[J",
            ClearType::BeforeCursor => "\x1b[1J",
            ClearType::CurrentLine => "\x1b[2K",
            ClearType::UntilNewLine => "\x1b[K",
        });
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
        self.written += self.text.len() as u64;
        let result = self.out.write_all(self.text.as_bytes());
        self.text.clear();
        result.and_then(|()| self.out.flush())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
}
