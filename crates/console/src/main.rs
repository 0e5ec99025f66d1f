//! The `cupola` binary; see the library of this crate for what it does.
fn main() {}
