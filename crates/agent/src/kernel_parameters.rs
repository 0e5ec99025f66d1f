//! The kernel command line as `key=value` pairs. What the keys mean to the agent is in `config.rs`.

use std::collections::BTreeMap;

/// The parameters the ramdisk was booted with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KernelParameters(BTreeMap<String, String>);

impl KernelParameters {
    /// Reads a command line as the kernel does: blanks separate, double quotes hold blanks together
    /// (around the value or the whole parameter), the last of equal keys counts. A key without `=`
    /// has an empty value.
    pub fn parse(command_line: &str) -> Self {
        let mut parameters = BTreeMap::new();
        for word in words(command_line) {
            let (key, value) = word.split_once('=').unwrap_or((&word, ""));
            if !key.is_empty() {
                parameters.insert(key.to_owned(), value.to_owned());
            }
        }
        Self(parameters)
    }

    /// The value of a key; none when absent or empty.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0
            .get(key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Whether a key is there, with or without a value.
    pub fn contains(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// A flag: `1`, `true`, `yes`, `on` or no value at all.
    pub fn is_set(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|value| {
            matches!(
                value.to_ascii_lowercase().as_str(),
                "" | "1" | "true" | "yes" | "on"
            )
        })
    }

    /// Sets a parameter; a virtual machine has no kernel that could.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.0.insert(key.into(), value.into());
    }
}

fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '"' => quoted = !quoted,
            blank if blank.is_whitespace() && !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            other => word.push(other),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_a_command_line() {
        let parameters = KernelParameters::parse(
            "initrd=initrd ipa-api-url=http://10.0.0.1:6385 nofb text a=\"b c\" \"d=e f\" ipa-debug=1\n",
        );
        assert_eq!(parameters.get("ipa-api-url"), Some("http://10.0.0.1:6385"));
        assert_eq!(parameters.get("a"), Some("b c"));
        assert_eq!(parameters.get("d"), Some("e f"));
        assert!(parameters.contains("text"));
        assert_eq!(parameters.get("text"), None);
        assert!(parameters.is_set("ipa-debug"));
        assert!(!parameters.is_set("ipa-insecure"));
    }

    proptest! {
        #[test]
        fn never_panics(line in "\\PC{0,80}") {
            KernelParameters::parse(&line);
        }
    }
}
