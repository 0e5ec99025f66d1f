//! What is wrong with a value of `console.toml`, for the person who wrote it.

/// What a reader of TOML says of the place `at` in `text`, with the key and with what may stand there.
pub(super) fn said(text: &str, at: usize, message: &str) -> String {
    let expected = message
        .strip_prefix("invalid ")
        .and_then(|rest| rest.split_once("expected "));
    let (Some((_, expected)), Some(key)) = (expected, key_at(text, at)) else {
        return message.replace('\n', " ");
    };
    let may = match expected {
        "usize" | "u64" | "u32" => "a whole number, 0 or more".to_owned(),
        "u8" => "a whole number from 0 to 255".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" => "a text in quotes".to_owned(),
        "a sequence" => "a list in brackets".to_owned(),
        "a map" => format!("a table: [{key}]"),
        table if table.starts_with("struct ") => format!("a table: [{key}]"),
        other => other.replace('\n', " "),
    };
    format!("`{key}` must be {may}")
}

/// The key whose value is at this place, with its table before it.
fn key_at(text: &str, at: usize) -> Option<String> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    let (key, _) = text.get(start..)?.lines().next()?.split_once('=')?;
    let is_head = |line: &&str| line.starts_with('[') && line.ends_with(']');
    let table = text.get(..start)?.lines().map(str::trim).rfind(is_head);
    let table = table.map(|head| head.trim_matches(['[', ']']).trim());
    let key = key.trim();
    Some(table.map_or_else(|| key.to_owned(), |table| format!("{table}.{key}")))
}
