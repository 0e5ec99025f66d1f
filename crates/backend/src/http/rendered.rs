//! Nodes that have been written as JSON before: one cache of single nodes by revision, one of whole
//! pages and one of the summaries by the version of the snapshot.
//!
//! All are bounded in bytes; a full one is emptied, because what is in use comes back at once. A
//! stale entry cannot be served: a node's revision and the snapshot's version only grow.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;

use super::chunks::{Chunks, Writer};
use super::shape::NodeShape;
use crate::store::{Listed, Revision, StoredNode};

/// How much the cache of single nodes holds, in bytes: five lists of 1 000.
const NODES: usize = 2 << 20;
/// How much the cache of pages holds, in bytes: ten lists of 1 000 nodes, or one in detail.
const PAGES: usize = 4 << 20;
/// Up to which size summaries are kept, in bytes: consoles ask for all nodes at once.
const SUMMARIES: usize = 64 << 20;

/// How a node is shown: what, and under which base URL its links are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Look {
    pub(super) shape: NodeShape,
    pub(super) base: Arc<str>,
}

/// A node as it was written.
#[derive(Debug)]
struct Entry {
    revision: Revision,
    /// The assignment of nodes to conductors that it was written under.
    assignment: u64,
    json: Box<[u8]>,
}

#[derive(Debug, Default)]
struct Nodes {
    /// By look, then by the node's row.
    looks: HashMap<Look, HashMap<i64, Entry>>,
    bytes: usize,
}

/// What was written because it was not known: none of it when it is more than can be kept.
#[derive(Debug, Default)]
struct Missed {
    entries: Vec<(i64, Entry)>,
    bytes: usize,
}

impl Missed {
    fn push(&mut self, node: &StoredNode, assignment: u64, json: &[u8]) {
        self.bytes += json.len();
        if self.bytes > NODES {
            self.entries = Vec::new();
            return;
        }
        let entry = Entry {
            revision: node.revision,
            assignment,
            json: json.into(),
        };
        self.entries.push((node.row, entry));
    }
}

#[derive(Debug, Default)]
struct Pages {
    pages: HashMap<(Look, String), (u64, Chunks)>,
    bytes: usize,
}

/// The caches, and the summaries of all nodes at one version.
#[derive(Debug, Default)]
pub(super) struct Rendered {
    nodes: RwLock<Nodes>,
    pages: RwLock<Pages>,
    summaries: RwLock<Option<(u64, Bytes)>>,
}

impl Rendered {
    /// Appends the nodes, separated by commas. `conductor` names the conductor of a node under this
    /// version of the assignment, and is asked only when the look shows it.
    pub(super) fn write(
        &self,
        answer: &mut Writer,
        nodes: &[Listed],
        look: &Look,
        assignment: u64,
        conductor: impl Fn(&StoredNode) -> Option<String>,
    ) {
        let shows_conductor = look.shape.shows_conductor();
        let mut missed = Missed::default();
        let cache = self.nodes.read();
        let known = cache.looks.get(look);
        for (index, node) in nodes.iter().enumerate() {
            let out = answer.open();
            if index > 0 {
                out.push(b',');
            }
            let is_right = |entry: &&Entry| {
                entry.revision == node.revision() && entry.assignment == assignment
            };
            let entry = known.and_then(|k| k.get(&node.row())).filter(is_right);
            if let Some(entry) = entry {
                out.extend_from_slice(&entry.json);
            } else if let Some(node) = node.node() {
                let conductor = if shows_conductor {
                    conductor(&node)
                } else {
                    None
                };
                let start = out.len();
                look.shape
                    .write(out, &node, conductor.as_deref(), &look.base);
                let json = out.get(start..).unwrap_or_default();
                missed.push(&node, assignment, json);
            }
        }
        drop(cache);
        if !missed.entries.is_empty() {
            self.keep(look, missed);
        }
    }

    fn keep(&self, look: &Look, missed: Missed) {
        let Missed {
            entries,
            bytes: added,
        } = missed;
        let mut cache = self.nodes.write();
        if cache.bytes + added > NODES {
            *cache = Nodes::default();
        }
        cache.bytes += added;
        let known = cache.looks.entry(look.clone()).or_default();
        let mut replaced = 0;
        for (row, entry) in entries {
            if let Some(old) = known.insert(row, entry) {
                replaced += old.json.len();
            }
        }
        cache.bytes = cache.bytes.saturating_sub(replaced);
    }

    /// A page that was rendered from this version of the snapshot.
    pub(super) fn page(&self, key: &(Look, String), version: u64) -> Option<Chunks> {
        let cache = self.pages.read();
        let (made, bytes) = cache.pages.get(key)?;
        (*made == version).then(|| bytes.clone())
    }

    /// Makes place for a page that is about to be written.
    pub(super) fn make_place(&self, version: u64) {
        let mut cache = self.pages.write();
        // Pages of older versions are of no use to anybody.
        let stale = cache.pages.values().any(|(made, _)| *made < version);
        if stale {
            cache.pages.retain(|_, (made, _)| *made >= version);
            let pages = cache.pages.iter();
            cache.bytes = pages.map(|(key, (_, page))| weight(key, page)).sum();
        }
    }

    /// The summaries as they were rendered from this version of the snapshot.
    pub(super) fn summaries(&self, version: u64) -> Option<Bytes> {
        let cache = self.summaries.read();
        let (made, bytes) = cache.as_ref()?;
        (*made == version).then(|| bytes.clone())
    }

    /// Keeps the summaries of all nodes.
    pub(super) fn keep_summaries(&self, version: u64, rendered: Bytes) {
        if rendered.len() <= SUMMARIES {
            *self.summaries.write() = Some((version, rendered));
        }
    }

    /// Keeps a page.
    pub(super) fn keep_page(&self, key: (Look, String), version: u64, page: Chunks) {
        self.make_place(version);
        let mut cache = self.pages.write();
        let added = weight(&key, &page);
        if added > PAGES {
            return;
        }
        if cache.bytes + added > PAGES {
            *cache = Pages::default();
        }
        cache.bytes += added;
        let replaced = cache
            .pages
            .get(&key)
            .map_or(0, |(_, old)| weight(&key, old));
        cache.pages.insert(key, (version, page));
        cache.bytes = cache.bytes.saturating_sub(replaced);
    }
}

/// What a page costs: keys come from clients and may be longer than what they ask for.
fn weight(key: &(Look, String), page: &Chunks) -> usize {
    const ENTRY: usize = 256;
    ENTRY + key.0.base.len() + key.1.len() + page.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Progress;
    use cupola_api::node::Node;
    use cupola_api::{Microversion, NodeId};

    fn stored(name: &str, revision: i64) -> Arc<StoredNode> {
        let mut node = Node::new(NodeId::random(), "ipmi".to_owned());
        node.name = Some(name.to_owned());
        let revision = Revision(revision);
        Arc::new(StoredNode {
            node,
            row: 1,
            revision,
            progress: Progress::default(),
        })
    }

    fn written(cache: &Rendered, node: Arc<StoredNode>, assignment: u64) -> String {
        let shape = NodeShape::full(Microversion::MAX);
        let look = Look {
            shape,
            base: Arc::from("http://h"),
        };
        let mut out = Writer::new(0);
        let conductor = |_: &StoredNode| Some(format!("conductor-{assignment}"));
        cache.write(
            &mut out,
            &[Listed::Whole(node)],
            &look,
            assignment,
            conductor,
        );
        String::from_utf8(out.open().clone()).expect("UTF-8")
    }

    #[test]
    fn a_new_revision_or_assignment_is_never_served_from_the_cache() {
        let cache = Rendered::default();
        let first = stored("before", 1);
        assert!(written(&cache, first.clone(), 0).contains("\"before\""));
        assert_eq!(
            written(&cache, first.clone(), 0),
            written(&cache, first.clone(), 0)
        );
        assert!(written(&cache, first, 1).contains("\"conductor-1\""));
        assert!(written(&cache, stored("after", 2), 1).contains("\"after\""));
    }

    #[test]
    fn pages_live_as_long_as_their_version() {
        let cache = Rendered::default();
        let look = Look {
            shape: NodeShape::list(Microversion::MAX),
            base: Arc::from("http://h"),
        };
        let key = (look, "limit=5".to_owned());
        let mut page = Writer::new(4);
        page.open().extend_from_slice(b"page");
        cache.keep_page(key.clone(), 7, page.finish());
        assert_eq!(cache.page(&key, 7).map(|page| page.len()), Some(4));
        assert!(cache.page(&key, 8).is_none());
    }
}
