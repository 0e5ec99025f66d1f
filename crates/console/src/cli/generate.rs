//! `cupola completions` and `cupola man`: what shells and `man` know of the command line, made from the
//! command line itself.

use std::io;
use std::path::PathBuf;

use clap::{Args, Command as Parser};
use clap_complete::Shell;

use super::{Failure, Outcome, output};

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell, such as bash: `cupola completions bash > /etc/bash_completion.d/cupola`
    shell: Shell,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Directory for the pages, such as /usr/local/share/man/man1; it is made if it is missing
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// Prints a completion script.
pub(crate) fn completions(arguments: &Completions, mut program: Parser) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut program, "cupola", &mut script);
    let text = String::from_utf8(script).map_err(io::Error::other)?;
    Ok(output::script(&text)?)
}

/// Writes a page for the program and for each command.
pub(crate) fn man(arguments: &Man, program: Parser) -> Outcome {
    let directory = &arguments.directory;
    let write = || {
        std::fs::create_dir_all(directory)?;
        clap_mangen::generate_to(program, directory)
    };
    write().map_err(|error| {
        Failure::failed(format!(
            "the manual pages cannot be written to {}: {error}",
            directory.display()
        ))
    })
}
