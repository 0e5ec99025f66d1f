//! What the screen shows: a pure function of the state and the theme.
//!
//! Nothing here awaits, keeps anything between frames, or looks at rows that are not on the screen.

pub(crate) mod bar;
pub(crate) mod frame;
pub(crate) mod glyphs;
pub(crate) mod popup;
pub(crate) mod screens;
pub(crate) mod text;
pub(crate) mod theme;

pub(crate) use frame::draw;

#[cfg(test)]
mod tests;
