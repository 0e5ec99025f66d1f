//! Finds the part of the screen that has moved up or down between two frames, so that the terminal
//! can move it by itself (DECSTBM with index and reverse index) instead of being sent it again.

use std::hash::{DefaultHasher, Hash, Hasher};

use ratatui::buffer::{Buffer, Cell};

/// A part of the screen that moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scroll {
    /// Its first row.
    pub(super) top: u16,
    /// Its last row.
    pub(super) bottom: u16,
    /// By how many rows.
    pub(super) by: u16,
    /// Whether it moves up.
    pub(super) up: bool,
}

/// Fewer rows than this are not worth the bytes that set the region.
const LEAST_GAIN: usize = 3;

/// The move that saves most, where one is worth it.
pub(super) fn find(before: &Buffer, after: &Buffer) -> Option<Scroll> {
    let old = hashes(before);
    let new = hashes(after);
    let height = old.len().min(new.len());
    let mut best: Option<(usize, Scroll)> = None;
    for by in 1..=height / 2 {
        for up in [true, false] {
            let Some((gain, first, last)) = run(&old, &new, by, up) else {
                continue;
            };
            if gain < LEAST_GAIN || best.as_ref().is_some_and(|(most, _)| gain <= *most) {
                continue;
            }
            let (first, last) = widen(before, after, (first, last), by, up);
            let (top, bottom) = if up {
                (first, last + by)
            } else {
                (first.saturating_sub(by), last)
            };
            let scroll = Scroll {
                top: u16::try_from(top).ok()?,
                bottom: u16::try_from(bottom).ok()?,
                by: u16::try_from(by).ok()?,
                up,
            };
            best = Some((gain, scroll));
        }
    }
    best.map(|(_, scroll)| scroll)
}

/// The row of the frame before that such a move brings to `row`.
const fn source(row: usize, by: usize, up: bool) -> Option<usize> {
    if up {
        row.checked_add(by)
    } else {
        row.checked_sub(by)
    }
}

/// The longest run of rows that such a move would put right: how many were wrong, first, last.
fn run(old: &[u64], new: &[u64], by: usize, up: bool) -> Option<(usize, usize, usize)> {
    let mut best: Option<(usize, usize, usize)> = None;
    let mut here: Option<(usize, usize, usize)> = None;
    for (row, wanted) in new.iter().enumerate() {
        let moved = source(row, by, up).and_then(|from| old.get(from));
        if moved != Some(wanted) {
            here = None;
            continue;
        }
        let gained = usize::from(old.get(row) != Some(wanted));
        let (gain, first) = here.map_or((gained, row), |(gain, first, _)| (gain + gained, first));
        here = Some((gain, first, row));
        if best.is_none_or(|(most, _, _)| gain > most) {
            best = here;
        }
    }
    best
}

/// Rows beside the run that are nearly right after the move, such as the one that the cursor left.
fn widen(
    before: &Buffer,
    after: &Buffer,
    (mut first, mut last): (usize, usize),
    by: usize,
    up: bool,
) -> (usize, usize) {
    let near = |row: usize| {
        let from = source(row, by, up)?;
        let (old, new) = (cells(before, from)?, cells(after, row)?);
        let wrong = old.iter().zip(new).filter(|(a, b)| a != b).count();
        let stays = cells(before, row)?;
        let wrong_else = stays.iter().zip(new).filter(|(a, b)| a != b).count();
        (wrong * 2 <= wrong_else).then_some(())
    };
    while near(last + 1).is_some() {
        last += 1;
    }
    while first.checked_sub(1).and_then(near).is_some() {
        first -= 1;
    }
    (first, last)
}

fn cells(buffer: &Buffer, row: usize) -> Option<&[Cell]> {
    let width = usize::from(buffer.area.width);
    buffer.content.chunks(width.max(1)).nth(row)
}

fn hashes(buffer: &Buffer) -> Vec<u64> {
    let width = usize::from(buffer.area.width).max(1);
    let hash = |row: &[Cell]| {
        let mut hasher = DefaultHasher::new();
        row.hash(&mut hasher);
        hasher.finish()
    };
    buffer.content.chunks(width).map(hash).collect()
}
