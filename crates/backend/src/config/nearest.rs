//! The nearest known name to one that somebody mistyped.

/// The name with the smallest edit distance to `text`, the first of several; none when all are so far
/// away that nobody can have meant them.
pub(crate) fn nearest(text: &str, names: Vec<String>) -> Option<String> {
    let is_near = |name: &String| {
        let most = (text.chars().count() / 4).max(1);
        distance(text, name) <= most || text.starts_with(name) || name.starts_with(text)
    };
    let near = names.into_iter().filter(is_near);
    near.min_by_key(|name| distance(text, name))
}

/// How many letters must be inserted, removed, replaced or swapped with their neighbour (optimal
/// string alignment distance).
fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let width = to.len() + 1;
    let mut rows: Vec<Vec<usize>> = vec![(0..width).collect()];
    let at = |rows: &[Vec<usize>], i: usize, j: usize| -> usize {
        rows.get(i)
            .and_then(|row| row.get(j))
            .copied()
            .unwrap_or(usize::MAX / 2)
    };
    for (i, a) in from.iter().enumerate() {
        let mut row = Vec::with_capacity(width);
        row.push(i + 1);
        for (j, b) in to.iter().enumerate() {
            let left = row.last().copied().unwrap_or(i) + 1;
            let above = at(&rows, i, j + 1) + 1;
            let mut best = left.min(above).min(at(&rows, i, j) + usize::from(a != b));
            let swapped = i > 0 && j > 0 && from.get(i - 1) == Some(b) && to.get(j - 1) == Some(a);
            if swapped {
                best = best.min(at(&rows, i - 1, j - 1) + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    at(&rows, from.len(), to.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counts_edits() {
        for (a, b, want) in [
            ("", "", 0),
            ("", "abc", 3),
            ("listen", "listen", 0),
            ("lisetn", "listen", 1),
            ("listn", "listen", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), want, "{a} {b}");
        }
    }

    #[test]
    fn only_near_names_are_suggested() {
        let names = || ["api", "boot.dns", "boot.dhcp", "api.listen"].map(str::to_owned);
        for (text, want) in [
            ("foo.bar", None),
            ("foo", None),
            ("apo", Some("api")),
            ("boot.dnss", Some("boot.dns")),
            ("boot.dhpc", Some("boot.dhcp")),
            ("api.listen_address", Some("api.listen")),
        ] {
            assert_eq!(nearest(text, names().into()).as_deref(), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn is_symmetric_and_bounded(a in "[a-e.]{0,12}", b in "[a-e.]{0,12}") {
            let d = distance(&a, &b);
            prop_assert_eq!(d, distance(&b, &a));
            prop_assert!(d <= a.len().max(b.len()));
            prop_assert!(d >= a.len().abs_diff(b.len()));
            prop_assert_eq!(d == 0, a == b);
        }
    }
}
