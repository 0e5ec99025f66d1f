//! Which key stands for which command: the keys of the table, and those that a person has set under
//! `[keys]` in `console.toml`.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::{Command, Entry, Scope, all};
use crate::key::Key;
use crate::state::nearest;

/// The keys of a command, as they are written in the settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "a key (\"F9\"), or a list of keys ([\"x\", \"F9\"])"
)]
pub(crate) enum Written {
    /// One.
    One(String),
    /// Several, or none at all.
    Many(Vec<String>),
}

impl Written {
    fn keys(&self) -> &[String] {
        match self {
            Self::One(key) => std::slice::from_ref(key),
            Self::Many(keys) => keys,
        }
    }
}

/// What is wrong with the keys of a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// The command's name, as it is written.
    pub(crate) name: String,
    /// What is wrong, and what to do.
    pub(crate) why: String,
}

/// The keys in force.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keymap {
    /// Those that are set, by the first name of their command.
    set: HashMap<&'static str, Vec<Key>>,
}

/// Whether a key keeps the meaning that the table gives it: what moves, opens, leaves and helps is
/// found by everybody who comes to this console.
const fn is_fixed(key: Key) -> bool {
    use Key as K;
    match key {
        K::Enter | K::Esc | K::Tab | K::BackTab | K::Up | K::Down | K::Left | K::Right => true,
        K::Home | K::End | K::PageUp | K::PageDown | K::F(1) => true,
        K::Char(c) => matches!(c, 'j' | 'k' | 'g' | 'G' | ':' | '1'..='5'),
        K::Ctrl(c) => matches!(c, 'b' | 'c' | 'f'),
        K::Alt(_) | K::Backspace | K::Delete | K::Insert | K::F(_) => false,
    }
}

impl Keymap {
    /// The keys as they are set.
    ///
    /// # Errors
    /// When a name or a key is none, or a key would stand for two commands on one screen.
    pub(crate) fn new(written: &BTreeMap<String, Written>) -> Result<Self, Conflict> {
        let mut keymap = Self::default();
        for (name, keys) in written {
            keymap.take(name, keys.keys()).map_err(|why| Conflict {
                name: name.clone(),
                why,
            })?;
        }
        for name in written.keys() {
            keymap.check(name).map_err(|why| Conflict {
                name: name.clone(),
                why,
            })?;
        }
        Ok(keymap)
    }

    fn take(&mut self, name: &str, written: &[String]) -> Result<(), String> {
        let entry = named(name)?;
        let Some(first) = entry.names.first() else {
            return Ok(());
        };
        let mut keys: Vec<Key> = Vec::new();
        for text in written {
            let key = text.parse()?;
            if is_fixed(key) && !entry.keys.contains(&key) {
                return Err(format!(
                    "{key} has its meaning on all screens: take another key"
                ));
            }
            keys.push(key);
        }
        let kept = entry.keys.iter().filter(|key| is_fixed(**key));
        keys.extend(kept);
        keys.dedup();
        match self.set.insert(first, keys) {
            Some(_) => Err(format!(
                "it is :{first}, which is set too: leave one of them out"
            )),
            None => Ok(()),
        }
    }

    fn check(&self, name: &str) -> Result<(), String> {
        let entry = named(name)?;
        for key in self.keys_of(entry) {
            let other = all().find(|other| {
                other.command != entry.command
                    && other.scope.includes(entry.scope)
                    && self.keys_of(other).contains(key)
            });
            let Some(other) = other else { continue };
            let theirs = other.names.first().unwrap_or(&"?");
            return Err(format!(
                "{key} is the key of :{theirs} on the same screen: take another one, or give that \
                 one another (`{theirs} = \"...\"`, or none: `{theirs} = []`)"
            ));
        }
        Ok(())
    }

    /// The keys of a command, the first one is the one that is shown.
    pub(crate) fn keys_of(&self, entry: &Entry) -> &[Key] {
        let set = entry.names.first().and_then(|name| self.set.get(name));
        set.map_or(entry.keys, Vec::as_slice)
    }

    /// The command that a key stands for on such a screen.
    pub(crate) fn command(&self, key: Key, on: Scope) -> Option<&'static Entry> {
        all().find(|entry| entry.scope.includes(on) && self.keys_of(entry).contains(&key))
    }

    /// Whether a key stands for this command on such a screen.
    pub(crate) fn is(&self, command: Command, key: Key, on: Scope) -> bool {
        let entry = self.command(key, on);
        entry.is_some_and(|entry| entry.command == command)
    }
}

/// The command of a name.
fn named(name: &str) -> Result<&'static Entry, String> {
    let shown = || all().filter(|entry| !entry.is_for_tests());
    if let Some(entry) = shown().find(|entry| entry.names.contains(&name)) {
        return Ok(entry);
    }
    let names = shown().flat_map(|entry| entry.names);
    Err(match nearest(name, names.copied()) {
        Some(near) => format!("there is no command of this name; is it {near}?"),
        None => {
            "there is no command of this name; a line is COMMAND = \"KEY\", and `cupola help keys` \
                 lists the commands"
                .to_owned()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Act;

    fn keymap(pairs: &[(&str, &[&str])]) -> Result<Keymap, Conflict> {
        let list = |keys: &[&str]| Written::Many(keys.iter().map(ToString::to_string).collect());
        let written = pairs
            .iter()
            .map(|(name, keys)| ((*name).to_owned(), list(keys)));
        Keymap::new(&written.collect())
    }

    fn why(pairs: &[(&str, &[&str])]) -> String {
        keymap(pairs).expect_err("refused").why
    }

    #[test]
    fn what_is_set_takes_the_place_of_the_keys_of_the_table() {
        let keymap = keymap(&[("deploy", &["x", "F9"]), ("back", &["Bksp"])]).expect("keys");
        let on = |key| keymap.command(key, Scope::LIST).map(|entry| entry.command);
        assert_eq!(on(Key::Char('x')), Some(Command::Act(Act::Deploy)));
        assert_eq!(on(Key::F(9)), Some(Command::Act(Act::Deploy)));
        assert_eq!(on(Key::Char('d')), None);
        assert_eq!(on(Key::Backspace), Some(Command::Back));
        assert_eq!(
            on(Key::Esc),
            Some(Command::Back),
            "Esc leaves whatever is set"
        );
    }

    #[test]
    fn a_key_can_be_given_where_it_was_taken_away() {
        let swapped = keymap(&[("deploy", &["v"]), ("verbs", &["d"])]).expect("keys");
        assert!(swapped.is(Command::Verbs, Key::Char('d'), Scope::NODE));
        let moved = keymap(&[("dashboard", &["d"]), ("deploy", &[])]).expect("keys");
        assert!(moved.is(Command::Dashboard, Key::Char('d'), Scope::LIST));
        // t is :trouble on the board and :times on a node: not the same screen.
        assert!(keymap(&[("trouble", &["w"])]).is_ok());
    }

    #[test]
    fn conflicts_tell_what_stands_there_and_what_to_do() {
        let told = why(&[("undeploy", &["d"])]);
        assert!(told.contains("d is the key of :deploy"), "{told}");
        assert!(told.contains("`deploy = []`"), "{told}");
        let told = why(&[("undeploy", &["x"]), ("delete", &["x"])]);
        assert!(told.contains("x is the key of :"), "{told}");
        let told = why(&[("undeploy", &["Enter"])]);
        assert!(told.contains("Enter has its meaning"), "{told}");
        let told = why(&[("undeplyo", &["x"])]);
        assert!(told.contains("is it undeploy?"), "{told}");
        let told = why(&[("maint", &["x"]), ("maintenance", &["y"])]);
        assert!(told.contains("leave one of them out"), "{told}");
        let told = why(&[("deploy", &["Ctrl-I"])]);
        assert!(told.contains("Tab"), "{told}");
        let told = why(&[("deploy", &["hyper-x"])]);
        assert!(told.contains("Ctrl-X"), "{told}");
    }
}
