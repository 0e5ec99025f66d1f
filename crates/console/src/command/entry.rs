//! A row of the table of commands, and where a command makes sense.

use super::Command;
use crate::key::Key;

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

/// A set of screens: where a command makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scope(u32);

impl Scope {
    /// On every screen.
    pub(crate) const EVERYWHERE: Self = Self(u32::MAX);
    /// On the node list.
    pub(crate) const LIST: Self = Self(1);
    /// On the screen of one node.
    pub(crate) const NODE: Self = Self(1 << 1);
    /// In the enrolment wizard.
    pub(crate) const ENROLL: Self = Self(1 << 2);
    /// In the deploy wizard.
    pub(crate) const DEPLOY: Self = Self(1 << 3);
    /// On the deploy board.
    pub(crate) const BOARD: Self = Self(1 << 8);
    /// On the dashboard.
    pub(crate) const DASHBOARD: Self = Self(1 << 12);
    /// Where nodes are compared.
    pub(crate) const COMPARE: Self = Self(1 << 9);
    /// Before actions on several nodes are sent.
    pub(crate) const PREVIEW: Self = Self(1 << 16);
    /// One run of actions.
    pub(crate) const RUN: Self = Self(1 << 17);
    /// The list of runs.
    pub(crate) const RUNS: Self = Self(1 << 18);
    /// The log of commands.
    pub(crate) const COMMANDS: Self = Self(1 << 19);
    /// The form of the steps of cleaning or servicing.
    pub(crate) const STEPS: Self = Self(1 << 20);
    /// The pane of a serial console.
    pub(crate) const SERIAL: Self = Self(1 << 21);
    /// Where many BMCs are looked for.
    pub(crate) const DISCOVERY: Self = Self(1 << 22);
    /// Where nodes can be acted on.
    pub(crate) const NODES: Self = Self::LIST.or(Self::NODE);

    /// Here or there.
    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a command of this scope makes sense on such a screen.
    pub(crate) const fn includes(self, screen: Self) -> bool {
        self.0 & screen.0 != 0
    }
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
    /// What may stand after its name.
    pub(crate) takes: Takes,
    /// What the key bar says; nothing keeps it out of the bar.
    pub(crate) bar: &'static str,
    /// What help says.
    pub(crate) help: &'static str,
}

impl Entry {
    /// A command that makes sense everywhere and takes nothing.
    pub(super) const fn new(command: Command, help: &'static str) -> Self {
        Self {
            command,
            names: &[],
            keys: &[],
            scope: Scope::EVERYWHERE,
            takes: Takes::Nothing,
            bar: "",
            help,
        }
    }

    /// Its names after `:`.
    pub(super) const fn names(mut self, names: &'static [&'static str]) -> Self {
        self.names = names;
        self
    }

    /// Its keys.
    pub(super) const fn keys(mut self, keys: &'static [Key]) -> Self {
        self.keys = keys;
        self
    }

    /// Where it makes sense.
    pub(super) const fn on(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// What may stand after its name.
    pub(super) const fn takes(mut self, takes: Takes) -> Self {
        self.takes = takes;
        self
    }

    /// What the key bar says.
    pub(super) const fn bar(mut self, bar: &'static str) -> Self {
        self.bar = bar;
        self
    }

    /// Whether it is there for tests alone, and not shown.
    pub(crate) fn is_for_tests(&self) -> bool {
        self.names.iter().any(|name| name.starts_with("debug-"))
    }
}
