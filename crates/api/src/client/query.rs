//! The arguments of a node list.

/// Filters, paging and shape of a node list (wire reference §6).
#[derive(Clone, Debug, Default)]
pub struct NodeQuery {
    /// Fields to show; empty for the default ones.
    pub fields: Vec<&'static str>,
    /// All fields.
    pub detail: bool,
    /// Other arguments as they go on the wire: `("provision_state", "active")`.
    pub filters: Vec<(&'static str, String)>,
    /// At most so many in one answer.
    pub limit: Option<u32>,
    /// Go on after this node.
    pub marker: Option<String>,
}

impl NodeQuery {
    /// The query part of the URI, with its `?`, or nothing.
    #[must_use]
    pub fn to_query(&self) -> String {
        let mut out = url::form_urlencoded::Serializer::new(String::new());
        if !self.fields.is_empty() {
            out.append_pair("fields", &self.fields.join(","));
        }
        if self.detail {
            out.append_pair("detail", "true");
        }
        for (key, value) in &self.filters {
            out.append_pair(key, value);
        }
        if let Some(limit) = self.limit {
            out.append_pair("limit", &limit.to_string());
        }
        if let Some(marker) = &self.marker {
            out.append_pair("marker", marker);
        }
        let query = out.finish();
        if query.is_empty() {
            query
        } else {
            format!("?{query}")
        }
    }
}
