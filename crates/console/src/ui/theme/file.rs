//! Theme files: what stands in them, checked with the line and the key of what is wrong.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use ratatui::style::Color;
use toml::de::{DeTable, DeValue};

use super::{BUILT_IN, ThemeError, colour};

/// The roles that a theme may style.
pub(super) const ROLES: [&str; 17] = [
    "text",
    "muted",
    "title",
    "header",
    "selected",
    "mark",
    "border",
    "key",
    "key_label",
    "disabled",
    "input",
    "good",
    "busy",
    "waiting",
    "warning",
    "failed",
    "off",
];

/// A file may inherit one that inherits one, and so on; longer is a circle.
const GENERATIONS: usize = 8;

/// A style as a theme file has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spec {
    pub(super) fg: Color,
    pub(super) bg: Color,
    pub(super) bold: bool,
    pub(super) underlined: bool,
    pub(super) reversed: bool,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            fg: Color::Reset,
            bg: Color::Reset,
            bold: false,
            underlined: false,
            reversed: false,
        }
    }
}

/// A theme with everything that it inherits.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    pub(super) name: String,
    palette: BTreeMap<String, Color>,
    roles: BTreeMap<String, Spec>,
}

impl File {
    /// The style of a role; nothing special where no file says anything.
    pub(super) fn role(&self, role: &str) -> Spec {
        self.roles.get(role).copied().unwrap_or_default()
    }
}

/// Finds a theme by its built-in name or its path.
pub(super) fn find(name: &str) -> Result<File, ThemeError> {
    look_up(name, GENERATIONS)
}

fn look_up(name: &str, generations: usize) -> Result<File, ThemeError> {
    if let Some((name, text)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) {
        return read(name, text, generations);
    }
    if !Path::new(name).exists() {
        return Err(ThemeError::Unknown(name.to_owned()));
    }
    let text = std::fs::read_to_string(name).map_err(|e| ThemeError::Unreadable {
        path: name.to_owned(),
        reason: e.to_string(),
    })?;
    read(name, &text, generations)
}

/// Where something stands, for errors.
struct Place<'a> {
    path: &'a str,
    text: &'a str,
}

impl Place<'_> {
    fn wrong(&self, at: &Range<usize>, what: String) -> ThemeError {
        let before = self.text.get(..at.start).unwrap_or_default();
        ThemeError::Wrong {
            path: self.path.to_owned(),
            line: before.matches('\n').count() + 1,
            what,
        }
    }
}

/// Reads a file, and those that it inherits.
fn read(path: &str, text: &str, generations: usize) -> Result<File, ThemeError> {
    let place = Place { path, text };
    let table = DeTable::parse(text).map_err(|e| {
        let at = e.span().unwrap_or(0..0);
        place.wrong(&at, e.message().to_owned())
    })?;
    let table = table.into_inner();
    let string = |key: &str| match table.get(key) {
        None => Ok(None),
        Some(value) => match value.get_ref() {
            DeValue::String(text) => Ok(Some(text.clone().into_owned())),
            _ => Err(place.wrong(&value.span(), format!("{key} must be a text in quotes"))),
        },
    };
    let mut file = match string("inherit")? {
        None => File::default(),
        Some(_) if generations == 0 => {
            return Err(place.wrong(
                &(0..0),
                "the themes inherit each other in a circle".to_owned(),
            ));
        }
        Some(parent) => look_up(&parent, generations - 1)?,
    };
    file.name = string("name")?.unwrap_or_else(|| path.to_owned());
    if let Some(palette) = table.get("palette") {
        let DeValue::Table(entries) = palette.get_ref() else {
            return Err(place.wrong(&palette.span(), "palette must be a table".to_owned()));
        };
        for (name, value) in entries {
            let colour = colour_of(
                &place,
                &file,
                name.get_ref(),
                value.get_ref(),
                &value.span(),
            )?;
            file.palette.insert(name.get_ref().to_string(), colour);
        }
    }
    for (key, value) in &table {
        let name = key.get_ref().as_ref();
        if matches!(name, "name" | "inherit" | "palette") {
            continue;
        }
        if !ROLES.contains(&name) {
            let what = format!(
                "{name} is no role; the roles are {}, beside name, inherit and palette",
                ROLES.join(", ")
            );
            return Err(place.wrong(&key.span(), what));
        }
        let DeValue::Table(entries) = value.get_ref() else {
            return Err(place.wrong(&value.span(), format!("{name} must be a table: [{name}]")));
        };
        let spec = spec(&place, &file, name, entries)?;
        file.roles.insert(name.to_owned(), spec);
    }
    Ok(file)
}

/// A role is replaced whole: what it does not say is not inherited.
fn spec(
    place: &Place<'_>,
    file: &File,
    role: &str,
    entries: &DeTable<'_>,
) -> Result<Spec, ThemeError> {
    let mut spec = Spec::default();
    for (key, value) in entries {
        let name = key.get_ref().as_ref();
        let full = format!("{role}.{name}");
        let switch = || match value.get_ref() {
            DeValue::Boolean(on) => Ok(*on),
            _ => Err(place.wrong(&value.span(), format!("{full} must be true or false"))),
        };
        match name {
            "fg" => spec.fg = colour_of(place, file, &full, value.get_ref(), &value.span())?,
            "bg" => spec.bg = colour_of(place, file, &full, value.get_ref(), &value.span())?,
            "bold" => spec.bold = switch()?,
            "underlined" => spec.underlined = switch()?,
            "reversed" => spec.reversed = switch()?,
            _ => {
                let what = format!("{full}: a role has fg, bg, bold, underlined and reversed");
                return Err(place.wrong(&key.span(), what));
            }
        }
    }
    Ok(spec)
}

fn colour_of(
    place: &Place<'_>,
    file: &File,
    key: &str,
    value: &DeValue<'_>,
    at: &Range<usize>,
) -> Result<Color, ThemeError> {
    let text = match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.to_string(),
        _ => String::new(),
    };
    let known = file.palette.get(&text).copied();
    known.or_else(|| colour::parse(&text)).ok_or_else(|| {
        let names: Vec<&str> = colour::NAMES.iter().map(|(name, _)| *name).collect();
        let own: Vec<&str> = file.palette.keys().map(String::as_str).collect();
        let own = match own.as_slice() {
            [] => String::new(),
            own => format!(", of the palette {}", own.join(" ")),
        };
        let names = names.join(" ");
        let what = format!(
            "{key} = {text:?} is no colour; use {names}, \"#rrggbb\", a number from 0 to 255{own}"
        );
        place.wrong(at, what)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        read("mine.toml", text, GENERATIONS)
            .expect_err("wrong")
            .to_string()
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_its_key_and_what_is_allowed() {
        let text = error("name = \"x\"\n\n[failed]\nbold = true\nfg = \"grean\"\n");
        assert!(text.contains("mine.toml, line 5"), "{text}");
        assert!(
            text.contains("failed.fg") && text.contains("light-red"),
            "{text}"
        );
        let text = error("[fialed]\nfg = \"red\"\n");
        assert!(text.contains("line 1") && text.contains("failed"), "{text}");
        let text = error("[good]\nblink = true\n");
        assert!(
            text.contains("good.blink") && text.contains("underlined"),
            "{text}"
        );
        assert!(error("[good]\nbold = 1\n").contains("true or false"));
        assert!(error("[good\n").contains("line 1"));
        assert!(error("inherit = \"neon\"\n").contains("mono"));
    }

    #[test]
    fn a_file_inherits_and_has_colours_of_its_own() {
        let text =
            "inherit = \"default\"\n[palette]\nbrand = \"#ff8000\"\n[title]\nfg = \"brand\"\n";
        let file = read("mine.toml", text, GENERATIONS).expect("right");
        assert_eq!(file.role("title").fg, Color::Rgb(255, 128, 0));
        assert_eq!(file.role("failed").fg, Color::LightRed);
        assert_eq!(file.name, "mine.toml");
    }
}
