//! The files that the console keeps for a person: settings, and what was typed into the command
//! bar.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use cupola_api::client::embedded;

use super::cache::Cache;
use crate::event::Answer;
use crate::settings::save;
use crate::state::command_bar::{KEPT, may_be_kept};
use crate::state::view::View;

/// Where they are; nothing where there is no home for them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    /// The settings of the console.
    pub(crate) settings: Option<PathBuf>,
    /// What was typed into the command bar.
    pub(crate) history: Option<PathBuf>,
    /// The node lists of services, where they are kept.
    pub(crate) lists: Option<PathBuf>,
}

impl Files {
    /// The files of this person, with these settings.
    pub(crate) fn of(settings: Option<PathBuf>, keep_lists: bool) -> Self {
        let directories = etcetera::choose_base_strategy().ok();
        let cache = directories.as_ref().map(BaseStrategy::cache_dir);
        let lists = cache.filter(|_| keep_lists);
        let state = directories.and_then(|directories| directories.state_dir());
        Self {
            settings,
            lists: lists.map(|cache| cache.join("cupola/lists")),
            history: state.map(|state| state.join("cupola/history")),
        }
    }

    /// The node list of a service, where it is kept: one in this process is there at once.
    pub(crate) fn list_of(&self, target: &str) -> Option<Cache> {
        let directory = self.lists.as_deref()?;
        (target != embedded::TARGET).then(|| Cache::of(directory, target))
    }

    /// The lines of earlier runs, the last one last.
    pub(crate) fn lines(&self) -> Vec<String> {
        let text = self.history.as_deref().map(std::fs::read_to_string);
        let text = text.and_then(Result::ok).unwrap_or_default();
        last(text.lines().map(str::to_owned).collect())
    }
}

fn last(mut lines: Vec<String>) -> Vec<String> {
    lines.retain(|line| may_be_kept(line));
    let surplus = lines.len().saturating_sub(KEPT);
    lines.drain(..surplus);
    lines
}

/// Keeps a line, and as many before it as are kept.
pub(super) fn remember(file: Option<PathBuf>, line: &str) -> Answer<()> {
    let Some(file) = file else {
        return Ok(());
    };
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let old = text.lines().filter(|old| *old != line).map(str::to_owned);
    let lines = last(old.chain([line.to_owned()]).collect());
    replace(&file, &(lines.join("\n") + "\n")).map_err(|error| error.to_string())
}

/// Writes a file as a whole, for its owner alone.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let directory = file.parent().unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(directory)?;
    // A temporary file can be read by its owner alone, and stays so.
    let mut temporary = tempfile::NamedTempFile::new_in(directory)?;
    temporary.write_all(text.as_bytes())?;
    temporary.persist(file).map_err(|error| error.error)?;
    Ok(())
}

/// Saves a view; returns the name of the file.
pub(super) fn save_view(file: Option<PathBuf>, name: &str, view: &View) -> Answer<String> {
    let file = file.ok_or("there is no home directory; name a file with --console-config")?;
    save::view(&file, name, view).map_err(|error| error.to_string())?;
    Ok(file.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_bounded_and_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let files = Files {
            history: Some(directory.path().join("cupola/history")),
            ..Files::default()
        };
        let old: String = (0..KEPT + 9).map(|n| format!("node n{n}\n")).collect();
        remember(files.history.clone(), "sort name").expect("kept");
        replace(files.history.as_deref().expect("a file"), &old).expect("written");
        remember(files.history.clone(), "sort state").expect("kept");
        let lines = files.lines();
        assert_eq!(
            (lines.len(), lines.last().map(String::as_str)),
            (KEPT, Some("sort state"))
        );
        let file = std::fs::metadata(files.history.expect("a file")).expect("there");
        assert_eq!(file.permissions().mode() & 0o077, 0);
    }
}
