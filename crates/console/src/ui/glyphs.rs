//! The characters that are not letters, in the forms that terminals can show.

use ratatui::symbols::border;

/// The characters to draw with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glyphs {
    /// Borders.
    pub(crate) border: border::Set<'static>,
    /// Marks the row under the cursor.
    pub(crate) cursor: &'static str,
    /// Marks a marked row.
    pub(crate) mark: &'static str,
    /// The full part of a progress bar.
    pub(crate) full: &'static str,
    /// The empty part of a progress bar.
    pub(crate) empty: &'static str,
    /// Between the parts of the title bar.
    pub(crate) divider: &'static str,
    /// Sorted upwards.
    pub(crate) ascending: &'static str,
    /// Sorted downwards.
    pub(crate) descending: &'static str,
}

const ASCII_BORDER: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

impl Glyphs {
    /// Lines and blocks of code page 437.
    pub(crate) const LINES: Self = Self {
        border: border::PLAIN,
        cursor: "►",
        mark: "*",
        full: "█",
        empty: "░",
        divider: "│",
        ascending: "▲",
        descending: "▼",
    };

    /// The same in code page 437 itself, where arrowheads are control codes.
    pub(crate) const CP437: Self = Self {
        cursor: ">",
        ascending: "^",
        descending: "v",
        ..Self::LINES
    };

    /// ASCII alone.
    pub(crate) const ASCII: Self = Self {
        border: ASCII_BORDER,
        cursor: ">",
        mark: "*",
        full: "#",
        empty: ".",
        divider: "|",
        ascending: "^",
        descending: "v",
    };
}
