//! Keeps `docs/provision-states.md` equal to the table in `api::state::transition`.
//!
//! `UPDATE_DOCS=1 cargo test -p cupola-api` writes the page anew.

use std::path::Path;

use cupola_api::ProvisionState;
use cupola_api::state::transition::{Actor, TRANSITIONS, verbs};

fn page() -> String {
    let mut out = String::from(
        "# Provision states\n\nMade from the table in `crates/api/src/state/transition.rs`; do not edit. `UPDATE_DOCS=1 cargo \
         test -p cupola-api` writes it anew.\n\n| state | target | verbs a user may send | what the conductor's work leads to |\n\
         |---|---|---|---|\n",
    );
    for state in ProvisionState::ALL {
        let target = state.target().map_or("–", ProvisionState::as_str);
        let verbs: Vec<String> = verbs(*state)
            .filter_map(|verb| {
                let row = TRANSITIONS.iter().find(|t| {
                    t.from == *state && t.event == verb.event() && t.actor == Actor::User
                })?;
                Some(format!("**{verb}** → {}", row.to))
            })
            .collect();
        let own: Vec<String> = TRANSITIONS
            .iter()
            .filter(|t| t.from == *state && t.actor == Actor::Conductor)
            .map(|t| format!("{} → {}", format!("{:?}", t.event).to_lowercase(), t.to))
            .collect();
        let cell = |items: &[String]| {
            if items.is_empty() {
                "–".to_owned()
            } else {
                items.join("; ")
            }
        };
        let row = format!(
            "| {state} | {target} | {} | {} |\n",
            cell(&verbs),
            cell(&own)
        );
        out.push_str(&row);
    }
    out
}

#[test]
fn the_page_is_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/provision-states.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, page()).expect("docs/ can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        kept,
        page(),
        "docs/provision-states.md is stale: run with UPDATE_DOCS=1"
    );
}
