//! What may stand in the file, and how what is wrong is told.

use super::*;

fn wrong(text: &str) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("console.toml");
    std::fs::write(&file, text).expect("written");
    let error = Settings::load(Some(&file)).expect_err("wrong").to_string();
    assert!(error.contains("console.toml"), "{error}");
    error
}

#[test]
fn what_is_wrong_is_told_with_file_line_key_and_what_is_allowed() {
    let error = wrong("\n[views.mine]\nfiltr = \"x\"\n");
    assert!(
        error.contains(":3: ") && error.contains("`filtr`"),
        "{error}"
    );
    assert!(error.contains("`filter`"), "{error}");
    let error = wrong("[columns]\nnodes = [\n\"name\", \"onwer\"]\n");
    assert!(error.contains("is it owner?"), "{error}");
    let error = wrong("[aliases]\nx = \"power-on\"\ny = \"powr\"\n");
    assert!(error.contains(":3: aliases.y"), "{error}");
    let error = wrong("[aliases]\nsort = \"power-on\"\n");
    assert!(error.contains("a command of this name"), "{error}");
    let error = wrong("[keys]\n\ndelete = \"d\"\n");
    assert!(
        error.contains(":3: keys.delete: d is the key of :deploy"),
        "{error}"
    );
    let error = wrong("[keys]\ndelete = 7\n");
    assert!(error.contains("a list of keys"), "{error}");
    for (line, told) in [
        (
            "challenge = -1",
            "`safety.challenge` must be a whole number, 0 or more",
        ),
        (
            "stop_percent = 300",
            "`safety.stop_percent` must be a whole number from 0 to 255",
        ),
        (
            "read_only = \"yes\"",
            "`safety.read_only` must be true or false",
        ),
        (
            "grace = \"5s\"",
            "`safety.grace` must be a whole number, 0 or more",
        ),
    ] {
        let error = wrong(&format!("# mine\n[safety]\n{line}\n"));
        assert!(error.contains(":3: ") && error.contains(told), "{error}");
    }
    let error = wrong("safety = 1\n");
    assert!(
        error.contains("`safety` must be a table: [safety]"),
        "{error}"
    );
    let error = wrong("[keys]\nv = \"verbs\"\n");
    assert!(error.contains("COMMAND = \"KEY\""), "{error}");
    let error = wrong("nonsense = 1\n");
    assert!(error.contains("`views`"), "{error}");
}

#[test]
fn a_named_file_must_be_there() {
    let missing = Settings::load(Some(Path::new("/nonexistent/console.toml")));
    let error = missing.expect_err("missing").to_string();
    assert!(error.contains("cannot be read"), "{error}");
}

#[test]
fn aliases_stand_for_commands_with_arguments() {
    let text = "[aliases]\nbad = \"filter failed:yes\"\n";
    let settings = Settings::parse(text).expect("settings");
    assert_eq!(settings.expand("bad"), "filter failed:yes");
    assert_eq!(settings.expand("bad rack:1"), "filter failed:yes rack:1");
    assert_eq!(settings.expand("badly x"), "badly x");
}
