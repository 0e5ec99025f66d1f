//! `cupola help`: topics that no single command is about, and the commands.

use std::path::Path;

use clap::{Args, Command as Parser};

use super::{Failure, Outcome, output};
use crate::command::{self, Keymap};
use crate::key::Key;
use crate::settings::Settings;

/// The topics that are texts, by name.
const TOPICS: [(&str, &str, &str); 5] = [
    (
        "terminals",
        "colours, characters, size, slow lines",
        include_str!("../../../../docs/help/terminals.md"),
    ),
    (
        "themes",
        "the themes, and files of your own",
        include_str!("../../../../docs/help/themes.md"),
    ),
    (
        "exit-codes",
        "what commands tell scripts",
        include_str!("../../../../docs/help/exit-codes.md"),
    ),
    (
        "environment",
        "the variables that are heard",
        include_str!("../../../../docs/help/environment.md"),
    ),
    (
        "reloading",
        "what SIGHUP has the service read again",
        include_str!("../../../../docs/help/reloading.md"),
    ),
];

/// The topic that is made from the table of commands.
const KEYS: (&str, &str) = ("keys", "keys and : commands of the console");

/// Arguments of `help`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A topic or a command; without one all are listed
    #[arg(value_name = "TOPIC|COMMAND")]
    about: Vec<String>,
}

/// Prints the help on a topic or a command.
pub(crate) fn run(arguments: &Arguments, program: Parser, settings: Option<&Path>) -> Outcome {
    let wanted = arguments.about.join("-");
    if wanted.is_empty() {
        return overview(program);
    }
    if wanted == KEYS.0 {
        // Help is not the place to refuse a file: the console does, with the line.
        let settings = Settings::load(settings).unwrap_or_default();
        return Ok(output::lines(&keys(&settings.keymap))?);
    }
    if let Some((_, _, text)) = TOPICS.iter().find(|(name, _, _)| *name == wanted) {
        return Ok(output::lines(text.trim_end())?);
    }
    let mut program = program;
    program.build();
    let mut found = &mut program;
    for name in &arguments.about {
        found = found
            .find_subcommand_mut(name)
            .ok_or_else(|| unknown(&arguments.about.join(" ")))?;
    }
    let text = found.render_long_help().to_string();
    Ok(output::lines(text.trim_end())?)
}

fn unknown(about: &str) -> Failure {
    let topics = TOPICS.iter().map(|(name, _, _)| *name);
    let topics: Vec<&str> = [KEYS.0].into_iter().chain(topics).collect();
    Failure::usage(format!(
        "there is no topic and no command {about:?}; the topics are {}, and `cupola help` lists the \
         commands",
        topics.join(", ")
    ))
}

fn overview(mut program: Parser) -> Outcome {
    output::lines(program.render_help().to_string().trim_end())?;
    let own = TOPICS.iter().map(|(name, what, _)| (*name, *what));
    let topics = [KEYS].into_iter().chain(own);
    let lines: Vec<String> = topics
        .map(|(name, what)| format!("  {name:<12} {what}"))
        .collect();
    Ok(output::lines(&format!(
        "\nTopics, for `cupola help TOPIC`:\n{}",
        lines.join("\n")
    ))?)
}

/// The table of commands as text.
fn keys(keymap: &Keymap) -> String {
    let mut lines = vec![
        "Keys and : commands of the console".to_owned(),
        String::new(),
        "Arrows, j k, PgUp PgDn, Home End move everywhere. ? shows what works on a screen."
            .to_owned(),
        String::new(),
    ];
    for entry in command::all().filter(|entry| !entry.is_for_tests()) {
        let keys: Vec<String> = keymap.keys_of(entry).iter().map(Key::to_string).collect();
        let name = entry.names.first().map(|name| format!(":{name}"));
        let name = name.unwrap_or_default();
        let keys = keys.join(" ");
        lines.push(format!("  {keys:<14} {name:<16} {}", entry.help));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::theme;

    #[test]
    fn the_topics_tell_what_there_is() {
        let text = |wanted: &str| {
            let found = TOPICS.iter().find(|(name, _, _)| *name == wanted);
            found.expect("a topic").2
        };
        for name in theme::names() {
            assert!(text("themes").contains(&format!("  {name} ")), "{name}");
        }
        for (name, _, topic) in TOPICS {
            let wide = topic.lines().find(|line| line.chars().count() > 104);
            assert_eq!(wide, None, "{name}");
        }
        assert!(keys(&Keymap::default()).contains(":theme"));
    }
}
