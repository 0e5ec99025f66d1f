//! The identity service as a peer: OpenStack Keystone from PyPI on loopback, with fernet tokens and
//! a database in a file. Its bootstrap makes the user `admin`, the usual roles and what they imply.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/keystone/requirements.txt");
const SERVE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/keystone/serve.py");

/// The password of every user that is made here.
pub const PASSWORD: &str = "geheim";

/// A virtual environment with Keystone and the OpenStack client in it; `None` when there is no
/// PyPI, which is said loudly.
///
/// # Errors
/// When files cannot be written.
pub fn environment(test: &str) -> Result<Option<PathBuf>> {
    crate::venv::environment(test, "keystone", REQUIREMENTS)
}

/// What a token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole system.
    System,
    /// A project, by its id.
    Project(String),
    /// Nothing.
    Unscoped,
}

/// A running Keystone. Dropping it kills it.
#[derive(Debug)]
pub struct Keystone {
    venv: PathBuf,
    directory: PathBuf,
    child: Child,
    port: u16,
    http: reqwest::Client,
    admin: String,
}

impl Keystone {
    /// Starts it with everything below `directory`. Tokens are good for so many seconds.
    ///
    /// # Errors
    /// When it cannot be set up, or ends.
    pub async fn start(venv: &Path, directory: &Path, lifetime: u32) -> Result<Self> {
        // Fails only when a provider is there already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        std::fs::create_dir_all(directory)?;
        std::fs::write(file(directory), configuration(directory, lifetime))?;
        let user = nix::unistd::User::from_uid(nix::unistd::geteuid())?;
        let user = user.map_or_else(|| "root".to_owned(), |user| user.name);
        let group = nix::unistd::Group::from_gid(nix::unistd::getegid())?;
        let group = group.map_or_else(|| "root".to_owned(), |group| group.name);
        let owner = ["--keystone-user", &user, "--keystone-group", &group];
        for (command, arguments) in [
            ("db_sync", &[][..]),
            ("fernet_setup", &owner),
            ("bootstrap", &["--bootstrap-password", PASSWORD]),
        ] {
            let done = Command::new(venv.join("bin/keystone-manage"))
                .arg("--config-file")
                .arg(file(directory))
                .arg(command)
                .args(arguments)
                .output()?;
            let said = String::from_utf8_lossy(&done.stderr);
            ensure!(done.status.success(), "keystone-manage {command}: {said}");
        }
        let (child, port) = serve(venv, directory, 0)?;
        let mut keystone = Self {
            venv: venv.to_owned(),
            directory: directory.to_owned(),
            child,
            port,
            http: reqwest::Client::new(),
            admin: String::new(),
        };
        keystone.admin = keystone.token("admin", &Scope::System).await?;
        Ok(keystone)
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v3", self.port)
    }

    /// Kills it.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn stop(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again where it was, after [`Keystone::stop`].
    ///
    /// # Errors
    /// When it ends.
    pub fn start_again(&mut self) -> Result<()> {
        (self.child, self.port) = serve(&self.venv, &self.directory, self.port)?;
        Ok(())
    }

    /// A token for a user of the default domain.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn token(&self, user: &str, scope: &Scope) -> Result<String> {
        let domain = json!({ "id": "default" });
        let user = json!({ "name": user, "domain": domain, "password": PASSWORD });
        let identity = json!({ "methods": ["password"], "password": { "user": user } });
        let scope = match scope {
            Scope::System => json!({ "system": { "all": true } }),
            Scope::Project(id) => json!({ "project": { "id": id } }),
            Scope::Unscoped => json!("unscoped"),
        };
        let body = json!({ "auth": { "identity": identity, "scope": scope } });
        let url = format!("{}/auth/tokens", self.url());
        let answer = self.http.post(url).json(&body).send().await?;
        let token = answer.headers().get("x-subject-token").cloned();
        let status = answer.status();
        let Some(token) = token else {
            bail!("no token: {status} {}", answer.text().await?);
        };
        Ok(token.to_str()?.to_owned())
    }

    /// Makes a token bad.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn revoke(&self, token: &str) -> Result<()> {
        let url = format!("{}/auth/tokens", self.url());
        let request = self.http.delete(url).header("x-subject-token", token);
        let request = request.header("x-auth-token", &self.admin);
        request.send().await?.error_for_status()?;
        Ok(())
    }

    /// Makes a project; gives its id.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn project(&self, name: &str) -> Result<String> {
        let project = json!({ "project": { "name": name, "domain_id": "default" } });
        self.create("projects", &project, "/project/id").await
    }

    /// Makes a user; gives its id.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn user(&self, name: &str) -> Result<String> {
        let user = json!({ "name": name, "domain_id": "default", "password": PASSWORD });
        self.create("users", &json!({ "user": user }), "/user/id")
            .await
    }

    /// Makes a role that no rule knows.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn make_role(&self, name: &str) -> Result<String> {
        let role = json!({ "role": { "name": name } });
        self.create("roles", &role, "/role/id").await
    }

    /// The id of a role.
    ///
    /// # Errors
    /// When there is none.
    pub async fn role(&self, name: &str) -> Result<String> {
        let url = format!("{}/roles?name={name}", self.url());
        let request = self.http.get(url).header("x-auth-token", &self.admin);
        let found: Value = request.send().await?.error_for_status()?.json().await?;
        let id = found.pointer("/roles/0/id").and_then(Value::as_str);
        Ok(id
            .with_context(|| format!("there is no role {name}"))?
            .to_owned())
    }

    /// Gives a user a role. All by their ids.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn grant(&self, user: &str, role: &str, scope: &Scope) -> Result<()> {
        let scope = match scope {
            Scope::System => "system".to_owned(),
            Scope::Project(id) => format!("projects/{id}"),
            Scope::Unscoped => return Ok(()),
        };
        let url = format!("{}/{scope}/users/{user}/roles/{role}", self.url());
        let request = self.http.put(url).header("x-auth-token", &self.admin);
        request.send().await?.error_for_status()?;
        Ok(())
    }

    /// Puts the service at this URL into the catalog.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn endpoint(&self, url: &str) -> Result<()> {
        let service = json!({ "service": { "name": "ironic", "type": "baremetal" } });
        let id = self.create("services", &service, "/service/id").await?;
        let endpoint = json!({ "service_id": id, "interface": "public", "url": url });
        let endpoint = json!({ "endpoint": endpoint });
        self.create("endpoints", &endpoint, "/endpoint/id").await?;
        Ok(())
    }

    async fn create(&self, kind: &str, body: &Value, id: &str) -> Result<String> {
        let url = format!("{}/{kind}", self.url());
        let request = self.http.post(url).header("x-auth-token", &self.admin);
        let answer = request.json(body).send().await?.error_for_status()?;
        let answer: Value = answer.json().await?;
        let id = answer.pointer(id).and_then(Value::as_str);
        Ok(id.context("no id")?.to_owned())
    }
}

impl Drop for Keystone {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the server; waits until it listens.
fn serve(venv: &Path, directory: &Path, port: u16) -> Result<(Child, u16)> {
    let mut child = Command::new(venv.join("bin/python"))
        .arg(SERVE)
        .env("OS_KEYSTONE_CONFIG_FILES", file(directory))
        .env("KEYSTONE_PORT", port.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(directory.join("keystone.err"))?)
        .spawn()?;
    let stdout = child.stdout.take().context("no standard output")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    match line.trim().parse() {
        Ok(port) => Ok((child, port)),
        Err(_) => {
            let _ = child.kill();
            let _ = child.wait();
            let said = std::fs::read_to_string(directory.join("keystone.err"))?;
            bail!("keystone does not listen:\n{said}")
        }
    }
}

fn file(directory: &Path) -> PathBuf {
    directory.join("keystone.conf")
}

fn configuration(directory: &Path, lifetime: u32) -> String {
    let here = directory.display();
    format!(
        "[DEFAULT]
log_file = {here}/keystone.log
[database]
connection = sqlite:///{here}/keystone.sqlite
[token]
provider = fernet
expiration = {lifetime}
[fernet_tokens]
key_repository = {here}/fernet-keys
[fernet_receipts]
key_repository = {here}/fernet-keys
[credential]
key_repository = {here}/fernet-keys
[cache]
enabled = false
[identity]
password_hash_rounds = 4
"
    )
}
