//! The configuration: layers, errors, and that the reference in `docs/` is the code's.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn load(file: &str, environment: &[(&str, &str)], sets: &[&str]) -> Result<Config, ConfigError> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("cupola.toml");
    std::fs::write(&path, file).expect("a file");
    let environment = environment
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    let sets: Vec<String> = sets.iter().map(|s| (*s).to_owned()).collect();
    Config::load(Some(&path), environment, &sets)
}

fn error(file: &str, environment: &[(&str, &str)], sets: &[&str]) -> String {
    match load(file, environment, sets) {
        Ok(config) => panic!("accepted: {config:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn later_layers_win() {
    let file =
        "[api]\nlisten = \"127.0.0.1:1\"\nmax_limit = 5\n[conductor]\nautomated_clean = false\n";
    let config = load(
        file,
        &[
            ("CUPOLA_API__LISTEN", "127.0.0.1:2"),
            ("PATH", "/bin"),
            ("CUPOLA_LOG", "debug"),
        ],
        &[
            "api.listen=127.0.0.1:3",
            "conductor.deploy_callback_timeout=1.5",
        ],
    );
    let config = config.expect("a configuration");
    assert_eq!(config.api.listen.port(), 3);
    assert_eq!(config.api.max_limit, 5);
    assert!(!config.conductor.automated_clean);
    assert_eq!(
        config.conductor.deploy_callback_timeout,
        Duration::from_millis(1500)
    );
}

#[test]
fn overrides_are_toml_or_plain_text() {
    let config = load(
        "",
        &[
            ("CUPOLA_CONDUCTOR__HOST", "1234"),
            ("CUPOLA_BOOT__INTERFACE", "eth0"),
        ],
        &[
            r#"drivers.enabled=["ipmi","fake-hardware"]"#,
            "conductor.group=a = b",
        ],
    );
    let config = config.expect("a configuration");
    assert_eq!(config.conductor.host.as_deref(), Some("1234"));
    assert_eq!(config.boot.interface.as_deref(), Some("eth0"));
    assert_eq!(config.drivers.enabled, ["ipmi", "fake-hardware"]);
    assert_eq!(config.conductor.group, "a = b");
}

#[test]
fn an_unknown_key_names_the_nearest_and_where_it_is() {
    let text = error("[api]\nlisten_adress = 1\n", &[], &[]);
    assert!(
        text.contains("cupola.toml: there is no key `api.listen_adress`"),
        "{text}"
    );
    assert!(text.contains("did you mean `api.listen`?"), "{text}");
    let text = error("[conducter]\n", &[], &[]);
    assert!(text.contains("did you mean `conductor`?"), "{text}");
    let text = error("", &[("CUPOLA_API__LISTEM", "x")], &[]);
    assert!(text.contains("CUPOLA_API__LISTEM"), "{text}");
    assert!(text.contains("did you mean `api.listen`?"), "{text}");
    let text = error("", &[], &["conductor.automatic_clean=1"]);
    assert!(text.contains("--set: there is no key"), "{text}");
    assert!(
        text.contains("did you mean `conductor.automated_clean`?"),
        "{text}"
    );
}

#[test]
fn a_wrong_value_says_what_is_expected_but_not_what_it_was() {
    let text = error("", &[], &["api.listen=secret"]);
    assert!(
        text.contains("`api.listen` must be an address with a port"),
        "{text}"
    );
    assert!(!text.contains("secret"), "{text}");
    let text = error("[api]\nauth = \"noauth\"\n", &[], &[]);
    assert!(
        text.contains("one of: none, http_basic, keystone"),
        "{text}"
    );
    let text = error("[conductor]\ndeploy_callback_timeout = -1\n", &[], &[]);
    assert!(text.contains("a number of seconds"), "{text}");
    let text = error("", &[], &["api.listen"]);
    assert!(text.contains("expected section.key=value"), "{text}");
}

#[test]
fn values_that_do_not_fit_together_are_refused() {
    let text = error("[boot]\nenabled = true\n", &[], &[]);
    assert!(text.contains("`boot.address` must be set"), "{text}");
    let text = error(
        "[boot]\nenabled = true\naddress = \"192.0.2.1\"\n",
        &[],
        &[],
    );
    assert!(text.contains("`boot.network` must be set"), "{text}");
    let sets = [
        "api.listen=192.0.2.1:6385",
        "boot.enabled=true",
        "boot.address=192.0.2.1",
        "boot.dhcp=false",
    ];
    let config = load("", &[], &sets).expect("without DHCP no network is needed");
    assert_eq!(config.boot.dhcp, DhcpMode::Off);
    let proxy = "[api]\nlisten = \"0.0.0.0:6385\"\n[boot]\nenabled = true\naddress = \"192.0.2.1\"\ndhcp = \"proxy\"\n";
    let config = load(proxy, &[], &[]).expect("beside another server no network is needed");
    assert_eq!(config.boot.dhcp, DhcpMode::Proxy);
    let text = error("[boot]\ndhcp = \"relay\"\n", &[], &[]);
    assert!(text.contains("one of: server, proxy, off"), "{text}");
}

#[test]
fn passwords_are_in_no_error() {
    for set in [
        "database.url=postgres:u:geheim",
        "database.url=mysql://u:geheim@h/d",
        "database.url=postgres://u:geheim@h:port/d",
        "database.url:postgres://u:geheim@h/d",
        "database.url:postgres://u:geheim@h/d?sslmode=disable",
        "postgres://u:geheim@h/d",
    ] {
        let text = error("", &[], &[set]);
        assert!(!text.contains("geheim"), "{set}: {text}");
    }
    let text = error("[database]\nurl = postgres://u:geheim@h/d\n", &[], &[]);
    assert!(text.contains("in line 2"), "{text}");
    assert!(!text.contains("geheim"), "{text}");
}

#[test]
fn a_key_that_resembles_none_gets_no_suggestion() {
    let text = error("", &[], &["foo.bar=1"]);
    assert!(text.contains("there is no key `foo.bar`"), "{text}");
    assert!(!text.contains("did you mean"), "{text}");
}

#[test]
fn networks_behind_relays_are_a_list() {
    let file = "[api]\nlisten = \"192.0.2.1:6385\"\n\
                [boot]\nenabled = true\naddress = \"192.0.2.1\"\n[[boot.subnets]]\n\
                network = \"10.1.0.0/24\"\nfirst = \"10.1.0.10\"\nlast = \"10.1.0.99\"\n\
                router = \"10.1.0.1\"\nlease_time = 600\n";
    let config = load(file, &[], &[]).expect("a configuration");
    let [subnet] = config.boot.subnets.as_slice() else {
        panic!("{:?}", config.boot.subnets)
    };
    assert_eq!(subnet.router, Some([10, 1, 0, 1].into()));
    assert_eq!(subnet.lease_time, Some(Duration::from_secs(600)));
    for wrong in [
        "[[boot.subnets]]\nnetwork = \"10.1.0.0/24\"\nfirst = \"10.1.0.10\"\n",
        "[[boot.subnets]]\nnetwork = \"10.1.0.0/24\"\nfirst = \"a\"\nlast = \"10.1.0.9\"\n",
        "[boot]\nsubnets = [{ network = \"10.1.0.0/24\", first = \"10.1.0.1\", \
         last = \"10.1.0.9\", gateway = \"10.1.0.1\" }]\n",
    ] {
        let text = error(wrong, &[], &[]);
        assert!(
            text.contains("`boot.subnets`") && text.contains("router"),
            "{text}"
        );
    }
}

#[test]
fn images_are_a_list_with_checksums() {
    let sum = "ab".repeat(32);
    let file = format!(
        "[[images]]\nname = \"a\"\nsource = \"http://192.0.2.1/a\"\ndisk_format = \"qcow2\"\n\
         checksum = \"{sum}\"\n[[images]]\nname = \"b\"\nsource = \"file:///b.img\"\n"
    );
    let config = load(&file, &[], &[]).expect("a configuration");
    let [a, b] = config.images.as_slice() else {
        panic!("{:?}", config.images)
    };
    assert_eq!(
        (a.disk_format.as_str(), a.hash_algo.as_str()),
        ("qcow2", "sha256")
    );
    assert_eq!(a.hash_value, sum);
    assert_eq!(b.hash_value, "");
    for (file, want) in [
        ("images = 1\n", "must be a list"),
        (
            "[[images]]\nname = \"a\"\nsource = \"http://h/a\"\n",
            "checksum is missing",
        ),
        (
            "[[images]]\nname = \"a\"\nsource = \"a\"\n",
            "source is not a URL",
        ),
        ("[[images]]\nname = \"a\"\nsauce = \"a\"\n", "sauce"),
    ] {
        let text = error(file, &[], &[]);
        assert!(text.contains(want), "{text}");
    }
}

#[test]
fn a_conductor_that_could_do_nothing_is_refused() {
    let lively = [
        "conductor.heartbeat_interval=20",
        "conductor.heartbeat_timeout=20",
    ];
    for (sets, want) in [
        (
            lively.as_slice(),
            "`conductor.heartbeat_timeout` must be longer",
        ),
        (&["conductor.workers_pool_size=0"], "must be more than 0"),
    ] {
        let text = error("", &[], sets);
        assert!(text.contains(want), "{text}");
    }
}

#[test]
fn passwords_in_urls_are_not_shown() {
    let set = "database.url=postgres://cupola:hunter2@db/cupola";
    let config = load("", &[], &[set]).expect("a configuration");
    assert!(!format!("{config:?}").contains("hunter2"));
    assert!(!Config::reference().contains("hunter2"));
}

#[test]
fn a_mark_of_an_editor_is_no_part_of_a_file() {
    let config = load("\u{feff}api.max_limit = 7\n", &[], &[]).unwrap();
    assert_eq!(config.api.max_limit, 7);
}

#[test]
fn a_file_that_is_not_there_or_not_toml_is_named() {
    let missing = Config::load(Some(Path::new("/nowhere/cupola.toml")), [], &[]);
    let text = missing.expect_err("there is none").to_string();
    assert!(
        text.starts_with("/nowhere/cupola.toml cannot be read"),
        "{text}"
    );
    let text = error("[api\n", &[], &[]);
    assert!(text.contains("is not valid TOML"), "{text}");
}

#[test]
fn the_reference_is_the_one_in_docs_and_changes_nothing() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cupola.toml");
    let reference = Config::reference();
    if std::env::var_os("CUPOLA_BLESS").is_some() {
        std::fs::write(path, &reference).expect("docs/cupola.toml");
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == reference,
        "docs/cupola.toml is not what the code says: run this test with CUPOLA_BLESS=1"
    );
    let set: String = reference
        .lines()
        .take_while(|line| !line.contains("[[images]]"))
        .filter_map(|line| {
            line.strip_prefix("# ")
                .filter(|l| l.contains(" = "))
                .or(Some(line))
        })
        .filter(|line| line.starts_with('[') || line.contains(" = "))
        .map(|line| format!("{line}\n"))
        .collect();
    let config = load(&set, &[], &[]).expect("every default can be written");
    assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
}

proptest! {
    #[test]
    fn no_text_panics(file in ".{0,80}", name in "[A-Z_]{0,24}", set in ".{0,40}") {
        let _ = load(&file, &[(&format!("CUPOLA_{name}"), &file)], &[&set]);
    }
}
