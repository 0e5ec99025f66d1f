//! The table of routes as a page for its readers.

use std::fmt::Write;

use super::argument::ArgumentKind;
use super::operation::ROUTES;
use super::route::{Older, Route};
use crate::microversion::Microversion;

/// The page, in Markdown.
#[must_use]
pub fn document() -> String {
    let mut out = String::from(
        "# Routes of the API\n\nGenerated from the table of routes in `crates/api`. `since` is the microversion that brought \
         the route, or the\nargument; *older* is what a request of an older version gets. Policies are \
         Ironic's, without `baremetal:`.\n\n\
         | method | path | since | older | policy | arguments | |\n|---|---|---|---|---|---|---|\n",
    );
    for route in ROUTES {
        let path = match route.path.strip_prefix('/') {
            Some(_) => route.path.to_owned(),
            None => format!("/v1/{}", route.path),
        };
        // Writing to a text does not fail.
        let _ = writeln!(
            out,
            "| {} | `{path}` | {} | {} | {} | {} | {} |",
            route.method,
            route.since,
            older(route.older),
            policy(route),
            arguments(route),
            route.operation.summary().trim_end_matches('.'),
        );
    }
    out
}

const fn older(older: Older) -> &'static str {
    match older {
        Older::Fits => "",
        Older::NoPath | Older::NotSupported => "404",
        Older::NoMethod => "405",
        Older::NotAcceptable => "406",
        Older::NotSupportedAfterFirst => "404, but not 1.1",
    }
}

fn policy(route: &Route) -> String {
    if route.policy.is_empty() {
        "public".to_owned()
    } else {
        format!("`{}`", route.policy)
    }
}

fn arguments(route: &Route) -> String {
    let words = route.arguments.iter().flat_map(|group| group.iter());
    let words = words.map(|argument| {
        let kind = match argument.kind {
            ArgumentKind::Text => "",
            ArgumentKind::Number => " (number)",
            ArgumentKind::Boolean => " (boolean)",
            ArgumentKind::Uuid => " (UUID)",
            ArgumentKind::List => " (list)",
        };
        let since = if argument.since > Microversion::MIN {
            format!(" since {}", argument.since)
        } else {
            String::new()
        };
        format!("`{}`{kind}{since}", argument.name)
    });
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_page_is_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api.md");
        let fresh = document();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, &fresh).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            stored == fresh,
            "docs/api.md is old: run this test with UPDATE_DOCS=1"
        );
    }
}
