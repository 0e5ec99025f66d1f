//! The way that somebody came: views of the list, and screens that were left, to go back and
//! forward.

use super::view::View;
use super::{Screen, State};

/// As many views are kept.
const KEPT: usize = 50;

/// The way behind and ahead.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    behind: Vec<View>,
    ahead: Vec<View>,
    /// Screens that were left by going back, the last one last.
    screens: Vec<Screen>,
}

impl Trail {
    /// A screen was left by going back.
    pub(super) fn leave(&mut self, screen: Screen) {
        if screen.can_return() {
            self.screens.push(screen);
            let surplus = self.screens.len().saturating_sub(KEPT);
            self.screens.drain(..surplus);
        }
    }

    /// Another way is taken: nothing is ahead any more.
    pub(crate) fn turn(&mut self) {
        self.screens.clear();
    }

    /// The screen ahead.
    pub(crate) fn next_screen(&mut self) -> Option<Screen> {
        self.screens.pop()
    }

    /// The list is looked at in another way than this.
    pub(crate) fn keep(&mut self, view: View) {
        if self.behind.last() != Some(&view) {
            self.behind.push(view);
        }
        self.ahead.clear();
        let surplus = self.behind.len().saturating_sub(KEPT);
        self.behind.drain(..surplus);
    }
}

impl State {
    /// Looks at the list in this way; the way before can be gone back to.
    pub(crate) fn look(&mut self, view: &View) {
        let before = self.list.view();
        if before != *view {
            self.trail.keep(before);
            self.list.set_view(view);
        }
    }

    /// Goes to the view of the list before; false when there is none.
    pub(crate) fn view_back(&mut self) -> bool {
        let Some(view) = self.trail.behind.pop() else {
            return false;
        };
        self.trail.ahead.push(self.list.view());
        self.list.set_view(&view);
        true
    }

    /// Goes to the view of the list that was gone back from; false when there is none.
    pub(crate) fn view_forward(&mut self) -> bool {
        let Some(view) = self.trail.ahead.pop() else {
            return false;
        };
        self.trail.behind.push(self.list.view());
        self.list.set_view(&view);
        true
    }

    /// Whether something is ahead.
    pub(crate) fn has_ahead(&self) -> bool {
        !self.trail.screens.is_empty()
            || (matches!(self.screen, Screen::List) && !self.trail.ahead.is_empty())
    }
}
