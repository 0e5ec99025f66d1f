//! Of a screen what is the same at each run, for snapshots: words without the room between them, and
//! without times, addresses and identifiers.

/// The words of a screen, a blank between them.
#[must_use]
pub fn words(screen: &str) -> String {
    let lines = screen.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// They, with what is another at each run replaced by what it is.
#[must_use]
pub fn lasting(screen: &str) -> String {
    let lines = screen.lines().map(|line| {
        let words = line.split_whitespace().map(|word| {
            let bare = word.trim_end_matches(['.', ',', ':', ';']);
            match kind(bare) {
                Some(kind) => word.replacen(bare, kind, 1),
                None => word.to_owned(),
            }
        });
        words.collect::<Vec<_>>().join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What a word is that is another at each run.
fn kind(word: &str) -> Option<&'static str> {
    let all = |allowed: &dyn Fn(char) -> bool| word.chars().all(allowed);
    let digit = |c: char| c.is_ascii_digit();
    let starts = word.starts_with(digit);
    if starts && word.ends_with(['s', 'm', 'h']) && all(&|c| digit(c) || "smhd".contains(c)) {
        return Some("AGE");
    }
    if starts
        && (4..=8).contains(&word.len())
        && word.contains(':')
        && all(&|c| digit(c) || c == ':')
    {
        return Some("TIME");
    }
    if word.len() == 36 && word.matches('-').count() == 4 {
        return Some("UUID");
    }
    let host = word.trim_start_matches("http://");
    if host.starts_with("127.0.0.1:") && word.ends_with(digit) {
        return Some("ADDRESS");
    }
    if word.contains("/cupola-demo-") {
        return Some("PATH");
    }
    if word.len() >= 40 && all(&|c| c.is_ascii_hexdigit() || c == '~') {
        return Some("HASH");
    }
    if word.len() > 4 && all(&digit) {
        return Some("NUMBER");
    }
    None
}
