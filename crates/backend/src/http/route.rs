//! From the path of a request to the routes of the contract that have it, and what stands at their
//! parameters.

use std::sync::LazyLock;

use cupola_api::contract::{Operation, ROUTES, Route};
use http::Method;

/// The routes of one path.
type Methods = Vec<&'static Route>;

/// All paths of the contract.
static PATHS: LazyLock<matchit::Router<Methods>> = LazyLock::new(paths);

fn paths() -> matchit::Router<Methods> {
    let mut paths: Vec<(String, Methods)> = Vec::new();
    for route in ROUTES {
        let path = match route.path {
            "/" => String::new(),
            path if path.starts_with('/') => path.to_owned(),
            path => format!("/{path}"),
        };
        let path = without_names(&path);
        match paths.iter_mut().find(|(known, _)| *known == path) {
            Some((_, methods)) => methods.push(route),
            None => paths.push((path, vec![route])),
        }
    }
    let mut router = matchit::Router::new();
    for (path, methods) in paths {
        // A test inserts all of them: only two paths that are one could be refused.
        if let Err(error) = router.insert(if path.is_empty() { "/" } else { &path }, methods) {
            tracing::error!(%error, path, "a path of the contract stands twice");
        }
    }
    router
}

/// The parameters are told by their places: one place may have several names in the contract.
fn without_names(path: &str) -> String {
    let mut number = 0;
    let segments = path.split('/').map(|segment| {
        if segment.starts_with('{') {
            number += 1;
            format!("{{p{number}}}")
        } else {
            segment.to_owned()
        }
    });
    segments.collect::<Vec<_>>().join("/")
}

/// What a path leads to.
#[derive(Debug)]
pub(super) struct Found {
    methods: &'static [&'static Route],
    parameters: Vec<String>,
}

const TAKE_HEAD: [Operation; 4] = [
    Operation::Discovery,
    Operation::VersionRoot,
    Operation::ShowHealth,
    Operation::ShowReadiness,
];

impl Found {
    /// Looks a path up. The prefix `/v1` may be left out, a slash at the end too.
    pub(super) fn at(path: &str) -> Option<Self> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let (below, is_below_v1) = match path.strip_prefix("/v1") {
            Some(rest) if rest.starts_with('/') => (rest, true),
            Some(_) | None => (path, false),
        };
        let found = PATHS.at(if below.is_empty() { "/" } else { below }).ok()?;
        if is_below_v1 && found.value.iter().any(|r| r.path.starts_with('/')) {
            return None;
        }
        let parameters = found.params.iter().map(|(_, text)| decode(text));
        Some(Self {
            methods: found.value.as_slice(),
            parameters: parameters.collect::<Option<_>>()?,
        })
    }

    /// The route of a method. The roots take HEAD as well (wire reference §1.1), and so does what
    /// load balancers ask.
    pub(super) fn route(&self, method: &Method) -> Option<&'static Route> {
        let route = |method: &Method| self.methods.iter().find(|r| r.method == *method).copied();
        match *method {
            Method::HEAD => route(&Method::GET).filter(|r| TAKE_HEAD.contains(&r.operation)),
            _ => route(method),
        }
    }

    /// The methods that the path takes.
    pub(super) fn methods(&self) -> Vec<Method> {
        self.methods.iter().map(|r| r.method.clone()).collect()
    }

    /// What stands at the parameter of that place, counted from 0.
    pub(super) fn parameter(&self, place: usize) -> &str {
        self.parameters.get(place).map_or("", String::as_str)
    }
}

/// Percent-decoding of one segment (RFC 3986, section 2.1); `None` when it is no UTF-8.
fn decode(segment: &str) -> Option<String> {
    if !segment.contains('%') {
        return Some(segment.to_owned());
    }
    let mut out = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            out.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(method: &Method, path: &str) -> Option<(Operation, Vec<String>)> {
        let found = Found::at(path)?;
        let route = found.route(method)?;
        Some((route.operation, found.parameters))
    }

    fn read(path: &str) -> Option<Operation> {
        found(&Method::GET, path).map(|(operation, _)| operation)
    }

    #[test]
    fn every_route_is_found_by_its_path() {
        for route in ROUTES {
            let path = route.path.replace(['{', '}'], "");
            let path = if path.starts_with('/') {
                path
            } else {
                format!("/v1/{path}")
            };
            let operation = found(&route.method, &path).map(|(operation, _)| operation);
            assert_eq!(operation, Some(route.operation), "{path}");
        }
    }

    #[test]
    fn paths_with_and_without_the_prefix_and_the_slash() {
        for path in ["/v1/nodes", "/nodes", "/v1/nodes/", "/nodes/"] {
            assert_eq!(read(path), Some(Operation::ListNodes), "{path}");
        }
        assert_eq!(read("/"), Some(Operation::Discovery));
        assert_eq!(read("/v1/"), Some(Operation::VersionRoot));
        assert_eq!(read("/v1"), Some(Operation::VersionRoot));
        let named = found(&Method::GET, "/v1/nodes/a%20b");
        assert_eq!(named, Some((Operation::ShowNode, vec!["a b".to_owned()])));
        let trait_of = found(&Method::PUT, "/nodes/n/traits/CUSTOM_A");
        let parameters = vec!["n".to_owned(), "CUSTOM_A".to_owned()];
        assert_eq!(trait_of, Some((Operation::AddTrait, parameters)));
        for path in [
            "/v2/nodes",
            "/v1.0/nodes",
            "/v1nodes",
            "/v1/v1",
            "/v1/cupola/v1/events",
            "/v1//nodes",
            "/v1/foo",
            "/v1/nodes/x/detail",
            "/v1/nodes/%ff",
            "/v1/nodes/%zz",
        ] {
            assert_eq!(read(path), None, "{path}");
        }
    }

    #[test]
    fn the_roots_alone_take_head() {
        assert!(found(&Method::HEAD, "/v1").is_some());
        assert!(found(&Method::HEAD, "/readyz").is_some());
        assert!(found(&Method::HEAD, "/v1/nodes").is_none());
    }

    proptest! {
        #[test]
        fn any_path_is_safe(path in "(/[a-z0-9%._ äö-]{0,12}){0,5}/?") {
            let _ = found(&Method::GET, &path);
        }
    }
}
