//! Texts that many nodes have in common (drivers, interfaces, states, properties of one model of
//! hardware), kept once for the whole process. What a node is made of is told by `packed`.
//!
//! Nothing is ever taken out again, so the number and the length of what is kept are bounded: what
//! finds no place is kept by each node for itself. Nothing secret is shared.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use parking_lot::Mutex;

/// How many texts there may be.
const TEXTS: usize = 1024;
/// How many of them may be JSON, which differs from node to node more often than names do.
const JSON_TEXTS: usize = TEXTS / 2;
/// Up to which length a text is shared, in bytes.
const LONGEST: usize = 512;

static KEPT: [OnceLock<Box<[u8]>>; TEXTS] = [const { OnceLock::new() }; TEXTS];
static PLACES: LazyLock<Mutex<HashMap<&'static [u8], u16>>> = LazyLock::new(Mutex::default);

/// The place of a text, which is given one while there are any.
pub(super) fn place(text: &[u8], is_json: bool) -> Option<u16> {
    if text.len() > LONGEST {
        return None;
    }
    let mut places = PLACES.lock();
    if let Some(known) = places.get(text) {
        return Some(*known);
    }
    let next = places.len();
    if is_json && next >= JSON_TEXTS {
        return None;
    }
    let place = u16::try_from(next).ok()?;
    let kept = KEPT.get(next)?.get_or_init(|| text.into());
    places.insert(kept, place);
    Some(place)
}

/// The text at a place, as bytes.
pub(super) fn bytes(place: u16) -> Option<&'static [u8]> {
    KEPT.get(usize::from(place))?.get().map(AsRef::as_ref)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_place_and_long_ones_have_none() {
        let first = place(b"shared-text-one", false).expect("a place");
        let second = place(b"shared-text-two", true).expect("a place");
        assert_eq!(place(b"shared-text-one", true), Some(first));
        assert_eq!(bytes(first), Some(&b"shared-text-one"[..]));
        assert_eq!(bytes(second), Some(&b"shared-text-two"[..]));
        assert_eq!(place(&[b'x'; LONGEST + 1], false), None);
        assert_eq!(bytes(u16::MAX), None);
    }
}
