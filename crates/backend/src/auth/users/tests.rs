//! Files of users: what they say, who gets in, and what is told of a bad one.

use super::*;

/// "secret" and "other", at the lowest cost.
fn line(user: &str, password: &str) -> String {
    format!("{user}:{}\n", bcrypt::hash(password, 4).unwrap())
}

fn look_again(file: &UserFile) {
    file.known.lock().at = Instant::now() - FRESH;
}

#[tokio::test]
async fn a_broken_file_locks_nobody_out() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users");
    std::fs::write(&path, line("me", "secret")).unwrap();
    let file = UserFile::open(path.as_path().into(), None).await.unwrap();
    for (broken, told) in [
        ("me:secret\n".to_owned(), "line 1"),
        (line("me", "secret").replace("$04$", "$16$"), "line 1"),
        (String::new(), "has no user"),
        ("# nobody\n".to_owned(), "add one with `htpasswd -B"),
        ("garbage\n".to_owned(), "line 1"),
    ] {
        std::fs::write(&path, broken).unwrap();
        for _ in 0..2 {
            look_again(&file);
            assert_eq!(checked(&file, "me", "secret").await, Ok("me".into()));
            let trouble = file.trouble().await.unwrap();
            assert!(trouble.contains(told), "{trouble}");
        }
    }
    operator_file::tests::pipe(&path);
    look_again(&file);
    assert_eq!(checked(&file, "me", "secret").await, Ok("me".into()));
    assert!(file.trouble().await.unwrap().contains("a named pipe"));
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, line("you", "other")).unwrap();
    look_again(&file);
    assert_eq!(checked(&file, "me", "secret").await, wrong("me"));
    assert_eq!(file.trouble().await, None);
}

/// Who asks whether the service is ready has no password.
#[tokio::test]
async fn a_broken_file_is_told_of_before_anybody_logs_in() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users");
    std::fs::write(&path, line("me", "secret")).unwrap();
    let file = UserFile::open(path.as_path().into(), None).await.unwrap();
    assert_eq!(file.trouble().await, None);
    std::fs::write(&path, "garbage\n").unwrap();
    look_again(&file);
    assert!(file.trouble().await.unwrap().contains("line 1"));
    std::fs::write(&path, line("me", "secret") + &line("you", "other")).unwrap();
    look_again(&file);
    assert_eq!(file.trouble().await, None);
}

#[test]
fn a_cost_that_takes_too_long_is_refused() {
    let line = line("me", "secret");
    assert!(parse(&line.replace("$04$", "$15$")).is_ok());
    let dear = format!("\n{}", line.replace("$04$", "$31$"));
    assert_eq!(parse(&dear).err(), Some(Fault::Cost(2, 31)));
}

fn wrong(user: &str) -> Result<Arc<str>, Denied> {
    Err(Denied::Wrong(user.into()))
}

#[tokio::test]
async fn who_guesses_keeps_nobody_else_out() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users");
    std::fs::write(&path, line("me", "secret")).unwrap();
    let limit = PerAddress::new(1, 30);
    let file = UserFile::open(path.as_path().into(), limit).await.unwrap();
    let sent = async |user: &str, password: &str, from: [u8; 4]| {
        let (user, password) = (user.to_owned(), Secret::new(password));
        let from = Some(IpAddr::from(from));
        file.check(Credentials { user, password }, from).await
    };
    let guesser = [192, 0, 2, 1];
    for number in 0..4 {
        let user = if number % 2 == 0 { "me" } else { "nobody" };
        assert_eq!(sent(user, "guess", guesser).await, wrong(user));
    }
    for user in ["me", "nobody"] {
        let answer = sent(user, "guess", guesser).await;
        assert!(matches!(answer, Err(Denied::TooMany { .. })), "{answer:?}");
    }
    let other = [192, 0, 2, 2];
    assert_eq!(sent("me", "secret", other).await, Ok("me".into()));
    // What was found right before needs no check.
    assert_eq!(sent("me", "secret", guesser).await, Ok("me".into()));
}

async fn checked(file: &UserFile, user: &str, password: &str) -> Result<Arc<str>, Denied> {
    let user = user.to_owned();
    let password = Secret::new(password);
    file.check(Credentials { user, password }, None).await
}

#[tokio::test]
async fn who_is_in_the_file_is_let_in() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users");
    let text = format!(
        "# who may\n\n{}{}",
        line("me", "secret"),
        line("you", "other")
    );
    std::fs::write(&path, text).unwrap();
    let file = UserFile::open(path.as_path().into(), None).await.unwrap();
    // The second time by the verdict.
    for _ in 0..2 {
        assert_eq!(checked(&file, "me", "secret").await, Ok("me".into()));
    }
    for (user, password) in [("me", "other"), ("me", ""), ("nobody", "secret"), ("", "")] {
        assert_eq!(checked(&file, user, password).await, wrong(user));
    }
    // Who is taken out of the file is not let in any more, however right the password was.
    std::fs::write(&path, line("you", "other")).unwrap();
    look_again(&file);
    assert_eq!(checked(&file, "me", "secret").await, wrong("me"));
    // A file that is away locks nobody out.
    std::fs::remove_file(&path).unwrap();
    look_again(&file);
    assert_eq!(checked(&file, "you", "other").await, Ok("you".into()));
    let trouble = file.trouble().await.unwrap();
    assert!(trouble.contains("cannot be read"), "{trouble}");
    assert_eq!(file.reload().await, Err(trouble));
    std::fs::write(&path, line("me", "secret")).unwrap();
    assert_eq!(file.reload().await, Ok(1));
    assert_eq!(file.trouble().await, None);
}

#[test]
fn who_else_may_read_the_file_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users");
    // As editors of another system save it.
    std::fs::write(&path, format!("\u{feff}{}", line("me", "secret"))).unwrap();
    let told = |mode: u32| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&path, mode).unwrap();
        let exposed = exposed(&path).unwrap();
        exposed.map(|exposed| exposed.what).unwrap_or_default()
    };
    assert_eq!(told(0o640), "");
    assert!(told(0o644).contains("may read "));
    assert!(told(0o662).contains("may write "));
    assert!(told(0o666).contains("may read and write "));
    assert!(read(&path).unwrap().hashes.contains_key("me"));
}

#[tokio::test]
async fn what_is_no_file_of_users_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users");
    let error = UserFile::open(path.as_path().into(), None)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("htpasswd -cB"), "{error}");
    assert!(exposed(&path).is_err());
    std::fs::write(&path, "# nobody\n").unwrap();
    let error = UserFile::open(path.as_path().into(), None)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("has no user"), "{error}");
    for text in [
        "me",
        "me:secret",
        ":$2y$04$x",
        "me:$apr1$abc$def",
        "me:$2y$99$a",
    ] {
        std::fs::write(&path, format!("#\n{text}\n")).unwrap();
        let error = UserFile::open(path.as_path().into(), None)
            .await
            .unwrap_err();
        assert!(matches!(error, UsersError::Line { line: 2, .. }), "{text}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn a_decoy_costs_what_a_hash_costs() {
    let hash = decoy(5);
    assert_eq!(cost(&hash), Some(5));
    // It is checked, not refused for its form: else unknown users would be told by the time.
    assert_eq!(bcrypt::verify("anything", &hash).ok(), Some(false));
}
