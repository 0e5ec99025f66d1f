//! The query arguments of a request (wire reference §1.4, §6). Which ones an operation takes is the
//! contract's, what they mean the handlers'.

use cupola_api::fault::ApiFault;
use uuid::Uuid;

use super::repr::repr_list;

/// The query, without what was taken already.
#[derive(Clone, Debug, Default)]
pub(super) struct Arguments {
    pairs: Vec<(String, String)>,
}

impl Arguments {
    pub(super) fn parse(query: Option<&str>) -> Self {
        let pairs = query
            .map(|q| {
                url::form_urlencoded::parse(q.as_bytes())
                    .into_owned()
                    .collect()
            })
            .unwrap_or_default();
        Self { pairs }
    }

    /// All pairs that have not been taken.
    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.pairs.iter().any(|(key, _)| key == name)
    }

    /// A text that may be given once.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, ApiFault> {
        self.one(name, "string")
    }

    /// The same; `what` is what several are told to be instead.
    pub(super) fn one(&mut self, name: &str, what: &str) -> Result<Option<String>, ApiFault> {
        let mut values = self.take(name);
        if values.len() > 1 {
            return Err(ApiFault::bad_request(format!(
                "Expected {what} for {name}: {}",
                repr_list(values.iter().map(String::as_str))
            )));
        }
        Ok(values.pop())
    }

    /// A list: comma separated, or the argument given several times. `None` when it is absent.
    pub(super) fn list(&mut self, name: &str) -> Option<Vec<String>> {
        if !self.contains(name) {
            return None;
        }
        let mut items: Vec<String> = Vec::new();
        for value in self.take(name) {
            for item in value.split(',').map(str::trim).filter(|i| !i.is_empty()) {
                if !items.iter().any(|known| known == item) {
                    items.push(item.to_owned());
                }
            }
        }
        Some(items)
    }

    /// A boolean in any of its words.
    pub(super) fn boolean(&mut self, name: &str) -> Result<Option<bool>, ApiFault> {
        self.text(name)?
            .map(|text| boolean_word(name, &text))
            .transpose()
    }

    pub(super) fn uuid(&mut self, name: &str) -> Result<Option<Uuid>, ApiFault> {
        self.text(name)?
            .map(|text| uuid_text(name, &text))
            .transpose()
    }

    fn take(&mut self, name: &str) -> Vec<String> {
        let mut values = Vec::new();
        self.pairs.retain_mut(|(key, value)| {
            let wanted = key == name;
            if wanted {
                values.push(std::mem::take(value));
            }
            !wanted
        });
        values
    }
}

/// Reads the words that Ironic takes for a boolean.
pub(super) fn boolean_word(name: &str, text: &str) -> Result<bool, ApiFault> {
    let word = text.trim().to_ascii_lowercase();
    if ["1", "t", "true", "on", "y", "yes"].contains(&word.as_str()) {
        Ok(true)
    } else if ["0", "f", "false", "off", "n", "no"].contains(&word.as_str()) {
        Ok(false)
    } else {
        Err(ApiFault::bad_request(format!(
            "Invalid {name}: Unrecognized value '{text}', acceptable values are: '0', '1', 'f', \
             'false', 'n', 'no', 'off', 'on', 't', 'true', 'y', 'yes'"
        )))
    }
}

pub(super) fn uuid_text(name: &str, text: &str) -> Result<Uuid, ApiFault> {
    Uuid::try_parse(text)
        .map_err(|_| ApiFault::bad_request(format!("Expected UUID for {name}: {text}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn takes_lists_in_both_spellings() {
        let mut args = Arguments::parse(Some("fields=a,b&fields=c,%20a&x=1"));
        let fields = args.list("fields").unwrap_or_default();
        assert_eq!(fields, ["a", "b", "c"]);
        assert_eq!(args.pairs(), [("x".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn an_empty_list_is_not_an_absent_one() {
        assert_eq!(
            Arguments::parse(Some("fields=")).list("fields"),
            Some(vec![])
        );
        assert_eq!(Arguments::parse(None).list("fields"), None);
    }

    #[test]
    fn booleans_in_all_words() {
        for (text, want) in [("TRUE", true), ("n", false), ("On", true), ("0", false)] {
            assert_eq!(boolean_word("detail", text).ok(), Some(want), "{text}");
        }
        assert_eq!(
            boolean_word("detail", "maybe").map_err(|e| e.status),
            Err(400)
        );
    }

    proptest! {
        #[test]
        fn never_panics(query in ".{0,64}") {
            let mut args = Arguments::parse(Some(&query));
            let _ = args.list("fields");
            let _ = args.boolean("detail");
        }
    }
}
