//! How the node list is arranged: order, groups, columns, saved views.

use cupola_api::event::Severity;

use crate::effect::Effect;
use crate::state::State;
use crate::state::field::{self, Field};
use crate::state::query::pieces;
use crate::state::sort::Sort;

/// Sorts by the field that is named, else by the next of the usual columns; a name twice turns the
/// order round.
pub(super) fn sort(state: &mut State, name: &str) {
    const USUAL: [Field; 6] = [
        Field::Name,
        Field::State,
        Field::Power,
        Field::Since,
        Field::Driver,
        Field::Class,
    ];
    let current = state.list.sort;
    let column = if name.is_empty() {
        let columns: &[Field] = match state.list.columns.as_slice() {
            [] => &USUAL,
            chosen => chosen,
        };
        next(columns, current.column)
    } else {
        match Field::read(name) {
            Ok(field) => field,
            Err(why) => return state.tell(Severity::Warning, why),
        }
    };
    state.list.set_sort(Sort {
        column,
        reversed: current.column == column && !name.is_empty() && !current.reversed,
    });
}

/// The one after this, the first one after the last.
fn next(fields: &[Field], current: Field) -> Field {
    let after = fields.iter().skip_while(|f| **f != current).nth(1);
    after.or(fields.first()).copied().unwrap_or_default()
}

/// Groups by the field that is named, by none, else by the next of the usual ones.
pub(super) fn group(state: &mut State, name: &str) {
    let group = match name {
        "none" | "off" => None,
        "" => match state.list.group {
            None => field::GROUPS.first().copied(),
            Some(current) if field::GROUPS.last() == Some(&current) => None,
            Some(current) => Some(next(&field::GROUPS, current)),
        },
        name => match Field::read(name) {
            Ok(field) => Some(field),
            Err(why) => return state.tell(Severity::Warning, why),
        },
    };
    state.list.set_group(group);
    match group {
        Some(field) => state.tell(
            Severity::Info,
            format!("grouped by {}; Enter folds a group, O all", field.name()),
        ),
        None => state.tell(Severity::Info, "no groups"),
    }
}

/// Folds all groups, or unfolds them.
pub(super) fn fold(state: &mut State) {
    if state.list.group.is_none() {
        return state.tell(
            Severity::Warning,
            "there are no groups; :group FIELD makes some",
        );
    }
    state.list.toggle_folds();
}

/// Shows the columns that are named, or those that fit.
pub(super) fn columns(state: &mut State, names: &str) {
    if names.is_empty() {
        let all: Vec<&str> = field::names().collect();
        let text = format!(
            ":columns A,B,... or :columns default; there are {}",
            all.join(" ")
        );
        return state.tell(Severity::Info, text);
    }
    if names == "default" {
        let fields = state.settings.columns.nodes.clone();
        state.list.columns = fields;
        return;
    }
    let names = names.split([',', ' ']).filter(|name| !name.is_empty());
    match names.map(Field::read).collect() {
        Ok(fields) => state.list.columns = fields,
        Err(why) => state.tell(Severity::Warning, why),
    }
}

/// Looks at the list by a saved view, or saves how it is looked at.
pub(super) fn view(state: &mut State, argument: &str, effects: &mut Vec<Effect>) {
    match pieces(argument).as_slice() {
        [] => {
            let names: Vec<&str> = state.settings.views.keys().map(String::as_str).collect();
            let text = match names.as_slice() {
                [] => {
                    "no view is saved yet; :view save NAME keeps how the list looks now".to_owned()
                }
                names => format!("saved views: {}", names.join(", ")),
            };
            state.tell(Severity::Info, text);
        }
        ["save"] => state.tell(Severity::Warning, "how is it called? :view save NAME"),
        ["save", name @ ..] => {
            let name = name.join(" ");
            effects.push(Effect::SaveView(name, Box::new(state.list.view())));
        }
        name => {
            let name = name.join(" ");
            match state.settings.views.get(&name).cloned() {
                Some(view) => {
                    state.look(&view);
                    state.tell(Severity::Info, format!("view {name}"));
                }
                None => {
                    let names = state.settings.views.keys().map(String::as_str);
                    let near = crate::state::nearest(&name, names);
                    let near = near.map_or_else(
                        || format!("; :view save {name} keeps this one"),
                        |near| format!(": is it {near}?"),
                    );
                    state.tell(Severity::Warning, format!("there is no view {name}{near}"));
                }
            }
        }
    }
}

/// A view was saved, or not.
pub(super) fn saved(
    state: &mut State,
    name: String,
    view: crate::state::view::View,
    answer: Result<String, String>,
) {
    match answer {
        Ok(file) => {
            state.tell(Severity::Info, format!("view {name} saved in {file}"));
            state.settings.views.insert(name, view);
        }
        Err(why) => state.tell(
            Severity::Warning,
            format!("view {name} is not saved: {why}"),
        ),
    }
}
