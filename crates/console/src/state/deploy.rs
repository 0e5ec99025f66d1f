//! The deploy wizard: which image, on which nodes, a preview, and what becomes of it.

use std::collections::BTreeMap;

use cupola_api::cupola::{Image, NodeSummary};
use cupola_api::id::NodeId;
use cupola_api::patch::PatchOperation;
use serde_json::json;

use super::form::{Field, Form};
use crate::effect::Action;

/// The steps of the wizard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Which image.
    Image,
    /// An image that is not configured.
    Other,
    /// Which nodes will get it, and which not and why.
    Preview,
    /// The nodes on their way.
    Progress,
}

/// The wizard.
#[derive(Debug)]
pub(crate) struct Deploy {
    /// The step that is shown.
    pub(crate) step: Step,
    /// The nodes that were marked.
    pub(crate) nodes: Vec<NodeId>,
    /// The configured images, or why they are not known; nothing while they are asked for.
    pub(crate) images: Option<Result<Vec<Image>, String>>,
    /// The image under the cursor; one past the last is the one that is not configured.
    pub(crate) at: usize,
    /// An image that is not configured.
    pub(crate) other: Form,
    /// Whether each node gets a config drive with its name as hostname.
    pub(crate) config_drive: bool,
    /// Requests that were refused.
    pub(crate) refused: BTreeMap<NodeId, String>,
    /// The nodes that were asked.
    pub(crate) asked: Vec<NodeId>,
    /// The first line that is shown of a long list.
    pub(crate) top: usize,
}

impl Deploy {
    /// A wizard for these nodes.
    pub(crate) fn new(nodes: Vec<NodeId>) -> Self {
        let formats = ["raw", "qcow2"].map(str::to_owned).to_vec();
        let other = vec![
            Field::text("Image URL", "http://, https:// or file://", ""),
            Field::text(
                "Checksum",
                "sha256, sha512 or md5 of the file, hexadecimal; file:// needs none",
                "",
            ),
            Field::choice("Format", "Left and Right choose", formats),
        ];
        Self {
            step: Step::Image,
            nodes,
            images: None,
            at: 0,
            other: Form::new(other),
            config_drive: true,
            refused: BTreeMap::new(),
            asked: Vec::new(),
            top: 0,
        }
    }

    /// The configured images.
    pub(crate) fn configured(&self) -> &[Image] {
        match &self.images {
            Some(Ok(images)) => images,
            Some(Err(_)) | None => &[],
        }
    }

    /// The image that is chosen.
    pub(crate) fn image(&self) -> Option<Image> {
        if let Some(image) = self.configured().get(self.at) {
            return Some(image.clone());
        }
        let source = self.other.text("Image URL");
        let hash_value = self.other.text("Checksum");
        image_at(&source, &hash_value, &self.other.text("Format"))
    }

    /// Checks the form of the image that is not configured.
    pub(crate) fn check_other(&mut self) -> bool {
        let url = self.other.text("Image URL");
        let known = ["http://", "https://", "file://"]
            .iter()
            .any(|s| url.starts_with(s));
        if !known || url.len() < 10 {
            self.other.complain(
                "Image URL",
                "a URL that begins with http://, https:// or file://",
            );
        } else if self.image().is_none() {
            let wanted = "32 (md5), 64 (sha256) or 128 (sha512) hexadecimal digits; only file:// \
                          needs none";
            self.other.complain("Checksum", wanted);
        } else {
            return true;
        }
        false
    }

    /// What is sent to a node.
    pub(crate) fn action(&self, image: &Image, node: &NodeSummary) -> Action {
        let hostname = self
            .config_drive
            .then(|| crate::summary::display_name(node));
        action(image, hostname.as_deref())
    }
}

/// The action that deploys an image, with a config drive that carries this hostname.
pub(crate) fn action(image: &Image, hostname: Option<&str>) -> Action {
    let set = |key: &str, value: &str| PatchOperation::add(format!("/instance_info/{key}"), value);
    let mut patch = vec![
        set("image_source", &image.source),
        set("image_disk_format", &image.disk_format),
    ];
    // Of its own files the conductor works the checksum out by itself.
    if !image.hash_value.is_empty() {
        patch.push(set("image_os_hash_algo", &image.hash_algo));
        patch.push(set("image_os_hash_value", &image.hash_value));
    }
    let config_drive = hostname.map(
        |name| json!({ "meta_data": { "hostname": name, "local-hostname": name, "name": name } }),
    );
    Action::Deploy {
        patch,
        config_drive,
    }
}

/// An image by its URL; none without a checksum. Of files on its own host the conductor works it out
/// by itself.
pub(crate) fn image_at(source: &str, checksum: &str, format: &str) -> Option<Image> {
    let checksum = checksum.to_ascii_lowercase();
    let is_served = source.starts_with("file://");
    let algorithm = match hash_algorithm(&checksum) {
        Some(algorithm) => algorithm,
        None if is_served && checksum.is_empty() => "",
        None => return None,
    };
    Some(Image {
        name: source.rsplit('/').next().unwrap_or_default().to_owned(),
        source: source.to_owned(),
        disk_format: format.to_owned(),
        hash_algo: algorithm.to_owned(),
        hash_value: checksum,
        size: None,
    })
}

/// The algorithm of a hexadecimal hash, by its length.
fn hash_algorithm(hash: &str) -> Option<&'static str> {
    if !hash.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    match hash.len() {
        32 => Some("md5"),
        64 => Some("sha256"),
        128 => Some("sha512"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_is_not_configured_needs_url_and_checksum() {
        let mut deploy = Deploy::new(Vec::new());
        assert!(!deploy.check_other());
        deploy.other.focus = 0;
        deploy.other.paste("http://images/debian.qcow2");
        assert!(!deploy.check_other());
        deploy.other.paste(&"a".repeat(64));
        assert!(deploy.check_other());
        let image = deploy.image().expect("an image");
        assert_eq!(
            (image.hash_algo.as_str(), image.name.as_str()),
            ("sha256", "debian.qcow2")
        );
    }

    #[test]
    fn a_file_of_the_conductor_needs_no_checksum() {
        let mut deploy = Deploy::new(Vec::new());
        deploy.other.paste("file:///srv/debian.raw");
        assert!(deploy.check_other());
        let image = deploy.image().expect("an image");
        let Action::Deploy { patch, .. } = action(&image, None) else {
            panic!("a deploy")
        };
        assert_eq!(patch.len(), 2, "no checksum is sent: {patch:?}");
        deploy.other.focus = 1;
        deploy.other.paste("abc");
        assert!(!deploy.check_other(), "one that is given must be one");
    }
}
