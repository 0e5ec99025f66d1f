//! Completions, manual pages and help topics as those who use them see them: bash and man run.
#![allow(
    clippy::unwrap_used,
    reason = "clippy's allowances for tests do not reach the helpers of an integration test"
)]

use std::process::Command;

use anyhow::Result;
use cupola_tests::binary;
use cupola_tests::skip;
use tempfile::TempDir;

#[test]
fn bash_completes_commands_and_options() -> Result<()> {
    let program = binary::cupola()?;
    let script = "source <(\"$CUPOLA\" completions bash); COMP_WORDS=(cupola dep); COMP_CWORD=1; \
                  _cupola cupola dep cupola; echo \"${COMPREPLY[*]}\"; \
                  COMP_WORDS=(cupola demo --col); COMP_CWORD=2; _cupola cupola --col demo; \
                  echo \"${COMPREPLY[*]}\"";
    let output = Command::new("bash")
        .args(["-c", script])
        .env("CUPOLA", program)
        .output()?;
    assert!(output.stderr.is_empty(), "{output:?}");
    let said = String::from_utf8(output.stdout)?;
    assert!(said.starts_with("deploy\n"), "{said}");
    assert!(said.contains("--colour"), "{said}");
    Ok(())
}

#[test]
fn man_renders_every_page_without_a_warning() -> Result<()> {
    let directory = TempDir::new()?;
    let pages = directory.path().join("man1");
    let written = Command::new(binary::cupola()?)
        .arg("man")
        .arg(&pages)
        .status()?;
    assert!(written.success());
    let names: Vec<_> = std::fs::read_dir(&pages)?.collect::<Result<_, _>>()?;
    assert!(
        names
            .iter()
            .any(|page| page.file_name() == "cupola-enroll.1")
    );
    for page in names {
        let page = page.path();
        let render = Command::new("man")
            .args(["--warnings", "-l"])
            .arg(&page)
            .env("MANPAGER", "cat")
            // Long words of options leave narrow lines unadjusted, which is no fault of the page.
            .env("MANWIDTH", "160")
            .output();
        let Ok(rendered) = render else {
            skip::skipped(
                "man_renders_every_page_without_a_warning",
                "man is not installed",
            );
            return Ok(());
        };
        let said = String::from_utf8_lossy(&rendered.stderr).into_owned();
        assert!(rendered.status.success(), "{}: {said}", page.display());
        assert_eq!(said, "", "{}", page.display());
    }
    Ok(())
}

#[test]
fn help_knows_topics_and_commands() -> Result<()> {
    let help = |about: &[&str]| -> Result<(Option<i32>, String)> {
        let output = Command::new(binary::cupola()?)
            .arg("help")
            .args(about)
            .output()?;
        let text = [output.stdout, output.stderr].concat();
        Ok((output.status.code(), String::from_utf8(text)?))
    };
    for (about, wanted) in [
        (&[][..], "exit-codes"),
        (&["keys"], ":theme"),
        (&["terminals"], "--characters"),
        (&["exit", "codes"], "not reachable"),
        (&["reloading"], "SIGHUP"),
        (&["node", "list"], "--state"),
    ] {
        let (code, text) = help(about)?;
        assert_eq!(code, Some(0), "{about:?}");
        assert!(text.contains(wanted), "{about:?}: {text}");
    }
    let (code, text) = help(&["nonsense"])?;
    assert_eq!(code, Some(2));
    assert!(text.contains("terminals"), "{text}");
    Ok(())
}
