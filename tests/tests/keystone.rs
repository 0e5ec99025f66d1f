//! Tokens of a real Keystone: which ones get in, and what happens while it is away.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may end where it cannot go on"
)]

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use cupola_tests::keystone::{Keystone, PASSWORD, Scope, environment};
use cupola_tests::serve::Serve;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// How long Keystone's word counts, in seconds.
const CACHE: &str = "keystone.token_cache_time=1";
/// Longer than that takes, on a busy host too.
const PATIENCE: Duration = Duration::from_secs(30);

/// Starts the service against this Keystone; its own login is Keystone's admin, by password.
fn serve(keystone: &Keystone, directory: &std::path::Path) -> Result<Serve> {
    let url = format!("keystone.auth_url={}", keystone.url());
    let password = format!("keystone.password={PASSWORD}");
    let sets = [
        &url,
        &password,
        "keystone.username=admin",
        CACHE,
        "drivers.enabled=[\"fake-hardware\"]",
    ];
    let mut arguments = vec!["--auth", "keystone"];
    arguments.extend(sets.iter().flat_map(|set| ["--set", *set]));
    Serve::start(directory, &arguments)
}

async fn get(url: &str, token: Option<&str>) -> Result<(StatusCode, String, Value)> {
    let mut request = reqwest::Client::new().get(url);
    if let Some(token) = token {
        request = request.header("x-auth-token", token);
    }
    let answer = request.send().await?;
    let challenge = answer.headers().get("www-authenticate");
    let challenge = challenge.map_or("", |value| value.to_str().unwrap_or("?"));
    let (status, challenge) = (answer.status(), challenge.to_owned());
    Ok((status, challenge, answer.json().await?))
}

/// Asks until the answer has this status.
async fn becomes(url: &str, token: &str, wanted: StatusCode) -> Result<Value> {
    let started = Instant::now();
    loop {
        let (status, _, body) = get(url, Some(token)).await?;
        if status == wanted {
            return Ok(body);
        }
        ensure!(
            started.elapsed() < PATIENCE,
            "{status} instead of {wanted}: {body}"
        );
        // Keystone and the cache have nothing to wait on.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn only_good_tokens_get_in() -> Result<()> {
    let Some(venv) = environment("only_good_tokens_get_in")? else {
        return Ok(());
    };
    let directory = tempfile::tempdir()?;
    let mut keystone = Keystone::start(&venv, &directory.path().join("keystone"), 3600).await?;
    let service = serve(&keystone, directory.path())?;
    let nodes = format!("{}/v1/nodes", service.url());
    let good = keystone.token("admin", &Scope::System).await?;
    let (status, _, body) = get(&nodes, Some(&good)).await?;
    ensure!(status == StatusCode::OK, "{body}");

    // Missing and wrong, by a character and altogether.
    let cut = &good[..good.len() - 1];
    for token in [None, Some(""), Some("wrong"), Some(cut)] {
        let (status, challenge, body) = get(&nodes, token).await?;
        ensure!(status == StatusCode::UNAUTHORIZED, "{token:?}: {status}");
        ensure!(
            challenge == format!("Keystone uri=\"{}\"", keystone.url()),
            "{challenge}"
        );
        let said = json!({"error": {"code": 401, "title": "Unauthorized",
            "message": "The request you have made requires authentication."}});
        ensure!(body == said, "{body}");
    }
    // Good, but for nothing.
    let unscoped = keystone.token("admin", &Scope::Unscoped).await?;
    let (status, _, body) = get(&nodes, Some(&unscoped)).await?;
    ensure!(status == StatusCode::FORBIDDEN, "{status} {body}");
    // Nobody needs a token to learn the versions.
    let (status, ..) = get(service.url(), None).await?;
    ensure!(status == StatusCode::OK, "{status}");

    // Revoked.
    let other = keystone.token("admin", &Scope::System).await?;
    ensure!(get(&nodes, Some(&other)).await?.0 == StatusCode::OK);
    keystone.revoke(&other).await?;
    becomes(&nodes, &other, StatusCode::UNAUTHORIZED).await?;
    ensure!(get(&nodes, Some(&good)).await?.0 == StatusCode::OK);

    // Keystone is away, and comes back.
    keystone.stop()?;
    let body = becomes(&nodes, &good, StatusCode::SERVICE_UNAVAILABLE).await?;
    let text = body["error"]["message"].as_str().unwrap_or_default();
    ensure!(
        text.contains("does not answer") && text.contains(&keystone.url()),
        "{body}"
    );
    keystone.start_again()?;
    becomes(&nodes, &good, StatusCode::OK).await?;

    keystone.endpoint(service.url()).await?;
    openstack(&venv, &keystone)?;
    command_line(&keystone, &service, directory.path())?;
    let log = service.log();
    for token in [&good, &other, &unscoped] {
        ensure!(!log.contains(token.as_str()), "a token is in the log");
    }
    ensure!(!log.contains(PASSWORD), "{log}");
    Ok(())
}

/// The real client with a password: it finds the service in the catalog of Keystone.
fn openstack(venv: &std::path::Path, keystone: &Keystone) -> Result<()> {
    let client = |arguments: &[&str]| -> Result<(bool, String)> {
        let output = Command::new(venv.join("bin/openstack"))
            .args([
                "--os-auth-type",
                "password",
                "--os-auth-url",
                &keystone.url(),
            ])
            .args(["--os-username", "admin", "--os-password", PASSWORD])
            .args(["--os-user-domain-id", "default", "--os-system-scope", "all"])
            .arg("baremetal")
            .args(arguments)
            .output()?;
        let text = [&output.stdout, &output.stderr].map(|out| String::from_utf8_lossy(out));
        Ok((output.status.success(), text.concat()))
    };
    let (done, said) = client(&[
        "node",
        "create",
        "--driver",
        "fake-hardware",
        "--name",
        "n1",
    ])?;
    ensure!(done, "{said}");
    let (done, said) = client(&["node", "list", "-f", "value", "-c", "Name"])?;
    ensure!(done && said.contains("n1"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_token_ends_when_it_expires() -> Result<()> {
    let Some(venv) = environment("a_token_ends_when_it_expires")? else {
        return Ok(());
    };
    let directory = tempfile::tempdir()?;
    let keystone = Keystone::start(&venv, &directory.path().join("keystone"), 12).await?;
    let service = serve(&keystone, directory.path())?;
    let nodes = format!("{}/v1/nodes", service.url());
    let first = keystone.token("admin", &Scope::System).await?;
    ensure!(get(&nodes, Some(&first)).await?.0 == StatusCode::OK);
    becomes(&nodes, &first, StatusCode::UNAUTHORIZED).await?;
    // The service's own token has expired too: it has got another one.
    let second = keystone.token("admin", &Scope::System).await?;
    ensure!(get(&nodes, Some(&second)).await?.0 == StatusCode::OK);
    Ok(())
}

/// Cupola's own commands, with a login of the environment and with one of clouds.yaml.
fn command_line(keystone: &Keystone, service: &Serve, directory: &std::path::Path) -> Result<()> {
    let list =
        |environment: &[(&str, &str)], arguments: &[&str]| -> Result<(Option<i32>, String)> {
            let mut command = Command::new(cupola_tests::binary::cupola()?);
            for name in ["CUPOLA_API", "OS_ENDPOINT", "OS_CLOUD", "OS_AUTH_URL"] {
                command.env_remove(name);
            }
            let output = command
                .args(["node", "list"])
                .args(arguments)
                .envs(environment.iter().copied())
                .output()?;
            let text = [&output.stdout, &output.stderr].map(|out| String::from_utf8_lossy(out));
            Ok((output.status.code(), text.concat()))
        };
    let url = keystone.url();
    let user = [
        ("OS_AUTH_URL", url.as_str()),
        ("OS_USERNAME", "admin"),
        ("OS_SYSTEM_SCOPE", "all"),
    ];
    let right = [user.as_slice(), &[("OS_PASSWORD", PASSWORD)]].concat();
    // Where the API is, the catalog says.
    let (code, said) = list(&right, &[])?;
    ensure!(code == Some(0) && said.contains("n1"), "{code:?} {said}");
    let wrong = [user.as_slice(), &[("OS_PASSWORD", "wrong")]].concat();
    let (code, said) = list(&wrong, &["--api", service.url()])?;
    ensure!(
        code == Some(3) && said.contains("OS_PASSWORD"),
        "{code:?} {said}"
    );
    let (code, said) = list(&[], &["--api", service.url()])?;
    ensure!(
        code == Some(3) && said.contains("OS_AUTH_URL"),
        "{code:?} {said}"
    );
    let clouds = directory.join("clouds.yaml");
    std::fs::write(
        &clouds,
        format!(
            "clouds:\n  metal:\n    auth:\n      auth_url: {url}\n      username: admin\n      \
             password: {PASSWORD}\n      system_scope: all\n"
        ),
    )?;
    let file = clouds.display().to_string();
    let (code, said) = list(&[("OS_CLIENT_CONFIG_FILE", &file)], &["--cloud", "metal"])?;
    ensure!(code == Some(0) && said.contains("n1"), "{code:?} {said}");
    Ok(())
}
