//! Tells what a barcode scanner types from what a person types: a burst of characters faster than
//! anybody's fingers, with Enter at its end.
//!
//! Nothing is held back: the characters go on as keys while they come. Only the Enter at the end of
//! a burst becomes [`Input::Scanned`], so that a screen can take the burst as a whole.

use std::time::{Duration, Instant};

use super::decode::Input;
use crate::key::Key;

/// The most between two characters of a burst. Scanners type one in 1 to 20 ms, a fast typist in 60.
const GAP: Duration = Duration::from_millis(35);
/// So long nothing was typed before a burst that begins anew, rather than goes on with a text that a
/// slow line has delivered in pieces.
const REST: Duration = Duration::from_millis(400);
/// The fewest characters of a burst; what is shorter can be two keys pressed at once.
const LEAST: usize = 6;
/// The most characters that are kept of one.
const MOST: usize = 512;

/// What was typed so far without a pause.
#[derive(Default)]
pub(crate) struct Burst {
    text: String,
    last: Option<Instant>,
    fresh: bool,
}

impl Burst {
    /// Takes what came at this moment, and gives it on.
    pub(crate) fn take(&mut self, input: Input, at: Instant) -> Input {
        let pause = self.last.map(|last| at.saturating_duration_since(last));
        let follows = pause.is_some_and(|pause| pause <= GAP);
        self.last = Some(at);
        match input {
            Input::Key(Key::Char(c)) => {
                if !follows {
                    self.text.clear();
                    self.fresh = pause.is_none_or(|pause| pause >= REST);
                }
                if self.text.len() < MOST {
                    self.text.push(c);
                }
                input
            }
            Input::Key(Key::Enter) if follows && self.text.chars().count() >= LEAST => {
                Input::Scanned {
                    text: std::mem::take(&mut self.text),
                    fresh: self.fresh,
                }
            }
            Input::Key(_)
            | Input::Scanned { .. }
            | Input::Mouse(_)
            | Input::Paste(_)
            | Input::Position(..)
            | Input::Lost => {
                self.text.clear();
                // What follows at once is not the begin of anything.
                self.fresh = false;
                input
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Types with these pauses in milliseconds, and tells what the Enter at the end became.
    fn typed(keys: &[(char, u64)], pause: u64) -> Input {
        let mut burst = Burst::default();
        let mut at = Instant::now();
        for (c, pause) in keys {
            at += Duration::from_millis(*pause);
            let key = Input::Key(Key::Char(*c));
            assert_eq!(burst.take(key.clone(), at), key);
        }
        at += Duration::from_millis(pause);
        burst.take(Input::Key(Key::Enter), at)
    }

    fn scanned(text: &str, fresh: bool) -> Input {
        Input::Scanned {
            text: text.to_owned(),
            fresh,
        }
    }

    #[test]
    fn a_scanner_is_told_from_a_person() {
        let fast: Vec<(char, u64)> = "525400AB".chars().map(|c| (c, 4)).collect();
        assert_eq!(typed(&fast, 4), scanned("525400AB", true));
        assert_eq!(typed(&fast, 200), Input::Key(Key::Enter));
        let slow: Vec<(char, u64)> = "525400AB".chars().map(|c| (c, 90)).collect();
        assert_eq!(typed(&slow, 90), Input::Key(Key::Enter));
        let short: Vec<(char, u64)> = ":q".chars().map(|c| (c, 1)).collect();
        assert_eq!(typed(&short, 1), Input::Key(Key::Enter));
    }

    #[test]
    fn pieces_of_a_slow_line_begin_nothing_anew() {
        let mut keys: Vec<(char, u64)> = "10.".chars().map(|c| (c, 90)).collect();
        keys.push(('2', 120));
        keys.extend("0.0.17".chars().map(|c| (c, 0)));
        assert_eq!(typed(&keys, 0), scanned("20.0.17", false));
        keys[3].1 = 900;
        assert_eq!(typed(&keys, 0), scanned("20.0.17", true));
    }

    #[test]
    fn a_tab_amid_the_burst_ends_it() {
        let mut burst = Burst::default();
        let at = Instant::now();
        for c in "525400".chars() {
            burst.take(Input::Key(Key::Char(c)), at);
        }
        burst.take(Input::Key(Key::Tab), at);
        let enter = Input::Key(Key::Enter);
        assert_eq!(burst.take(enter.clone(), at), enter);
    }
}
