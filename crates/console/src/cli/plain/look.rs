//! What only looks: lists, a node's fields, its explanation and timeline, the images.

use cupola_api::id::NodeIdent;
use jiff::Timestamp;

use super::order::{HELP, Watch};
use super::{Next, Plain, Trouble, tell};
use crate::cli::enroll::ask;
use crate::cli::enroll::run::Plan;
use crate::cli::watch::Patience;
use crate::cli::{Failure, explain, node, output};
use crate::describe;

/// What a question that failed becomes: the person may ask again.
fn told(error: impl Into<Failure>) -> Trouble {
    Trouble::Told(error.into().to_string())
}

impl Plain {
    pub(super) fn help(&self) -> Result<(), Trouble> {
        for (usage, does) in HELP {
            output::line(&format!("{usage}: {does}"))?;
        }
        let text =
            "NODES are names or UUIDs, or `where` and a filter: `manage where state:enroll`.";
        Ok(output::line(text)?)
    }

    pub(super) fn list(&self, filter: &str) -> Result<(), Trouble> {
        let nodes = self.matching(filter)?;
        for node in &nodes {
            output::line(&tell::row(node))?;
        }
        let count = describe::count(nodes.len(), "node");
        let of = match filter {
            "" => String::new(),
            _ => format!(" of {}", self.fleet.len()),
        };
        Ok(output::line(&format!("{count}{of}."))?)
    }

    pub(super) async fn show(&self, name: &str) -> Result<(), Trouble> {
        let ident = NodeIdent::from(name);
        let node = self.client.node(&ident).await.map_err(told)?;
        let ports = self.client.ports(&ident).await.map_err(told)?;
        for line in node::show_lines(&node, &ports) {
            output::line(&line)?;
        }
        Ok(())
    }

    pub(super) async fn explain(&self, name: &str) -> Result<(), Trouble> {
        let explanation = self.client.explain(&NodeIdent::from(name)).await;
        for line in explain::lines(&explanation.map_err(told)?, Timestamp::now()) {
            output::line(&line)?;
        }
        Ok(())
    }

    pub(super) async fn timeline(&self, name: &str) -> Result<(), Trouble> {
        let timeline = self.client.timeline(&NodeIdent::from(name), None).await;
        for event in &timeline.map_err(told)?.events {
            output::line(&describe::line(event))?;
        }
        Ok(())
    }

    pub(super) async fn images(&self) -> Result<(), Trouble> {
        let images = self.client.images().await.map_err(told)?.images;
        for image in &images {
            output::line(&format!(
                "{}: {} at {}",
                image.name, image.disk_format, image.source
            ))?;
        }
        let text = match images.len() {
            0 => "No image is configured: `deploy` takes a URL.".to_owned(),
            count => format!("{}.", describe::count(count, "image")),
        };
        Ok(output::line(&text)?)
    }

    pub(super) fn watch(&mut self, watch: Watch) -> Result<(), Trouble> {
        if let Watch::Named(names) = &watch
            && let Some(name) = names.iter().find(|name| self.fleet.find(name).is_none())
        {
            let text = format!("there is no node {name}; `list` tells which there are");
            return Err(text.into());
        }
        let text = match &watch {
            Watch::All => "Changes of all nodes are told.".to_owned(),
            Watch::Failures => "Changes of nodes that failed are told.".to_owned(),
            Watch::Nothing => "No changes are told.".to_owned(),
            Watch::Named(names) => format!("Changes of {} are told.", names.join(", ")),
        };
        self.watch = watch;
        Ok(output::line(&text)?)
    }

    /// The wizard reads the lines meanwhile; what happens is told when it is done.
    pub(super) async fn enrol(&mut self) -> Result<Next, Trouble> {
        if let Some(why) = self.safety.refusal() {
            return Err(why.into());
        }
        let plan = Plan {
            manage: false,
            inspect: false,
            provide: true,
            probe: true,
            patience: Patience::default(),
            json: false,
        };
        ask::run(&self.client, plan).await.map_err(told)?;
        Ok(Next::Line)
    }
}
