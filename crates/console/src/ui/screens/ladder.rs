//! Where a node stands on the boot ladder, as lines of its screen.

use cupola_api::Rung;
use cupola_api::diagnosis::Explanation;
use ratatui::style::Style;

use super::node::Fact;
use crate::ui::text::wrap;
use crate::ui::theme::Theme;

/// The lines; none for a node that climbs nothing and broke nowhere.
pub(super) fn facts(explanation: &Explanation, width: usize, theme: &Theme) -> Vec<Fact> {
    let mut facts = Vec::new();
    let Some(diagnosis) = &explanation.diagnosis else {
        return facts;
    };
    let mut add = |label: &'static str, text: &str, style: Style| {
        for (row, line) in wrap(text, width).into_iter().enumerate() {
            facts.push((if row == 0 { label } else { "" }, line, style));
        }
    };
    let (rung, number, of) = (diagnosis.rung, diagnosis.rung.number(), Rung::ALL.len());
    if explanation.last_error.is_none() {
        let reached = diagnosis.reached.as_ref();
        let reached = reached.map_or("no rung of the boot ladder".to_owned(), |reached| {
            format!("{} ({} of {of})", reached.rung, reached.rung.number())
        });
        add("Reached", &reached, theme.text);
        let next = format!("{rung} ({number} of {of}): {}", rung.observed());
        add("Next", &next, theme.waiting);
        return facts;
    }
    let broken = format!("{rung} ({number} of {of}): {}", diagnosis.expected);
    add("Broke at", &broken, theme.failed);
    if let Some(likely) = diagnosis.likely() {
        add("Likely", &likely.cause, theme.warning);
        add("To do", &likely.remedy, theme.text);
    }
    facts
}

/// The error without what these lines say.
pub(super) fn without_rung(error: &str) -> &str {
    error
        .split_once(" Broken rung: ")
        .map_or(error, |(before, _)| before)
}

#[cfg(test)]
mod tests {
    use cupola_api::ProvisionState;
    use cupola_api::diagnosis::{Cause, Diagnosis};

    use super::*;

    #[test]
    fn a_node_that_broke_says_what_to_do() {
        let cause = |text: &str| Cause {
            cause: text.to_owned(),
            remedy: format!("mend {text}"),
        };
        let mut explanation: Explanation = serde_json::from_value(serde_json::json!({
            "uuid": uuid::Uuid::nil(), "provision_state": ProvisionState::DeployFailed, "next": "",
            "last_error": "Timeout. Broken rung: power (4 of 17): …",
        }))
        .expect("an explanation");
        let capabilities = crate::term::capabilities::detect(|_| None);
        let theme = Theme::load(None, false, &capabilities).expect("a theme");
        assert!(facts(&explanation, 200, &theme).is_empty());
        explanation.diagnosis = Some(Diagnosis {
            reached: None,
            rung: Rung::Power,
            expected: "the power follows".to_owned(),
            causes: vec![cause("the BMC"), cause("the machine")],
            unknown: None,
        });
        let labels = |explanation: &Explanation| -> Vec<&'static str> {
            let facts = facts(explanation, 200, &theme);
            facts.into_iter().map(|(label, ..)| label).collect()
        };
        assert_eq!(labels(&explanation), ["Broke at", "Likely", "To do"]);
        let error = explanation.last_error.take().expect("an error");
        assert_eq!(without_rung(&error), "Timeout.");
        assert_eq!(labels(&explanation), ["Reached", "Next"]);
    }
}
