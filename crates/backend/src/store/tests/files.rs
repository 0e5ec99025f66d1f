//! What lies on the disk: no secret in any file, nobody else may read, keys that do not fit.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{PASSWORD, node, sqlite};
use crate::store::database::{Returns, sql};
use crate::store::{NewStep, Phase, StateError, Store, StoreError, StoreOptions};

fn all_files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(all_files(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found
}

/// Reads every file below `directory`, and looks for `text`.
pub(super) fn assert_absent(directory: &Path, text: &str) {
    let files = all_files(directory);
    assert!(files.len() > 1, "{files:?}");
    for path in files {
        let bytes = std::fs::read(&path).expect("a file");
        let found = bytes.windows(text.len()).any(|w| w == text.as_bytes());
        assert!(!found, "found in {}", path.display());
    }
}

#[tokio::test]
async fn passwords_are_in_no_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = sqlite(directory.path(), true).await;
    let mut secretive = node("n1");
    secretive.instance_info = secretive.driver_info.clone();
    secretive.driver_internal_info = secretive.driver_info.clone();
    secretive.deploy_step = secretive.driver_info.clone();
    let args = secretive.driver_info.clone();
    let stored = store.create_node(secretive).await.expect("a node");
    let step = NewStep {
        interface: "management".to_owned(),
        step: "rotate".to_owned(),
        args,
        priority: 1,
    };
    let run = store.begin_run(stored.uuid, Phase::Clean, &[step]).await;
    run.expect("a run");
    store.save_node(&stored).await.expect("saved");
    let wal = directory.path().join("cupola.sqlite-wal");
    assert!(wal.metadata().expect("a WAL").len() > 0, "still in the WAL");
    assert_absent(directory.path(), PASSWORD);
    assert_eq!(stored.driver_info["ipmi_password"], PASSWORD);
    store.close().await;
    assert_absent(directory.path(), PASSWORD);
    for path in all_files(directory.path()) {
        let mode = path.metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} is {mode:o}", path.display());
    }
    let again = sqlite(directory.path(), false).await;
    let read = again.node_by_id(stored.uuid).await.expect("the node");
    assert_eq!(read.driver_info["ipmi_password"], PASSWORD);
}

async fn open_error(directory: &Path) -> StoreError {
    Store::open(&StoreOptions::new(directory))
        .await
        .expect_err("must be refused")
}

#[tokio::test]
async fn a_key_that_others_can_read_is_refused_with_what_to_do() {
    let directory = tempfile::tempdir().expect("a directory");
    sqlite(directory.path(), true).await.close().await;
    let key = directory.path().join("secret.key");
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(&key, open).expect("a mode");
    let text = open_error(directory.path()).await.to_string();
    let want = format!("mode 0644); run: chmod 600 {}", key.display());
    assert!(text.ends_with(&want), "{text}");
}

#[tokio::test]
async fn a_key_that_does_not_fit_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    sqlite(directory.path(), true).await.close().await;
    let key = directory.path().join("secret.key");
    std::fs::write(&key, "00".repeat(32)).expect("a key");
    let error = open_error(directory.path()).await;
    assert!(
        matches!(error, StoreError::Key(StateError::Wrong { .. })),
        "{error}"
    );
    std::fs::write(&key, "not a key").expect("a key");
    let error = open_error(directory.path()).await;
    assert!(
        matches!(error, StoreError::Key(StateError::Malformed { .. })),
        "{error}"
    );
}

#[tokio::test]
async fn a_database_that_is_open_elsewhere_is_refused_until_it_is_closed() {
    let directory = tempfile::tempdir().expect("a directory");
    let first = sqlite(directory.path(), true).await;
    let text = open_error(directory.path()).await.to_string();
    let want = format!("in use by another process (pid {})", std::process::id());
    assert!(text.contains(&want), "{text}");
    first.close().await;
    let one = sqlite(directory.path(), false).await;
    let two = sqlite(directory.path(), false).await;
    one.create_node(node("n1")).await.expect("created");
    assert_eq!(two.summaries().await.expect("summaries").len(), 1);
    open_error(directory.path()).await;
    drop((one, two));
    sqlite(directory.path(), true).await;
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = sqlite(directory.path(), true).await;
    let statement = sql(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'from the future', 1, x'00', 0)",
        [],
    );
    store.database().execute(statement).await.expect("a row");
    store.close().await;
    let text = open_error(directory.path()).await.to_string();
    assert!(text.contains("newer version"), "{text}");
}

#[tokio::test]
async fn urls_that_are_not_ours_are_refused_without_their_password() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = StoreOptions::new(directory.path()).with_url("mysql://u:hunter2@h/db");
    assert!(!format!("{options:?}").contains("hunter2"));
    let error = Store::open(&options).await.expect_err("must be refused");
    let text = error.to_string();
    assert!(!text.contains("hunter2"), "{text}");
    assert!(text.contains("SQLite and PostgreSQL are"), "{text}");
    assert!(
        text.contains("postgres://USER:PASSWORD@HOST/NAME"),
        "{text}"
    );
}

/// As SQLite does by itself when the disk is full.
#[tokio::test]
async fn a_transaction_that_the_database_rolled_back_does_not_keep_others_from_beginning() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = sqlite(directory.path(), true).await;
    let broken = || {
        vec![
            sql("ROLLBACK", []),
            sql("INSERT INTO nowhere VALUES (1)", []),
        ]
    };
    let database = store.database();
    for _ in 0..2 {
        let refused = database.transaction(broken()).await;
        assert!(refused.is_err(), "{refused:?}");
        let each = broken().into_iter().map(|one| (one, Returns::AnyNumber));
        let refused = database.together(each.collect()).await;
        assert!(refused.is_err(), "{refused:?}");
    }
    let done = database
        .transaction(vec![sql("DELETE FROM nodes", [])])
        .await;
    assert_eq!(done.expect("a transaction"), [0]);
    store.create_node(node("n1")).await.expect("a node");
}
