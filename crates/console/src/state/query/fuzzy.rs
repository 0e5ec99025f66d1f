//! Fuzzy matching, as the nucleo matcher does it.

use std::cell::RefCell;
use std::fmt;

use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

thread_local! {
    // Its tables take some 100 kB: one for the thread that works rows out.
    static MATCHER: RefCell<(Matcher, Vec<char>)> =
        RefCell::new((Matcher::new(Config::DEFAULT), Vec::new()));
}

/// Letters that must come in this order.
#[derive(Clone)]
pub(super) struct Fuzzy(Pattern);

impl fmt::Debug for Fuzzy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fuzzy(..)")
    }
}

impl PartialEq for Fuzzy {
    fn eq(&self, other: &Self) -> bool {
        self.0.atoms == other.0.atoms
    }
}

impl Fuzzy {
    pub(super) fn new(text: &str) -> Self {
        let (case, normal) = (CaseMatching::Ignore, Normalization::Smart);
        Self(Pattern::new(text, case, normal, AtomKind::Fuzzy))
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        MATCHER.with_borrow_mut(|(matcher, buffer)| {
            self.0.score(Utf32Str::new(text, buffer), matcher).is_some()
        })
    }
}
