//! Files of machines, good and bad; what their errors say and do not say.

use super::super::{EXAMPLE_CSV, EXAMPLE_YAML};
use super::*;

#[test]
fn reads_csv_and_yaml() {
    let csv = "name,address,port,user,password,macs\n\
               # the first rack\n\
               u1, 10.0.0.1, 623, admin, pw, 52:54:00:00:00:01 52:54:00:00:00:02\n\
               u2, 10.0.0.2, , admin, pw, 52:54:00:00:00:03\n";
    let machines = read("csv", csv).expect("machines");
    assert_eq!(machines.len(), 2);
    assert_eq!(machines[0].macs.len(), 2);
    assert_eq!(
        (machines[1].port, machines[1].driver.as_str()),
        (None, "ipmi")
    );
    assert!(!format!("{machines:?}").contains("pw"));

    let yaml =
        "- name: u1\n  address: 10.0.0.1\n  macs: ['52:54:00:00:00:01']\n  properties: {cpus: 4}\n";
    let machines = read("yaml", yaml).expect("machines");
    assert_eq!(machines[0].body()["properties"]["cpus"], 4);
    assert_eq!(machines[0].driver, "ipmi");
}

fn read(kind: &str, text: &str) -> Result<Vec<Machine>, String> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(format!("machines.{kind}"));
    std::fs::write(&path, text).expect("a file");
    super::read(&path).map_err(|failure| failure.to_string())
}

#[test]
fn secrets_of_a_file_stay_out_of_its_errors() {
    let secret = "s3cr3tpw";
    for (kind, text, place) in [
        (
            "yaml",
            "- name: u1\n  port: nine\n  password: s3cr3tpw\n",
            "line 2",
        ),
        ("yaml", "- name: u1\n  pasword: s3cr3tpw\n", "line 2"),
        ("yaml", "- name: u1\n  password:s3cr3tpw\n", "line 2"),
        ("yaml", "- name: u1\n  password: [s3cr3tpw]\n", "line 2"),
        ("yaml", "- name: u1\n  password: 's3cr3tpw\n", "line"),
        ("yaml", "- {name: u1, password: x, s3cr3tpw}\n", "line 1"),
        ("yaml", "- name: u1\n  mac: s3cr3tpw\n", "line 1"),
        ("yaml", "- name: u1\n  mac: {a: s3cr3tpw}\n", "line 2"),
        ("yaml", "- name: u1\n  bmc: s3cr3tpw:x\n", "line 1"),
        ("yaml", "s3cr3tpw\n", "line 1"),
        (
            "json",
            "[{\"name\": \"u1\",\n \"port\": \"s3cr3tpw\"}]",
            "line 2",
        ),
        ("json", "[{\"name\": \"u1\",\n \"s3cr3tpw\": 1}]", "line 2"),
        (
            "json",
            "[{\"name\": \"u1\",\n \"mac\": \"s3cr3tpw\"}]",
            "line 1",
        ),
        ("csv", "u1,10.0.0.1,admin,s3cr3tpw\n", "line 1"),
        ("csv", "name,bmc,s3cr3tpw\nu1,10.0.0.1,x\n", "line 1"),
        ("csv", "name,port\nu1,s3cr3tpw\n", "line 2"),
        ("csv", "name,mac\nu1,s3cr3tpw\n", "line 2"),
        ("csv", "name,password\nu1,\"s3cr3tpw\nu2,x\n", "line 2"),
        ("csv", "name,password\nu1,x\nu2,\"s3cr3tpw", "line 3"),
    ] {
        let error = read(kind, text).expect_err(text);
        assert!(!error.contains(secret), "{text}: {error}");
        assert!(error.contains(place), "{text}: {error}");
    }
    let json = "[{\"name\": \"u1\",\n \"password\": 12345678901}]";
    let error = read("json", json).expect_err(json);
    assert!(!error.contains("12345678901"), "{error}");
    assert!(
        error.contains("line 2") && error.contains("password"),
        "{error}"
    );
    let error = read("yaml", "- name: u1\n  pasword: x\n").expect_err("an unknown key");
    assert!(error.contains("password"), "{error}");
}

#[test]
fn a_wrong_machine_is_named_with_its_line() {
    let csv = "name,bmc,mac\n# a comment\nu1,10.0.0.1,52:54:00:00:00:01\n\nu2,10.0.0.2:x,52\n";
    let error = read("csv", csv).expect_err("a bad port");
    assert!(error.contains("line 5 (u2)"), "{error}");
    let yaml = "- name: u1\n  bmc: 10.0.0.1\n- name: u2\n  bmc: 10.0.0.2:x\n  mac: zz\n";
    let error = read("yaml", yaml).expect_err("a bad port");
    assert!(error.contains("line 3 (u2)"), "{error}");
    assert!(error.contains("bmc") && error.contains("mac"), "{error}");
    let json = "[\n{\"name\": \"a}[\\\"\"},\n{\"name\": \"u2\", \"bmc\": \"h:x\"}\n]";
    let error = read("json", json).expect_err("a bad port");
    assert!(error.contains("line 3 (u2)"), "{error}");
}

#[test]
fn a_csv_file_without_a_head_line_says_so() {
    let error = read("csv", "u1,10.0.0.1,admin,pw\n").expect_err("no head line");
    assert!(error.contains("head line"), "{error}");
    let error = read("csv", "name;bmc;user\nu1;10.0.0.1;admin\n").expect_err("semicolons");
    assert!(error.contains("comma"), "{error}");
    let error = read("csv", "name,bmc\nu1\n").expect_err("a short line");
    assert!(error.contains("line 2"), "{error}");
}

#[test]
fn what_stands_twice_is_found_before_anything_is_sent() {
    for (what, csv) in [
        (
            "MAC",
            "name,mac\nu1,52:54:00:00:00:01\nu2,52-54-00-00-00-01\n",
        ),
        (
            "name",
            "name,mac\nu1,52:54:00:00:00:01\nu1,52:54:00:00:00:02\n",
        ),
        ("BMC", "name,bmc,port\nu1,10.0.0.1,\nu2,10.0.0.1,623\n"),
    ] {
        let error = read("csv", csv).expect_err(what);
        assert!(error.contains("lines 2 and 3"), "{error}");
        assert!(error.contains(what), "{error}");
    }
    let same_host = "name,bmc\nu1,127.0.0.1:6230\nu2,127.0.0.1:6231\n";
    assert_eq!(read("csv", same_host).map(|m| m.len()), Ok(2));
    let error = read("csv", "name,mac\nu1,52:54:00:00:00:01 525400000001\n").expect_err("MAC");
    assert!(
        error.contains("line 2") && error.contains("twice"),
        "{error}"
    );
}

#[test]
fn a_file_without_end_is_refused() {
    let link = tempfile::tempdir().expect("a directory");
    let path = link.path().join("machines.csv");
    std::os::unix::fs::symlink("/dev/zero", &path).expect("a link");
    let error = super::read(&path).expect_err("no end").to_string();
    assert!(error.contains("64 MiB"), "{error}");
}

#[test]
fn the_examples_of_the_help_are_files_of_machines() {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in [("m.csv", EXAMPLE_CSV), ("m.yaml", EXAMPLE_YAML)] {
        let path = directory.path().join(name);
        std::fs::write(&path, text).expect("a file");
        let machines = super::read(&path).expect(name);
        assert_eq!(machines.len(), 2);
        assert_eq!(machines[0].address.as_deref(), Some("10.0.0.7"));
        assert_eq!((machines[0].port, machines[1].port), (None, Some(6230)));
        assert_eq!((machines[0].macs.len(), machines[1].macs.len()), (1, 2));
    }
    let readme = include_str!("../../../../../README.md");
    assert!(readme.contains(EXAMPLE_CSV) && readme.contains(EXAMPLE_YAML));
}
