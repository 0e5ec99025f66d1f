//! What the questions are about: a node with all that can belong to one, and what belongs to projects.
//! All of it is owned by the first project; the nodes are leased by the second.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cupola_tests::serve::Serve;
use http::Method;
use serde_json::{Value, json};

/// How long a node may take from state to state.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who asks: a header and its value.
pub(crate) type Who<'a> = (&'static str, &'a str);

/// Asks one service at the newest version.
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
}

impl Client {
    pub(crate) fn new(service: &Serve) -> Self {
        // Fails only when a provider is there already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            http: reqwest::Client::new(),
            url: service.url().to_owned(),
        }
    }

    /// A request of this path from the root.
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        request.header("x-openstack-ironic-api-version", "latest")
    }

    async fn call(&self, who: Who<'_>, method: Method, path: &str, body: Value) -> Result<Value> {
        let mut request = self.request(method, path).header(who.0, who.1);
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{path}: {status} {text}");
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    async fn get(&self, who: Who<'_>, path: &str) -> Result<Value> {
        self.call(who, Method::GET, path, Value::Null).await
    }

    /// Makes something; its UUID.
    async fn make(&self, who: Who<'_>, path: &str, body: Value) -> Result<String> {
        let path = format!("/v1/{path}");
        let made = self.call(who, Method::POST, &path, body).await?;
        Ok(made["uuid"].as_str().context("no UUID")?.to_owned())
    }

    async fn until(&self, who: Who<'_>, path: &str, field: &str, wanted: &str) -> Result<()> {
        let is_there = async {
            loop {
                let shown = self.get(who, path).await?;
                if shown[field] == wanted {
                    return anyhow::Ok(());
                }
                ensure!(shown["last_error"].is_null(), "{path}: {shown}");
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, is_there).await;
        waited.with_context(|| format!("{path} is never {wanted}"))?
    }
}

/// Identifiers of what there is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Things {
    pub(crate) owner: String,
    pub(crate) lessee: String,
    pub(crate) node: String,
    pub(crate) parent: String,
    pub(crate) chassis: String,
    pub(crate) instance: String,
    pub(crate) port: String,
    pub(crate) portgroup: String,
    pub(crate) connector: String,
    pub(crate) target: String,
    /// The node that the allocation has got.
    pub(crate) given: String,
    pub(crate) allocation: String,
    pub(crate) runbook: String,
}

impl Things {
    /// Makes all of it; `owner` is somebody of the project that owns it.
    pub(crate) async fn make(
        client: &Client,
        admin: Who<'_>,
        owner: Who<'_>,
        projects: [&str; 2],
    ) -> Result<Self> {
        let mut things = Self {
            owner: projects[0].to_owned(),
            lessee: projects[1].to_owned(),
            instance: uuid::Uuid::new_v4().to_string(),
            ..Self::default()
        };
        things.make_node(client, admin).await?;
        things.make_parts(client, admin).await?;
        things.allocate(client, admin, owner).await?;
        let steps = json!([{ "interface": "deploy", "step": "a", "args": {}, "order": 1 }]);
        let runbook = json!({ "name": "CUSTOM_BOOK", "owner": things.owner, "steps": steps });
        things.runbook = client.make(admin, "runbooks", runbook).await?;
        Ok(things)
    }

    async fn make_node(&mut self, client: &Client, admin: Who<'_>) -> Result<()> {
        self.chassis = client.make(admin, "chassis", json!({})).await?;
        let parent = json!({ "driver": "fake-hardware", "owner": self.owner });
        self.parent = client.make(admin, "nodes", parent).await?;
        let node = json!({
            "driver": "fake-hardware", "name": "matrix", "owner": self.owner, "lessee": self.lessee,
            "chassis_uuid": self.chassis, "parent_node": self.parent, "shard": "s",
            "instance_uuid": self.instance, "description": "d", "automated_clean": false,
            "extra": { "a": 1 }, "properties": { "a": 1 }, "instance_info": { "a": 1 },
            "driver_info": { "a": 1 },
        });
        self.node = client.make(admin, "nodes", node).await?;
        Ok(())
    }

    async fn make_parts(&mut self, client: &Client, admin: Who<'_>) -> Result<()> {
        let [port, portgroup, connector, target] = self.parts();
        self.port = client.make(admin, "ports", port).await?;
        self.portgroup = client.make(admin, "portgroups", portgroup).await?;
        self.connector = client.make(admin, "volume/connectors", connector).await?;
        self.target = client.make(admin, "volume/targets", target).await?;
        Ok(())
    }

    /// A port, a port group, a connector and a target of the node, of which there is one each.
    pub(crate) fn parts(&self) -> [Value; 4] {
        let node = &self.node;
        [
            json!({ "node_uuid": node, "address": "02:00:00:00:00:01" }),
            json!({ "node_uuid": node, "name": "bond0" }),
            json!({ "node_uuid": node, "type": "iqn", "connector_id": "iqn.2026-01.test:1" }),
            json!({ "node_uuid": node, "volume_type": "iscsi", "boot_index": 0, "volume_id": "v" }),
        ]
    }

    /// A node that is given to somebody of its owner.
    async fn allocate(&mut self, client: &Client, admin: Who<'_>, owner: Who<'_>) -> Result<()> {
        let node = json!({
            "driver": "fake-hardware", "name": "given", "owner": self.owner, "lessee": self.lessee,
            "resource_class": "given", "automated_clean": false,
        });
        self.given = client.make(admin, "nodes", node).await?;
        let path = format!("/v1/nodes/{}", self.given);
        for (verb, state) in [("manage", "manageable"), ("provide", "available")] {
            let states = format!("{path}/states/provision");
            let body = json!({ "target": verb });
            client.call(admin, Method::PUT, &states, body).await?;
            client.until(admin, &path, "provision_state", state).await?;
        }
        // Only a node whose power is known is given away.
        let off = json!({ "target": "power off" });
        let states = format!("{path}/states/power");
        client.call(admin, Method::PUT, &states, off).await?;
        client
            .until(admin, &path, "power_state", "power off")
            .await?;
        let wanted = json!({ "resource_class": "given", "name": "wanted" });
        self.allocation = client.make(owner, "allocations", wanted).await?;
        let path = format!("/v1/allocations/{}", self.allocation);
        client.until(admin, &path, "state", "active").await
    }

    /// All that there is, as an administrator sees it.
    pub(crate) async fn state(&self, client: &Client, admin: Who<'_>) -> Result<Value> {
        let mut all = serde_json::Map::new();
        for path in [
            "nodes/detail",
            "ports/detail",
            "portgroups/detail",
            "volume/connectors?detail=true",
            "volume/targets?detail=true",
            "allocations",
            "runbooks?detail=true",
            "chassis/detail",
            "deploy_templates",
            "inspection_rules",
        ] {
            let shown = client.get(admin, &format!("/v1/{path}")).await?;
            all.insert(path.to_owned(), shown);
        }
        Ok(Value::Object(all))
    }
}
