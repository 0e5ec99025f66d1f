//! The order in which a person expects names: numbers in them count by their value.

use std::cmp::Ordering;

/// Compares texts so that `u2` comes before `u10`. A text without a name comes last.
pub(crate) fn natural(a: &str, b: &str) -> Ordering {
    if a.is_empty() || b.is_empty() {
        return a.is_empty().cmp(&b.is_empty());
    }
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let (Some(x), Some(y)) = (a.first(), b.first()) else {
            return a.len().cmp(&b.len());
        };
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let ((x, rest_a), (y, rest_b)) = (number(a), number(b));
            let order = x.len().cmp(&y.len()).then_with(|| x.cmp(y));
            if order != Ordering::Equal {
                return order;
            }
            (a, b) = (rest_a, rest_b);
        } else {
            match x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase()) {
                Ordering::Equal => {
                    a = a.get(1..).unwrap_or_default();
                    b = b.get(1..).unwrap_or_default();
                }
                order => return order,
            }
        }
    }
}

/// The digits at the start without leading zeros, and the rest.
fn number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|c| !c.is_ascii_digit());
    let (digits, rest) = text.split_at(end.unwrap_or(text.len()));
    let zeros = digits.iter().take_while(|c| **c == b'0').count();
    (digits.get(zeros..).unwrap_or_default(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_count_by_their_value() {
        let mut names = ["u10", "u2", "u02b", "U1", "rack2-u1", "rack10-u1", ""];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(
            names,
            ["rack2-u1", "rack10-u1", "U1", "u2", "u02b", "u10", ""]
        );
    }

    proptest! {
        #[test]
        fn the_order_is_total(mut names in proptest::collection::vec("[a0-2]{0,5}", 0..12)) {
            // Sorting panics on an order that contradicts itself.
            names.sort_by(|a, b| natural(a, b));
            for pair in names.windows(2) {
                prop_assert_ne!(natural(&pair[0], &pair[1]), Ordering::Greater);
            }
        }
    }
}
