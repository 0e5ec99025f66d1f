//! The nearest known name to one that was mistyped.

/// The nearest of these names, when one is near enough to be meant.
pub(crate) fn nearest<'a>(
    typed: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let length = typed.chars().count();
    // A single letter is like any other.
    let far = (length / 3).max(1).min(length.saturating_sub(1));
    names
        .into_iter()
        .map(|name| (strsim::osa_distance(&typed, name), name))
        .filter(|(distance, _)| *distance <= far)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
