//! QR codes (ISO/IEC 18004) in characters: two modules in a character where there are half blocks,
//! else two characters for a module.

use qrcode::{EcLevel, QrCode};

/// Modules of light around a code. The standard wants four; phones read it with two, and a small
/// screen has no room for more.
const QUIET: usize = 2;

/// What a code is drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drawn {
    /// Half blocks stand for dark modules: dark ink on light ground.
    HalfBlocks,
    /// Half blocks stand for light modules, for a terminal whose ground is dark.
    Inverse,
    /// `##` stands for a dark module.
    Ascii,
}

/// A code.
#[derive(Clone, Debug)]
pub(crate) struct Qr {
    width: usize,
    dark: Vec<bool>,
}

impl Qr {
    /// The code of a text; nothing where it is too long for any.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
        let dark = code
            .to_colors()
            .into_iter()
            .map(|module| module == qrcode::Color::Dark);
        Some(Self {
            width: code.width(),
            dark: dark.collect(),
        })
    }

    /// Columns and lines that it takes.
    pub(crate) const fn size(&self, drawn: Drawn) -> (usize, usize) {
        let side = self.width + 2 * QUIET;
        match drawn {
            Drawn::HalfBlocks | Drawn::Inverse => (side, side.div_ceil(2)),
            Drawn::Ascii => (2 * side, side),
        }
    }

    /// Whether the module is dark; around the code there is light.
    fn is_dark(&self, x: usize, y: usize) -> bool {
        let inner = |at: usize| at.checked_sub(QUIET).filter(|at| *at < self.width);
        match (inner(x), inner(y)) {
            (Some(x), Some(y)) => self.dark.get(y * self.width + x) == Some(&true),
            _ => false,
        }
    }

    /// It in lines of text.
    pub(crate) fn lines(&self, drawn: Drawn) -> Vec<String> {
        let side = self.width + 2 * QUIET;
        let block = |upper: bool, lower: bool| match (upper, lower) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        };
        match drawn {
            Drawn::Ascii => {
                let module = |x, y| if self.is_dark(x, y) { "##" } else { "  " };
                let line = |y| (0..side).map(|x| module(x, y)).collect();
                (0..side).map(line).collect()
            }
            Drawn::HalfBlocks | Drawn::Inverse => {
                let ink = |x, y| y < side && self.is_dark(x, y) == (drawn == Drawn::HalfBlocks);
                let line = |y| (0..side).map(|x| block(ink(x, y), ink(x, y + 1))).collect();
                (0..side).step_by(2).map(line).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "1BE26C0B-03F2-4D2E-AE87-C02D7F33C123";

    /// The modules that are drawn, read back from the text.
    fn read(lines: &[String], drawn: Drawn) -> Vec<Vec<bool>> {
        let mut rows = Vec::new();
        for line in lines {
            let cells: Vec<char> = line.chars().collect();
            if drawn == Drawn::Ascii {
                rows.push(cells.chunks(2).map(|two| two == ['#', '#']).collect());
                continue;
            }
            let ink = |set: [char; 2]| -> Vec<bool> {
                let is_ink = |c: &char| set.contains(c);
                cells
                    .iter()
                    .map(|c| is_ink(c) == (drawn == Drawn::HalfBlocks))
                    .collect()
            };
            rows.push(ink(['█', '▀']));
            rows.push(ink(['█', '▄']));
        }
        rows
    }

    #[test]
    fn all_ways_to_draw_it_show_the_same_modules() {
        let qr = Qr::of(UUID).expect("it fits");
        // A UUID in capitals is of the alphanumeric set, and fits into version 2.
        assert_eq!(qr.width, 25);
        assert_eq!(qr.size(Drawn::HalfBlocks), (29, 15));
        assert_eq!(qr.size(Drawn::Ascii), (58, 29));
        for drawn in [Drawn::HalfBlocks, Drawn::Inverse, Drawn::Ascii] {
            let lines = qr.lines(drawn);
            let (columns, rows) = qr.size(drawn);
            assert_eq!(lines.len(), rows);
            assert!(lines.iter().all(|line| line.chars().count() == columns));
            let seen = read(&lines, drawn);
            for y in 0..qr.width {
                for x in 0..qr.width {
                    let want = qr.dark[y * qr.width + x];
                    assert_eq!(seen[y + QUIET][x + QUIET], want, "{drawn:?} {x} {y}");
                }
            }
            assert!(seen[..QUIET].iter().flatten().all(|dark| !dark));
        }
        assert!(Qr::of(&"x".repeat(3000)).is_none());
    }
}
