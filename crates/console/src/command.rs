//! What the console can be told to do: one table, from which the keys, the key bar, the help, and
//! the parser and completion of `:` all come.

use cupola_api::state::power::PowerTarget;
use cupola_api::state::provision::ProvisionVerb;

use crate::key::Key;

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
    /// Mark the node under the cursor.
    Mark,
    /// Mark all nodes that are shown.
    MarkAll,
    /// Choose a provision verb from a menu.
    Verbs,
    /// Choose a power request from a menu.
    PowerMenu,
    /// Enrol a machine.
    Enroll,
    /// Deploy an image.
    Deploy,
    /// Put into maintenance, or take out.
    Maintenance,
    /// Delete the node from the service.
    Delete,
    /// The next part of the node screen.
    NextPart,
    /// Follow the end of the timeline.
    Follow,
    /// Show the logs of the node's ramdisks.
    Logs,
    /// Break this program, to see that the terminal survives it.
    #[cfg(debug_assertions)]
    Panic,
    /// Send a provision verb.
    Verb(ProvisionVerb),
    /// Send a power request.
    Power(PowerTarget),
}

/// What may stand after a command's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Nothing.
    Nothing,
    /// A text that only the command itself understands.
    Text,
    /// Names or UUIDs of the nodes that it acts on.
    Nodes,
    /// Name or UUID of a node, and a reason.
    Reason,
}

impl Command {
    /// What may stand after its name.
    pub(crate) const fn takes(self) -> Takes {
        match self {
            Self::Theme | Self::Open | Self::Filter | Self::Sort => Takes::Text,
            Self::Maintenance => Takes::Reason,
            Self::Verbs
            | Self::PowerMenu
            | Self::Deploy
            | Self::Delete
            | Self::Verb(_)
            | Self::Power(_) => Takes::Nodes,
            Self::Quit
            | Self::Back
            | Self::Help
            | Self::Prompt
            | Self::Diagnostics
            | Self::Refresh
            | Self::Suspend
            | Self::SortReverse
            | Self::Mark
            | Self::MarkAll
            | Self::Enroll
            | Self::NextPart
            | Self::Follow
            | Self::Logs => Takes::Nothing,
            #[cfg(debug_assertions)]
            Self::Panic => Takes::Nothing,
        }
    }
}

/// Where a command makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// On every screen.
    Everywhere,
    /// On the node list.
    List,
    /// On the screen of one node.
    Node,
    /// On both.
    Nodes,
}

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Entry {
    /// What it does.
    pub(crate) command: Command,
    /// Its names after `:`, the first one is the one that help shows.
    pub(crate) names: &'static [&'static str],
    /// Its keys, the first one is the one that help shows.
    pub(crate) keys: &'static [Key],
    /// Where it makes sense.
    pub(crate) scope: Scope,
    /// What the key bar says; nothing keeps it out of the bar.
    pub(crate) bar: &'static str,
    /// What help says.
    pub(crate) help: &'static str,
    /// Whether it destroys, so that it asks first.
    pub(crate) destroys: bool,
}

const fn entry(
    command: Command,
    names: &'static [&'static str],
    keys: &'static [Key],
    scope: Scope,
    bar: &'static str,
    help: &'static str,
) -> Entry {
    let destroys = matches!(
        command,
        Command::Delete
            | Command::Verb(
                ProvisionVerb::Deleted
                    | ProvisionVerb::Undeploy
                    | ProvisionVerb::Rebuild
                    | ProvisionVerb::Clean
                    | ProvisionVerb::Abort
            )
            | Command::Power(
                PowerTarget::Off
                    | PowerTarget::Reboot
                    | PowerTarget::SoftOff
                    | PowerTarget::SoftReboot
            )
    );
    Entry {
        command,
        names,
        keys,
        scope,
        bar,
        help,
        destroys,
    }
}

const fn verb(verb: ProvisionVerb, names: &'static [&'static str], help: &'static str) -> Entry {
    entry(Command::Verb(verb), names, &[], Nodes, "", help)
}

const fn power(target: PowerTarget, names: &'static [&'static str], help: &'static str) -> Entry {
    entry(Command::Power(target), names, &[], Nodes, "", help)
}

use Key::{Char, Ctrl, Delete, Enter, Esc, F, Insert, Left, Right, Tab};
use Scope::{Everywhere, List, Node, Nodes};

/// Everything that the console can be told to do. The key bar shows entries in this order.
pub(crate) const TABLE: &[Entry] = &[
    entry(
        Command::Help,
        &["help", "h"],
        &[F(1), Char('?')],
        Everywhere,
        "Help",
        "this help",
    ),
    entry(
        Command::Back,
        &["back"],
        &[Esc, Left],
        Everywhere,
        "Back",
        "back; on the list: no filter, no marks",
    ),
    entry(
        Command::Filter,
        &["filter"],
        &[Char('/')],
        List,
        "Filter",
        "show only some nodes: `/state:deploy* !maint:yes rack1`",
    ),
    entry(
        Command::Enroll,
        &["enroll", "enrol"],
        &[Char('e'), F(2)],
        List,
        "Enrol",
        "enrol a machine",
    ),
    entry(
        Command::NextPart,
        &["part"],
        &[Tab],
        Node,
        "Part",
        "the next part: summary, verbs, timeline, logs",
    ),
    entry(
        Command::Follow,
        &["follow"],
        &[Char('f')],
        Node,
        "Follow",
        "follow the end of the timeline, or stop following",
    ),
    entry(
        Command::Logs,
        &["logs"],
        &[Char('l')],
        Node,
        "",
        "the logs that were collected of its ramdisks",
    ),
    entry(
        Command::Deploy,
        &["deploy"],
        &[Char('d'), F(3)],
        Nodes,
        "Deploy",
        "deploy an image to the marked nodes",
    ),
    entry(
        Command::Verbs,
        &["verbs"],
        &[Char('v'), F(4)],
        Nodes,
        "Verbs",
        "what can be done with the marked nodes, and why not",
    ),
    entry(
        Command::PowerMenu,
        &["power"],
        &[Char('p'), F(6)],
        Nodes,
        "Power",
        "power on, off, reboot",
    ),
    entry(
        Command::Maintenance,
        &["maintenance", "maint"],
        &[Char('m'), F(7)],
        Nodes,
        "Maint",
        "put into maintenance, or take out; `:maint [NAME] [REASON]`",
    ),
    entry(
        Command::Quit,
        &["quit", "q", "exit"],
        &[Char('q'), F(10), Ctrl('c')],
        Everywhere,
        "Quit",
        "leave the console",
    ),
    entry(
        Command::Prompt,
        &[],
        &[Char(':')],
        Everywhere,
        "Cmd",
        "a command by its name; `:power-on NAME` acts on that node; Tab completes",
    ),
    entry(
        Command::Open,
        &["node", "open"],
        &[Enter, Right],
        List,
        "Open",
        "open the node under the cursor; `:node NAME` opens that one",
    ),
    entry(
        Command::Mark,
        &["mark"],
        &[Char(' '), Insert],
        List,
        "Mark",
        "mark the node under the cursor",
    ),
    entry(
        Command::Sort,
        &["sort"],
        &[Char('s')],
        List,
        "Sort",
        "sort by the next column; `:sort name|state|power|since|driver|class`",
    ),
    entry(
        Command::SortReverse,
        &["reverse"],
        &[Char('S')],
        List,
        "",
        "turn the order round",
    ),
    entry(
        Command::MarkAll,
        &["mark-all"],
        &[Char('*'), Ctrl('a')],
        List,
        "",
        "mark all nodes that the filter shows, or unmark them",
    ),
    entry(
        Command::Delete,
        &["delete"],
        &[Delete],
        Nodes,
        "",
        "forget the marked nodes",
    ),
    entry(
        Command::Refresh,
        &["refresh"],
        &[F(5), Ctrl('r')],
        Everywhere,
        "",
        "ask the server for everything again",
    ),
    entry(
        Command::Diagnostics,
        &["diagnostics", "log"],
        &[F(12), Ctrl('l')],
        Everywhere,
        "",
        "what this program itself logs",
    ),
    entry(
        Command::Theme,
        &["theme"],
        &[],
        Everywhere,
        "",
        "another theme: `:theme default|light|mono`",
    ),
    entry(
        Command::Suspend,
        &["suspend"],
        &[Ctrl('z')],
        Everywhere,
        "",
        "back to the shell; `fg` comes back here",
    ),
    #[cfg(debug_assertions)]
    entry(
        Command::Panic,
        &["debug-panic"],
        &[],
        Everywhere,
        "",
        "break this program, to see that the terminal survives it",
    ),
    verb(
        ProvisionVerb::Manage,
        &["manage"],
        "verify the BMC and take under management",
    ),
    verb(
        ProvisionVerb::Inspect,
        &["inspect"],
        "find out what hardware it is",
    ),
    verb(
        ProvisionVerb::Provide,
        &["provide"],
        "clean, and offer for deployment",
    ),
    verb(
        ProvisionVerb::Deleted,
        &["undeploy"],
        "tear the instance down and clean",
    ),
    verb(
        ProvisionVerb::Rebuild,
        &["rebuild"],
        "deploy the same image again",
    ),
    verb(
        ProvisionVerb::Abort,
        &["abort"],
        "stop what waits or is held",
    ),
    verb(ProvisionVerb::Unhold, &["unhold"], "go on after a hold"),
    verb(
        ProvisionVerb::Adopt,
        &["adopt"],
        "take over a machine that is in use already",
    ),
    verb(ProvisionVerb::Unrescue, &["unrescue"], "leave rescue"),
    power(PowerTarget::On, &["power-on"], "power on"),
    power(PowerTarget::Off, &["power-off"], "power off at once"),
    power(PowerTarget::Reboot, &["reboot"], "off and on again"),
    power(
        PowerTarget::SoftOff,
        &["shutdown"],
        "ask the operating system to shut down",
    ),
    power(
        PowerTarget::SoftReboot,
        &["soft-reboot"],
        "ask the operating system to reboot",
    ),
];

/// The command that a key stands for on such a screen.
pub(crate) fn by_key(key: Key, on: Scope) -> Option<&'static Entry> {
    TABLE
        .iter()
        .find(|e| e.scope.includes(on) && e.keys.contains(&key))
}

/// The row of a command.
pub(crate) fn of(command: Command) -> Option<&'static Entry> {
    TABLE.iter().find(|e| e.command == command)
}

/// Reads what was typed after `:`: the command and its argument.
///
/// # Errors
/// A text for the person who typed it.
pub(crate) fn parse(text: &str) -> Result<(&'static Entry, &str), String> {
    let text = text.trim();
    let (name, argument) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let exact = TABLE.iter().find(|e| e.names.contains(&name));
    if let Some(entry) = exact {
        return Ok((entry, argument.trim()));
    }
    let mut matching = TABLE.iter().filter(|e| {
        e.names
            .iter()
            .any(|n| !name.is_empty() && n.starts_with(name))
    });
    match (matching.next(), matching.next()) {
        (Some(entry), None) => Ok((entry, argument.trim())),
        (Some(_), Some(_)) => Err(format!(":{name} could be {}", complete(name).join(", "))),
        (None, _) => Err(format!(
            "there is no command :{name}; press ? for all of them"
        )),
    }
}

/// The names that begin with this.
pub(crate) fn complete(start: &str) -> Vec<&'static str> {
    let shown = TABLE.iter().filter(|e| !e.is_for_tests());
    let names = shown.filter_map(|e| {
        let mut names = e.names.iter().copied();
        names.find(|n| n.starts_with(start))
    });
    names.collect()
}

impl Entry {
    /// Whether it is there for tests alone, and not shown.
    pub(crate) fn is_for_tests(&self) -> bool {
        self.names.iter().any(|name| name.starts_with("debug-"))
    }
}

impl Scope {
    /// Whether a command of this scope makes sense on a screen, which is `List`, `Node` or
    /// `Everywhere`.
    pub(crate) const fn includes(self, screen: Self) -> bool {
        match self {
            Self::Everywhere => true,
            Self::List => matches!(screen, Self::List),
            Self::Node => matches!(screen, Self::Node),
            Self::Nodes => matches!(screen, Self::List | Self::Node),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_name_and_no_key_is_there_twice() {
        let mut names = HashSet::new();
        for name in TABLE.iter().flat_map(|e| e.names) {
            assert!(names.insert(name), "{name}");
        }
        for screen in [List, Node] {
            let mut keys = HashSet::new();
            for entry in TABLE.iter().filter(|e| e.scope.includes(screen)) {
                for key in entry.keys {
                    assert!(keys.insert(key), "{key} on {screen:?}");
                }
            }
        }
    }

    #[test]
    fn names_can_be_shortened_as_long_as_they_are_clear() {
        assert_eq!(
            parse("und").map(|(e, _)| e.command),
            Ok(Command::Verb(ProvisionVerb::Deleted))
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
        for name in ["delete", "undeploy", "rebuild", "power-off", "abort"] {
            assert!(parse(name).expect("known").0.destroys, "{name}");
        }
        assert!(!parse("power-on").expect("known").0.destroys);
    }
}
