//! Keeping a view in `console.toml`: only its own table is written, what else stands there stays as
//! a person has written it.

use std::io::Write;
use std::path::Path;

use toml_edit::{Array, DocumentMut, Item, Table, value};

use super::SettingsError;
use crate::state::view::View;

/// Writes `[views.NAME]` into the file, which is made where it is missing.
///
/// # Errors
/// When the file is no TOML, or cannot be written.
pub(crate) fn view(file: &Path, name: &str, view: &View) -> Result<(), SettingsError> {
    let path = file.display().to_string();
    let unwritable = |reason: String| SettingsError::Unwritable {
        path: path.clone(),
        reason,
    };
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(unwritable(e.to_string())),
    };
    let text = with_view(&text, name, view).map_err(unwritable)?;
    let write = || {
        let directory = file.parent().unwrap_or_else(|| Path::new("."));
        std::fs::create_dir_all(directory)?;
        let mut temporary = tempfile::NamedTempFile::new_in(directory)?;
        temporary.write_all(text.as_bytes())?;
        temporary.persist(file).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|e: std::io::Error| unwritable(e.to_string()))
}

fn with_view(text: &str, name: &str, view: &View) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|e| format!("{e}"))?;
    let views = document.entry("views").or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let views = views.as_table_like_mut().ok_or("views is no table")?;
    let mut table = Table::new();
    if !view.filter.is_empty() {
        table.insert("filter", value(&view.filter));
    }
    table.insert("sort", value(view.sort.name()));
    if view.reverse {
        table.insert("reverse", value(true));
    }
    if let Some(group) = view.group {
        table.insert("group", value(group.name()));
    }
    if !view.columns.is_empty() {
        let columns: Array = view.columns.iter().map(|field| field.name()).collect();
        table.insert("columns", value(columns));
    }
    // What a person wrote above the table stays there.
    if let Some(old) = views.get(name).and_then(Item::as_table) {
        *table.decor_mut() = old.decor().clone();
        table.set_position(old.position());
    }
    views.insert(name, Item::Table(table));
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use crate::state::field::Field;

    #[test]
    fn only_its_own_table_is_written() {
        let before = "# mine\n[aliases]\npf = \"power-off\" # quick\n\n# racks\n[views.old]\nfilter = \"x\"\nsort = \"name\"\n\n[columns]\nnodes = [\"name\"]\n";
        let view = View {
            filter: "state:active \"a b\"".to_owned(),
            sort: Field::Since,
            reverse: true,
            group: Some(Field::Rack),
            columns: vec![Field::Name, Field::Does],
        };
        let after = with_view(before, "old", &view).expect("written");
        for kept in [
            "# mine\n",
            "# quick",
            "# racks\n[views.old]",
            "[columns]\nnodes",
        ] {
            assert!(after.contains(kept), "{after}");
        }
        let after = with_view(&after, "new one", &view).expect("written");
        let settings = Settings::parse(&after).expect("settings");
        assert_eq!(settings.views["old"], view);
        assert_eq!(settings.views["new one"], view);
        assert_eq!(settings.aliases["pf"], "power-off");
    }

    #[test]
    fn the_file_and_its_directory_are_made() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("cupola/console.toml");
        view(&file, "all", &View::default()).expect("written");
        let settings = Settings::load(Some(&file)).expect("read");
        assert_eq!(settings.views["all"], View::default());
    }
}
