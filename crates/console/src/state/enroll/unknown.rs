//! "Is it this one?": who asked DHCP and is not enrolled, offered for the fields of MAC addresses.

use std::time::Duration;

use cupola_api::cupola::UnknownMac;
use jiff::Timestamp;

use super::{Enroll, Step};
use crate::state::form::Label;

/// How often it is asked while the labels are typed.
const PAUSE: Duration = Duration::from_secs(3);

impl Enroll {
    /// Whether it is of use now to know who asks DHCP.
    pub(crate) fn asks_unknown(&self) -> bool {
        self.step == Step::Labels && self.has_bmc()
    }

    /// Whether it is time to ask; then it counts as asked.
    pub(crate) fn is_unknown_due(&mut self, now: Timestamp) -> bool {
        let waited = self
            .unknown_asked
            .map(|at| now.duration_since(at).unsigned_abs());
        let is_told = !matches!(self.unknown, Some(Err(_)));
        let is_due = is_told && self.asks_unknown() && waited.is_none_or(|waited| waited >= PAUSE);
        if is_due {
            self.unknown_asked = Some(now);
        }
        is_due
    }

    fn seen(&self) -> &[UnknownMac] {
        match &self.unknown {
            Some(Ok(seen)) => seen,
            Some(Err(_)) | None => &[],
        }
    }

    /// Which of those seen is offered next: the one behind the one that was taken last.
    pub(crate) fn next_unknown(&self) -> Option<usize> {
        let seen = self.seen();
        let after = seen.iter().position(|one| Some(one.mac) == self.taken);
        let start = after.map_or(0, |at| at + 1);
        let others = (0..seen.len()).map(|by| (start + by) % seen.len().max(1));
        let addresses = self.addresses();
        let is_free = |at: &usize| {
            seen.get(*at)
                .is_some_and(|one| !addresses.contains(&one.mac))
        };
        others.into_iter().find(is_free)
    }

    /// Takes the one that is offered next into the field with the focus, or the first one for a MAC
    /// address; false where nothing is offered.
    pub(crate) fn take_unknown(&mut self) -> bool {
        let next = self.next_unknown().and_then(|at| self.seen().get(at));
        let Some(mac) = next.map(|one| one.mac) else {
            return false;
        };
        let form = &mut self.labels;
        let is_mac = |at: &usize| {
            form.fields
                .get(*at)
                .is_some_and(|f| f.label_of == Label::Mac)
        };
        let at = Some(form.focus).filter(is_mac).unwrap_or(0);
        form.focus = at;
        if let Some(field) = form.fields.get_mut(at) {
            field.fill(&mac.to_string());
        }
        self.taken = Some(mac);
        true
    }
}
