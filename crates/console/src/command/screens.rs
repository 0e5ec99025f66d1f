//! Commands of the console itself: screens, the list, what the console looks like. They change
//! nothing on the service.

use super::Command;
use super::entry::{Entry, Scope, Takes};
use crate::key::Key::{Char, Ctrl, Enter, Esc, F, Insert, Left, Right, Tab};

/// They, in the order in which the key bar shows those that it shows.
pub(super) const TABLE: &[Entry] = &[
    Entry::new(Command::Help, "this help")
        .names(&["help", "h"])
        .keys(&[F(1), Char('?')])
        .bar("Help"),
    Entry::new(Command::Back, "back; on the list: no filter, no marks")
        .names(&["back"])
        .keys(&[Esc, Left])
        .bar("Back"),
    Entry::new(
        Command::Filter,
        "show only some nodes: `/state:deploy* !maint:yes rack1`",
    )
    .names(&["filter"])
    .keys(&[Char('/')])
    .on(Scope::LIST)
    .takes(Takes::Text)
    .bar("Filter"),
    Entry::new(
        Command::Enroll,
        "enrol a machine; `:enroll 10.0.0.10-10.0.0.40` or `:enroll FILE` for many",
    )
    .names(&["enroll", "enrol"])
    .takes(Takes::Text)
    .keys(&[Char('e'), F(2)])
    .on(Scope::LIST)
    .bar("Enrol"),
    Entry::new(
        Command::NextPart,
        "the next part: summary, verbs, timeline, logs, JSON",
    )
    .names(&["part"])
    .keys(&[Tab])
    .on(Scope::NODE)
    .bar("Part"),
    Entry::new(
        Command::Follow,
        "follow the end of the timeline, or stop following",
    )
    .names(&["follow"])
    .keys(&[Char('f')])
    .on(Scope::NODE)
    .bar("Follow"),
    Entry::new(
        Command::Logs,
        "the logs that were collected of its ramdisks",
    )
    .names(&["logs"])
    .keys(&[Char('l')])
    .on(Scope::NODE),
];

/// Where one can go back and forward.
const TRAVEL: Scope = Scope::LIST
    .or(Scope::NODE)
    .or(Scope::BOARD)
    .or(Scope::DASHBOARD);

/// The rest of them, which stand behind those that act on nodes.
pub(super) const REST: &[Entry] = &[
    Entry::new(Command::Quit, "leave the console")
        .names(&["quit", "q", "exit"])
        .keys(&[Char('q'), F(10), Ctrl('c')])
        .bar("Quit"),
    Entry::new(
        Command::Prompt,
        "a command by its name; `:power-on NAME` acts on that node; Tab completes",
    )
    .names(&["command"])
    .keys(&[Char(':')])
    .bar("Cmd"),
    Entry::new(
        Command::Open,
        "open the node under the cursor; `:node NAME` opens that one",
    )
    .names(&["node", "open"])
    .keys(&[Enter, Right])
    .on(Scope::LIST)
    .takes(Takes::Text)
    .bar("Open"),
    Entry::new(Command::Mark, "mark the node under the cursor")
        .names(&["mark"])
        .keys(&[Char(' '), Insert])
        .on(Scope::LIST)
        .bar("Mark"),
    Entry::new(
        Command::Sort,
        "sort by the next column; `:sort FIELD` by any, twice turns it round",
    )
    .names(&["sort"])
    .keys(&[Char('s')])
    .on(Scope::LIST)
    .takes(Takes::Text)
    .bar("Sort"),
    Entry::new(Command::SortReverse, "turn the order round")
        .names(&["reverse"])
        .keys(&[Char('S')])
        .on(Scope::LIST),
    Entry::new(
        Command::Dashboard,
        "the dashboard: states, what is stuck, what failed, conductors",
    )
    .names(&["dashboard"])
    .keys(&[Char('D')])
    .on(TRAVEL),
    Entry::new(Command::Backward, "back on the way that you came")
        .names(&["backward"])
        .keys(&[Char('[')])
        .on(TRAVEL),
    Entry::new(Command::Forward, "forward again")
        .names(&["forward"])
        .keys(&[Char(']')])
        .on(TRAVEL),
    Entry::new(Command::Last, "to the last view, and back again")
        .names(&["last"])
        .keys(&[Char('-')])
        .on(TRAVEL),
    Entry::new(
        Command::Freeze,
        "let the list stand still, or go on; what is told meanwhile is counted",
    )
    .names(&["freeze"])
    .keys(&[Char('z')])
    .on(Scope::LIST),
    Entry::new(
        Command::Group,
        "group by state, rack, driver, owner, class; `:group FIELD` by any, `:group none`",
    )
    .names(&["group"])
    .keys(&[Char('o')])
    .on(Scope::LIST)
    .takes(Takes::Text),
    Entry::new(
        Command::Fold,
        "fold all groups, or unfold them; Enter folds one",
    )
    .names(&["fold"])
    .keys(&[Char('O')])
    .on(Scope::LIST),
    Entry::new(
        Command::Columns,
        "the columns of the list: `:columns name,rack,unit,does`, `:columns default`",
    )
    .names(&["columns"])
    .on(Scope::LIST)
    .takes(Takes::Text),
    Entry::new(
        Command::View,
        "a saved view: filter, order, groups and columns; `:view save NAME` keeps this one",
    )
    .names(&["view"])
    .on(Scope::LIST)
    .takes(Takes::Text),
    Entry::new(
        Command::MarkRange,
        "mark all from the node that was marked last to the one under the cursor",
    )
    .names(&["mark-range"])
    .keys(&[Char('V')])
    .on(Scope::LIST),
    Entry::new(
        Command::MarkAll,
        "mark all nodes that the filter shows, or unmark them",
    )
    .names(&["mark-all"])
    .keys(&[Char('*'), Ctrl('a')])
    .on(Scope::LIST),
    Entry::new(
        Command::Undo,
        "take back what waits to be sent; else undo what was done last, after a question",
    )
    .names(&["undo"])
    .keys(&[Char('u')]),
    Entry::new(
        Command::Runs,
        "the actions on several nodes: what became of each",
    )
    .names(&["runs"])
    .keys(&[Char('R')]),
    Entry::new(
        Command::Commands,
        "what was sent, as commands of openstack and curl",
    )
    .names(&["commands"])
    .keys(&[Char('@')]),
    Entry::new(Command::Refresh, "ask the server for everything again")
        .names(&["refresh"])
        .keys(&[F(5), Ctrl('r')]),
    Entry::new(Command::Diagnostics, "what this program itself logs")
        .names(&["diagnostics", "log"])
        .keys(&[F(12), Ctrl('l')]),
    Entry::new(Command::Theme, "another theme: `:theme default|light|mono`")
        .names(&["theme"])
        .takes(Takes::Text),
    Entry::new(Command::Suspend, "back to the shell; `fg` comes back here")
        .names(&["suspend"])
        .keys(&[Ctrl('z')]),
    #[cfg(debug_assertions)]
    Entry::new(
        Command::Panic,
        "break this program, to see that the terminal survives it",
    )
    .names(&["debug-panic"]),
];
