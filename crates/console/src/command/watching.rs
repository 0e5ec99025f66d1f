//! Commands of the screens that watch. They change nothing on the service.

use super::Command;
use super::entry::{Entry, Scope, Takes};
use crate::key::Key::Char;

/// Where somebody may want to see all that is under way.
const WORK: Scope = Scope::NODES
    .or(Scope::DASHBOARD)
    .or(Scope::RUN)
    .or(Scope::RUNS);

/// They, in the order in which the key bar shows those that it shows.
pub(super) const TABLE: &[Entry] = &[
    Entry::new(
        Command::Lens,
        "the state lens: what the node under the cursor waits for, and why",
    )
    .names(&["lens", "explain", "why"])
    .keys(&[Char('i')])
    .on(Scope::LIST)
    .bar("Lens"),
    Entry::new(
        Command::Board,
        "the deploy board: what is deployed, cleaned, inspected, and how long it takes",
    )
    .names(&["board"])
    .keys(&[Char('b')])
    .on(WORK)
    .bar("Board"),
    Entry::new(
        Command::Serial,
        "the node's serial console; Ctrl-] then d leaves it, b sends a break, / searches",
    )
    .names(&["serial"])
    .keys(&[Char('c')])
    .on(Scope::NODES)
    .takes(Takes::Nodes)
    .bar("Serial"),
    Entry::new(
        Command::Trouble,
        "open the node at the event that tells of its trouble",
    )
    .names(&["trouble"])
    .keys(&[Char('t')])
    .on(Scope::BOARD)
    .bar("Trouble"),
    Entry::new(
        Command::Compare,
        "compare two marked nodes, or the node with its class; `:compare A B`",
    )
    .names(&["compare"])
    .keys(&[Char('=')])
    .on(Scope::NODES)
    .takes(Takes::Nodes),
    Entry::new(Command::CompareAll, "all facts, or only those that differ")
        .names(&["all"])
        .keys(&[Char('a')])
        .on(Scope::COMPARE)
        .bar("All"),
    Entry::new(
        Command::Save,
        "write the log, the timeline or the comparison to a file",
    )
    .names(&["save"])
    .keys(&[Char('S')])
    .on(Scope::NODE.or(Scope::COMPARE))
    .bar("Save"),
    Entry::new(
        Command::Earlier,
        "back in time, change by change; Esc returns to now",
    )
    .names(&["earlier"])
    .keys(&[Char('<')])
    .on(Scope::NODES),
    Entry::new(Command::Later, "forth in time, change by change")
        .names(&["later"])
        .keys(&[Char('>')])
        .on(Scope::NODES),
    Entry::new(Command::At, "as it was at this time of day: `:at 02:14`")
        .names(&["at"])
        .on(Scope::NODES)
        .takes(Takes::Text),
    Entry::new(
        Command::Bundle,
        "write what a ticket needs to a file: node, timeline, events, errors, screen; no secrets",
    )
    .names(&["bundle"])
    .keys(&[Char('B')])
    .on(Scope::NODES.or(Scope::BOARD).or(Scope::COMPARE)),
    Entry::new(Command::Search, "search in the timeline or the log")
        .names(&["search"])
        .keys(&[Char('/')])
        .on(Scope::NODE)
        .takes(Takes::Text),
    Entry::new(Command::SearchNext, "the next line that was searched for")
        .names(&["search-next"])
        .keys(&[Char('n')])
        .on(Scope::NODE),
    Entry::new(Command::SearchBack, "the one before")
        .names(&["search-back"])
        .keys(&[Char('N')])
        .on(Scope::NODE),
    Entry::new(
        Command::LinesOnly,
        "show only the lines with a text; none shows all",
    )
    .names(&["only"])
    .keys(&[Char('&')])
    .on(Scope::NODE)
    .takes(Takes::Text),
    Entry::new(Command::Wrap, "wrap long lines, or cut them off")
        .names(&["wrap"])
        .keys(&[Char('w')])
        .on(Scope::NODE),
    Entry::new(Command::Times, "times of the clock, or how long ago it was")
        .names(&["times"])
        .keys(&[Char('t')])
        .on(Scope::NODE),
    Entry::new(
        Command::MarkLine,
        "mark the line; in the timeline and in logs m does it too",
    )
    .names(&["mark-line"])
    .keys(&[Char('M')])
    .on(Scope::NODE),
    Entry::new(Command::GoToMark, "go to the next marked line")
        .names(&["marked-line"])
        .keys(&[Char('\'')])
        .on(Scope::NODE),
    Entry::new(
        Command::Since,
        "only what happened since: `:since 10m`, `:since 02:14`; nothing shows all",
    )
    .names(&["since"])
    .on(Scope::NODE)
    .takes(Takes::Text),
];
