//! What the console can be told to do: one table, from which the keys, the key bar, the help, and
//! the parser and completion of `:` all come.

mod act;
mod entry;
mod keymap;
mod nodes;
mod screens;
mod watching;

use crate::state::nearest;

pub(crate) use act::{Act, Flag};
pub(crate) use entry::{Entry, Scope, Takes};
pub(crate) use keymap::{Keymap, Written};

/// One thing that the console can be told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Leave the console.
    Quit,
    /// Leave the screen, the popup, the prompt.
    Back,
    /// Show the help.
    Help,
    /// Ask for a command by name.
    Prompt,
    /// Show or hide the diagnostics drawer.
    Diagnostics,
    /// Ask the server for everything again.
    Refresh,
    /// Stop the console as Ctrl-Z does.
    Suspend,
    /// Choose another theme.
    Theme,
    /// Go to the list, or open a node by name.
    Open,
    /// Ask for a filter.
    Filter,
    /// Sort by the next column, or by the one named.
    Sort,
    /// Turn the order round.
    SortReverse,
    /// Show the dashboard.
    Dashboard,
    /// Back on the way that somebody came.
    Backward,
    /// Forward on it.
    Forward,
    /// To the last view and back again.
    Last,
    /// The list stands still, or goes on.
    Freeze,
    /// Group nodes by a field.
    Group,
    /// Fold all groups, or unfold them.
    Fold,
    /// Choose the columns.
    Columns,
    /// Look at the list by a saved view, or save how it is looked at.
    View,
    /// Mark the node under the cursor.
    Mark,
    /// Mark all from the last mark to the cursor.
    MarkRange,
    /// Mark all nodes that are shown.
    MarkAll,
    /// Choose a provision verb from a menu.
    Verbs,
    /// Choose a power request from a menu.
    PowerMenu,
    /// Choose something else to do from a menu: boot device, console, LED, flags.
    MoreMenu,
    /// Take back what waits to be sent, else undo what was done last.
    Undo,
    /// List the runs.
    Runs,
    /// Show what was sent, as commands for a shell.
    Commands,
    /// Enrol a machine.
    Enroll,
    /// The next part of the node screen.
    NextPart,
    /// Follow the end of the timeline.
    Follow,
    /// Show the logs of the node's ramdisks.
    Logs,
    /// Open the serial console of a node.
    Serial,
    /// Open or close the state lens.
    Lens,
    /// Open the deploy board.
    Board,
    /// Open the node of a line of the board at its trouble.
    Trouble,
    /// Compare nodes.
    Compare,
    /// Show what is the same too.
    CompareAll,
    /// Write what is on the screen to a file.
    Save,
    /// Step back in time.
    Earlier,
    /// Step forth in time.
    Later,
    /// Go to a time of day.
    At,
    /// Write a bundle for a ticket.
    Bundle,
    /// Search in the lines on the screen.
    Search,
    /// Go to the next line that was searched for.
    SearchNext,
    /// Go to the one before.
    SearchBack,
    /// Show only some lines.
    LinesOnly,
    /// Wrap long lines, or cut them off.
    Wrap,
    /// Tell times as of the clock, or as how long ago.
    Times,
    /// Mark the line.
    MarkLine,
    /// Go to a marked line.
    GoToMark,
    /// Leave out what happened before.
    Since,
    /// Break this program, to see that the terminal survives it.
    #[cfg(debug_assertions)]
    Panic,
    /// Do something to nodes.
    Act(Act),
}

/// The table, in the order in which the key bar and the help show it.
const TABLES: [&[Entry]; 5] = [
    screens::TABLE,
    nodes::TABLE,
    screens::REST,
    watching::TABLE,
    nodes::REST,
];

/// Everything that the console can be told to do, in that order.
pub(crate) fn all() -> impl Iterator<Item = &'static Entry> {
    TABLES.into_iter().flatten()
}

/// The row of a command.
pub(crate) fn of(command: Command) -> Option<&'static Entry> {
    all().find(|e| e.command == command)
}

/// Reads what was typed after `:`: the command and its argument.
///
/// # Errors
/// A text for the person who typed it.
pub(crate) fn parse(text: &str) -> Result<(&'static Entry, &str), String> {
    let text = text.trim();
    let (name, argument) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let exact = all().find(|e| e.names.contains(&name));
    if let Some(entry) = exact {
        return Ok((entry, argument.trim()));
    }
    let mut matching = all().filter(|e| {
        e.names
            .iter()
            .any(|n| !name.is_empty() && n.starts_with(name))
    });
    match (matching.next(), matching.next()) {
        (Some(entry), None) => Ok((entry, argument.trim())),
        (Some(_), Some(_)) => Err(format!(":{name} could be {}", complete(name).join(", "))),
        (None, _) => {
            let names = all().filter(|e| !e.is_for_tests()).flat_map(|e| e.names);
            Err(match nearest(name, names.copied()) {
                Some(near) => format!("there is no command :{name}; is it :{near}?"),
                None => format!("there is no command :{name}; press ? for all of them"),
            })
        }
    }
}

/// The names that begin with this.
fn complete(start: &str) -> Vec<&'static str> {
    let shown = all().filter(|e| !e.is_for_tests());
    let names = shown.filter_map(|e| {
        let mut names = e.names.iter().copied();
        names.find(|n| n.starts_with(start))
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use cupola_api::state::provision::ProvisionVerb;

    use super::*;

    #[test]
    fn no_name_and_no_key_is_there_twice() {
        let mut names = HashSet::new();
        for name in all().flat_map(|e| e.names) {
            assert!(names.insert(name), "{name}");
        }
        for screen in [
            Scope::LIST,
            Scope::NODE,
            Scope::BOARD,
            Scope::DASHBOARD,
            Scope::PREVIEW,
            Scope::RUN,
            Scope::RUNS,
            Scope::COMMANDS,
            Scope::STEPS,
            Scope::SERIAL,
        ] {
            let mut keys = HashSet::new();
            for entry in all().filter(|e| e.scope.includes(screen)) {
                for key in entry.keys {
                    assert!(keys.insert(key), "{key} on {screen:?}");
                }
            }
        }
    }

    #[test]
    fn names_can_be_shortened_as_long_as_they_are_clear() {
        assert_eq!(
            parse("unde").map(|(e, _)| e.command),
            Ok(Command::Act(Act::Verb(ProvisionVerb::Deleted)))
        );
        assert_eq!(
            parse("sort state ").map(|(e, a)| (e.command, a)),
            Ok((Command::Sort, "state"))
        );
        assert!(parse("re").is_err_and(|e| e.contains("rebuild")));
        assert!(parse("nonsense").is_err());
        assert!(parse("").is_err());
    }

    #[test]
    fn what_destroys_asks() {
        let destroys = |name: &str| match parse(name).expect("known").0.command {
            Command::Act(act) => act.destroys(),
            other => panic!("{other:?} does nothing to nodes"),
        };
        for name in [
            "delete",
            "undeploy",
            "rebuild",
            "power-off",
            "abort",
            "clean",
            "service",
            "rescue",
            "deploy",
            "nmi",
        ] {
            assert!(destroys(name), "{name}");
        }
        assert!(!destroys("power-on"));
    }
}
