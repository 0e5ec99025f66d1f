//! What a mouse does, as the console knows it, free of any terminal library. The console never needs
//! one: it is heard only where a person has asked for that.

/// What was done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Did {
    /// The left button was pressed.
    Pressed,
    /// The wheel was turned up.
    WheelUp,
    /// The wheel was turned down.
    WheelDown,
}

/// Something done with the mouse, and where, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mouse {
    /// What.
    pub(crate) did: Did,
    /// The column of the screen.
    pub(crate) column: u16,
    /// The row of the screen.
    pub(crate) row: u16,
}
