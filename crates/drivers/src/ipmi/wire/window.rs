//! The inbound sequence-number window of an RMCP+ session (chapter 6.12.13): drops duplicates and
//! packets that are too old.

/// How far back of the highest number seen a packet may still arrive.
const BACKWARD: u32 = 16;

/// Which inbound sequence numbers were seen. Feed it only packets whose integrity code was right:
/// it lets the window jump forward by any distance, so that a long loss does not end a session.
#[derive(Debug, Clone, Default)]
pub struct Window {
    highest: u32,
    /// Bit n = `highest - n` was seen.
    seen: u32,
}

impl Window {
    /// Whether this number is new and inside the window; marks it as seen.
    pub fn accept(&mut self, sequence: u32) -> bool {
        // Zero is for packets outside of a session (chapter 13.6).
        if sequence == 0 {
            return false;
        }
        if sequence > self.highest {
            let ahead = sequence - self.highest;
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = sequence;
            return true;
        }
        let behind = self.highest - sequence;
        if behind >= BACKWARD {
            return false;
        }
        let bit = 1_u32 << behind;
        let new = self.seen & bit == 0;
        self.seen |= bit;
        new
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn late_packets_are_taken_once_and_only_within_the_window() {
        let mut window = Window::default();
        assert!(!window.accept(0));
        assert!(window.accept(20));
        assert!(window.accept(18));
        assert!(!window.accept(18));
        assert!(!window.accept(20));
        assert!(!window.accept(4));
        assert!(window.accept(5));
        assert!(window.accept(4_000_000_000));
    }

    proptest! {
        #[test]
        fn no_number_is_ever_taken_twice(numbers in proptest::collection::vec(0_u32..100, 0..200)) {
            let mut window = Window::default();
            let mut taken = HashSet::new();
            for number in numbers {
                if window.accept(number) {
                    prop_assert!(taken.insert(number));
                }
            }
        }
    }
}
