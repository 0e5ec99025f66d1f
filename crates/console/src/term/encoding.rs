//! Characters as the terminal takes them: UTF-8, code page 437, ASCII.

use super::capabilities::Characters;

/// The upper half of code page 437, from 0x80 on.
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
                     └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// Stands for what the terminal has not.
const UNKNOWN: u8 = b'?';

/// Appends what is shown in `columns` columns; what the terminal has not is as wide all the same.
pub(super) fn push(characters: Characters, out: &mut Vec<u8>, symbol: &str, columns: usize) {
    if characters == Characters::Utf8 || symbol.is_ascii() {
        out.extend_from_slice(symbol.as_bytes());
        return;
    }
    let first = symbol.chars().next().unwrap_or(' ');
    let known = match characters {
        Characters::Utf8 | Characters::Ascii => None,
        Characters::Cp437 => (0x80_u8..=u8::MAX)
            .zip(CP437.chars())
            .find_map(|(byte, c)| (c == first).then_some(byte)),
    };
    match known {
        Some(byte) => out.push(byte),
        None => out.extend(std::iter::repeat_n(UNKNOWN, columns.max(1))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(characters: Characters, symbol: &str, columns: usize) -> Vec<u8> {
        let mut out = Vec::new();
        push(characters, &mut out, symbol, columns);
        out
    }

    #[test]
    fn lines_and_letters_have_their_bytes() {
        assert_eq!(CP437.chars().count(), 128);
        for (symbol, byte) in [
            ("│", 0xb3),
            ("─", 0xc4),
            ("█", 0xdb),
            ("ä", 0x84),
            ("²", 0xfd),
        ] {
            assert_eq!(encoded(Characters::Cp437, symbol, 1), [byte], "{symbol}");
        }
    }

    #[test]
    fn what_the_terminal_has_not_keeps_its_width() {
        assert_eq!(encoded(Characters::Ascii, "ä", 1), b"?");
        assert_eq!(encoded(Characters::Ascii, "東", 2), b"??");
        assert_eq!(encoded(Characters::Cp437, "東", 2), b"??");
        assert_eq!(encoded(Characters::Utf8, "東", 2), "東".as_bytes());
    }
}
