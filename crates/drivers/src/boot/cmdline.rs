//! The kernel command line of the deploy ramdisk, as the agent expects it.
//!
//! It holds what is the same for every way of booting; `BOOTIF` and `initrd` are added by the
//! [script](super::script), which knows the loader.

use std::fmt;

/// What the ramdisk's kernel gets always: SELinux and the interactive helpers of the classic
/// ramdisks stay off.
const FIXED: &str = "selinux=0 troubleshoot=0 text";

/// Appended where the operator says nothing else, as the reference service does.
pub const DEFAULT_APPEND_PARAMETERS: &str = "nofb vga=normal";

/// A text that cannot stand on a kernel command line in an iPXE script.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "kernel parameter {parameter:?}: {why}; correct kernel_append_params of the node or of [pxe]"
)]
pub struct CommandLineError {
    /// The offending word; the value of a token is never among them, tokens being checked apart.
    parameter: String,
    why: &'static str,
}

/// Builds the command line of a deploy ramdisk.
#[derive(Clone, PartialEq, Eq)]
pub struct KernelCommandLine {
    text: String,
}

impl KernelCommandLine {
    /// Starts with the operator's parameters and the API's base URL without `/v1`, from which the
    /// agent works out lookup and heartbeat.
    ///
    /// # Errors
    /// A parameter that iPXE would take for its own syntax, or that is no printable ASCII.
    pub fn agent(api_url: &str, append_parameters: &str) -> Result<Self, CommandLineError> {
        let mut line = Self {
            text: FIXED.to_owned(),
        };
        line.append(append_parameters)?;
        line.append(&format!("ipa-api-url={}", api_url.trim_end_matches('/')))?;
        Ok(line)
    }

    /// The line of an instance that is booted from memory (`deploy_interface` `ramdisk`): the
    /// operator's parameters, then the instance's own.
    ///
    /// # Errors
    /// As [`KernelCommandLine::agent`].
    pub fn instance(append_parameters: &str, own: &str) -> Result<Self, CommandLineError> {
        let mut line = Self {
            text: "root=/dev/ram0 text".to_owned(),
        };
        line.append(append_parameters)?;
        line.append(own)?;
        Ok(line)
    }

    /// Adds words, separated by white space.
    ///
    /// # Errors
    /// As [`KernelCommandLine::agent`].
    pub fn append(&mut self, words: &str) -> Result<&mut Self, CommandLineError> {
        for word in words.split_ascii_whitespace() {
            check(word).map_err(|why| CommandLineError {
                parameter: word.to_owned(),
                why,
            })?;
            self.text.push(' ');
            self.text.push_str(word);
        }
        Ok(self)
    }

    /// Lets the agent log everything.
    ///
    /// # Errors
    /// None in practice.
    pub fn debug(&mut self) -> Result<&mut Self, CommandLineError> {
        self.append("ipa-debug=1")
    }

    /// Hands the agent its token, for networks whose lookup may be watched.
    ///
    /// # Errors
    /// A token that is no plain word; the error does not show it.
    pub fn agent_token(&mut self, token: &str) -> Result<&mut Self, CommandLineError> {
        let plain = token
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b));
        if !plain || token.is_empty() {
            let parameter = "ipa-agent-token".to_owned();
            return Err(CommandLineError {
                parameter,
                why: "the token is no plain word",
            });
        }
        self.text.push_str(" ipa-agent-token=");
        self.text.push_str(token);
        Ok(self)
    }

    /// The line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The line, taken.
    #[must_use]
    pub fn into_string(self) -> String {
        self.text
    }
}

impl fmt::Debug for KernelCommandLine {
    // The line may carry a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelCommandLine").finish_non_exhaustive()
    }
}

/// iPXE reads a script line as words: these would end the command or start a comment.
fn check(word: &str) -> Result<(), &'static str> {
    if !word.bytes().all(|b| b.is_ascii_graphic()) {
        Err("only printable ASCII can stand on a kernel command line")
    } else if word == "||" || word == "&&" {
        Err("iPXE would take it for a command separator")
    } else if word.starts_with('#') {
        Err("iPXE would take it for a comment")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_finds_the_service() {
        let mut line = KernelCommandLine::agent("http://10.77.0.1:6385/", "console=ttyS0").unwrap();
        line.debug().unwrap().agent_token("aB-9").unwrap();
        assert_eq!(
            line.as_str(),
            "selinux=0 troubleshoot=0 text console=ttyS0 ipa-api-url=http://10.77.0.1:6385 \
             ipa-debug=1 ipa-agent-token=aB-9"
        );
        assert!(!format!("{line:?}").contains("aB-9"));
    }

    #[test]
    fn script_syntax_is_refused() {
        for bad in ["a && reboot", "x || y", "# x", "caf\u{e9}", "a\u{7}b"] {
            assert!(KernelCommandLine::agent("http://h", bad).is_err(), "{bad}");
        }
        let mut line = KernelCommandLine::agent("http://h", "").unwrap();
        let error = line.agent_token("s3cret\nreboot").unwrap_err();
        assert!(!error.to_string().contains("s3cret"));
    }
}
