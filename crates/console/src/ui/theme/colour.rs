//! Colours as theme files name them, what a terminal with fewer of them shows, and contrast.

use ratatui::style::Color;

use crate::term::capabilities::Colours;

/// The names that theme files may use.
pub(super) const NAMES: [(&str, Color); 17] = [
    ("default", Color::Reset),
    ("black", Color::Black),
    ("red", Color::Red),
    ("green", Color::Green),
    ("yellow", Color::Yellow),
    ("blue", Color::Blue),
    ("magenta", Color::Magenta),
    ("cyan", Color::Cyan),
    ("gray", Color::Gray),
    ("dark-gray", Color::DarkGray),
    ("light-red", Color::LightRed),
    ("light-green", Color::LightGreen),
    ("light-yellow", Color::LightYellow),
    ("light-blue", Color::LightBlue),
    ("light-magenta", Color::LightMagenta),
    ("light-cyan", Color::LightCyan),
    ("white", Color::White),
];

type Rgb = (u8, u8, u8);

/// The palette of VGA text mode, in the order of the codes.
const VGA: [(Color, Rgb); 16] = [
    (Color::Black, (0, 0, 0)),
    (Color::Red, (170, 0, 0)),
    (Color::Green, (0, 170, 0)),
    (Color::Yellow, (170, 85, 0)),
    (Color::Blue, (0, 0, 170)),
    (Color::Magenta, (170, 0, 170)),
    (Color::Cyan, (0, 170, 170)),
    (Color::Gray, (170, 170, 170)),
    (Color::DarkGray, (85, 85, 85)),
    (Color::LightRed, (255, 85, 85)),
    (Color::LightGreen, (85, 255, 85)),
    (Color::LightYellow, (255, 255, 85)),
    (Color::LightBlue, (85, 85, 255)),
    (Color::LightMagenta, (255, 85, 255)),
    (Color::LightCyan, (85, 255, 255)),
    (Color::White, (255, 255, 255)),
];

/// The steps of each channel in the cube of the 256 colours.
const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// Reads a colour: a name, `#rrggbb`, or a number of the 256.
pub(super) fn parse(text: &str) -> Option<Color> {
    let named = NAMES.iter().find(|(name, _)| *name == text);
    if let Some((_, colour)) = named {
        return Some(*colour);
    }
    if let Some(digits) = text.strip_prefix('#') {
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let value = u32::from_str_radix(digits, 16).ok()?;
        let [_, red, green, blue] = value.to_be_bytes();
        return (digits.len() == 6).then_some(Color::Rgb(red, green, blue));
    }
    text.parse().ok().map(Color::Indexed)
}

/// What a terminal with so many colours shows instead.
pub(super) fn down(colour: Color, colours: Colours) -> Color {
    match (colours, colour) {
        (Colours::Mono, _) => Color::Reset,
        (Colours::Sixteen, Color::Rgb(..) | Color::Indexed(_)) => {
            rgb(colour).map_or(Color::Reset, nearest_of_sixteen)
        }
        (Colours::Indexed, Color::Rgb(red, green, blue)) => nearest_of_256((red, green, blue)),
        _ => colour,
    }
}

/// The contrast of two colours (WCAG 2.2, "contrast ratio"); the terminal's own ground counts as black
/// below and as light grey above.
pub(super) fn contrast(foreground: Color, background: Color) -> f64 {
    let above = rgb(foreground).unwrap_or((170, 170, 170));
    let below = rgb(background).unwrap_or((0, 0, 0));
    let (one, other) = (luminance(above), luminance(below));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance((red, green, blue): Rgb) -> f64 {
    let linear = |channel: u8| {
        let value = f64::from(channel) / 255.0;
        if value <= 0.040_45 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}

fn rgb(colour: Color) -> Option<Rgb> {
    match colour {
        Color::Reset => None,
        Color::Rgb(red, green, blue) => Some((red, green, blue)),
        Color::Indexed(number) => Some(indexed(number)),
        named => VGA.iter().find(|(c, _)| *c == named).map(|(_, rgb)| *rgb),
    }
}

fn indexed(number: u8) -> Rgb {
    match number {
        0..=15 => VGA
            .get(usize::from(number))
            .map_or((0, 0, 0), |(_, rgb)| *rgb),
        16..=231 => {
            let number = number - 16;
            let step = |n: u8| STEPS.get(usize::from(n)).copied().unwrap_or(0);
            (step(number / 36), step(number / 6 % 6), step(number % 6))
        }
        232..=255 => {
            let grey = 8 + (number - 232) * 10;
            (grey, grey, grey)
        }
    }
}

fn nearest_of_sixteen(wanted: Rgb) -> Color {
    let nearest = VGA.iter().min_by_key(|(_, rgb)| distance(*rgb, wanted));
    nearest.map_or(Color::Reset, |(colour, _)| *colour)
}

fn nearest_of_256(wanted: Rgb) -> Color {
    let nearest = (16..=255_u8).min_by_key(|number| distance(indexed(*number), wanted));
    Color::Indexed(nearest.unwrap_or(16))
}

/// The eye sees green best, blue worst.
fn distance(one: Rgb, other: Rgb) -> u32 {
    let square = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
    3 * square(one.0, other.0) + 6 * square(one.1, other.1) + 2 * square(one.2, other.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_numbers_and_triples() {
        assert_eq!(parse("light-red"), Some(Color::LightRed));
        assert_eq!(parse("#ff8000"), Some(Color::Rgb(255, 128, 0)));
        assert_eq!(parse("208"), Some(Color::Indexed(208)));
        for wrong in ["", "grean", "#ff80", "#+f8000", "256", "#gg0000"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn fewer_colours_are_the_nearest_ones() {
        let orange = Color::Rgb(255, 135, 0);
        assert_eq!(down(orange, Colours::True), orange);
        assert_eq!(down(orange, Colours::Indexed), Color::Indexed(208));
        let white = down(Color::Rgb(250, 250, 250), Colours::Sixteen);
        assert_eq!(white, Color::White);
        assert_eq!(down(Color::Red, Colours::Sixteen), Color::Red);
        assert_eq!(down(Color::Red, Colours::Mono), Color::Reset);
        for number in 0..=255 {
            let shown = down(Color::Indexed(number), Colours::Sixteen);
            assert!(VGA.iter().any(|(colour, _)| *colour == shown), "{number}");
        }
    }

    #[test]
    fn contrast_is_that_of_the_guidelines() {
        assert!((contrast(Color::White, Color::Black) - 21.0).abs() < 0.01);
        assert!((contrast(Color::Red, Color::Red) - 1.0).abs() < 0.01);
    }
}
