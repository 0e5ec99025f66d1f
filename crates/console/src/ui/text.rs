//! Text that fits and does no harm: clipped and wrapped by columns, never by bytes, and without the
//! characters that act on a terminal.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Stands at the end of a text that was cut off; in every font.
const CUT: char = '~';

/// The text with a blank for each character that would act on a terminal instead of being seen:
/// control characters, and those that reorder or hide what stands beside them (UAX #9, section 2).
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if text.contains(acts) {
        Cow::Owned(text.replace(acts, " "))
    } else {
        Cow::Borrowed(text)
    }
}

fn acts(c: char) -> bool {
    let invisible = matches!(
        c,
        '\u{061C}'
            | '\u{200B}'
            | '\u{200E}'
            | '\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}'
            | '\u{FFF9}'..='\u{FFFB}'
    );
    invisible || c.is_control()
}

/// The text in at most so many columns; what is cut off is marked.
pub(crate) fn clip(text: &str, width: usize) -> String {
    let text = harmless(text);
    if text.width() <= width {
        return text.into_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > width {
            break;
        }
        used += wide;
        out.push(c);
    }
    if width > 0 {
        out.push(CUT);
    }
    out
}

/// The text in lines of at most so many columns, broken at blanks where there are some. A text that
/// fits stays as it is.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let text = harmless(text);
    if text.width() <= width && matches!(text, Cow::Borrowed(_)) {
        return vec![text.into_owned()];
    }
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let mut word = word;
        let gap = usize::from(!line.is_empty());
        if !line.is_empty() && line.width() + gap + word.width() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        while word.width() > width {
            let (head, tail) = word.split_at(fitting(word, width));
            lines.push(head.to_owned());
            word = tail;
        }
        line.push_str(word);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// How many bytes of the text fit into so many columns; at least one character.
fn fitting(text: &str, width: usize) -> usize {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > width && at > 0 {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn clips_and_wraps() {
        assert_eq!(clip("rack1-u07", 20), "rack1-u07");
        assert_eq!(clip("rack1-u07", 5), "rack~");
        assert_eq!(
            wrap("the BMC does not answer", 10),
            ["the BMC", "does not", "answer"]
        );
        assert_eq!(wrap("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
    }

    #[test]
    fn what_acts_on_a_terminal_becomes_a_blank() {
        assert_eq!(harmless("a\x1b]0;x\x07\u{202e}b\u{9b}c"), "a ]0;x  b c");
        assert_eq!(clip("a\u{202e}b", 9), "a b");
        assert_eq!(wrap("a\x1bb", 9), ["a b"]);
        assert_eq!(harmless("Gerät 東京"), "Gerät 東京");
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_it_may_be(text in "\\PC{0,40}", width in 2_usize..20) {
            prop_assert!(clip(&text, width).width() <= width);
            for line in wrap(&text, width) {
                prop_assert!(line.width() <= width, "{line:?}");
            }
        }
    }
}
