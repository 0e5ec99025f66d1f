//! Reading a collection and its items: pages, order, fields, detail.

use super::super::case::{Case, Request};
use super::resource::Resource;
use super::{around, get};

/// Arguments of any list.
const ARGUMENTS: [&str; 26] = [
    "limit=1",
    "limit=2&sort_key=uuid",
    "limit=0",
    "limit=-1",
    "limit=x",
    "limit=",
    "limit=1.5",
    "limit=5000",
    "limit=99999999999999999999",
    "marker=$unknown",
    "marker=x",
    "marker=",
    "marker=$it",
    "marker=$it&limit=1",
    "sort_dir=desc",
    "sort_dir=up",
    "sort_dir=",
    "sort_key=no_such_field",
    "sort_key=",
    "detail=true",
    "detail=false",
    "detail=maybe",
    "detail=true&fields=uuid",
    "foo=1",
    "foo=1&bar=2",
    "limit=1&limit=2",
];

/// The cases of a collection whose items `$it` and `$other` are there.
pub(super) fn cases(resource: &Resource) -> Vec<Case> {
    let base = format!("/v1/{}", resource.collection);
    let mut requests: Vec<Request> = Vec::new();
    for minor in around(resource.since) {
        requests.push(get(&base).at(minor));
        requests.push(get(format!("{base}/detail")).at(minor));
        requests.push(get(format!("{base}/$it")).at(minor));
    }
    for minor in [42, 43] {
        if minor >= resource.since {
            requests.push(get(format!("{base}?detail=true")).at(minor));
        }
    }
    for arguments in ARGUMENTS {
        requests.push(get(format!("{base}?{arguments}")));
    }
    requests.push(get(format!("{base}/detail?fields=uuid")));
    requests.push(get(format!("{base}/detail?limit=1")));
    for fields in [
        "fields=",
        "fields=uuid,UUID",
        "fields=uuid&fields=extra",
        "fields=,",
        "fields=uuid,no_such_field",
        "foo=1",
    ] {
        requests.push(get(format!("{base}?{fields}")));
        requests.push(get(format!("{base}/$it?{fields}")));
    }
    let mut seen = Vec::new();
    for (since, name) in resource.all() {
        requests.push(get(format!("{base}/$it?fields={name}")));
        requests.push(get(format!("{base}?sort_key={name}")));
        if since > resource.since {
            requests.push(get(format!("{base}?fields={name}")).at(since - 1));
            requests.push(get(format!("{base}/$it?fields={name}")).at(since - 1));
            requests.push(get(format!("{base}?sort_key={name}")).at(since - 1));
            seen.push(since);
        }
    }
    seen.sort_unstable();
    seen.dedup();
    for since in seen {
        requests.push(get(format!("{base}/$it")).at(since - 1));
        requests.push(get(format!("{base}/$it")).at(since));
    }
    for identifier in [
        "$unknown",
        "x%20y",
        "no-such",
        "$it.json",
        "%F0%9F%98%80",
        "5",
        "-",
    ] {
        requests.push(get(format!("{base}/{identifier}")));
        requests.push(Request::new("DELETE", format!("{base}/{identifier}")));
    }
    // The last but one takes `$it` away where `.json` is cut off.
    requests.retain(|r| !(r.method == "DELETE" && r.path.ends_with(".json")));
    let mut cases: Vec<Case> = requests.into_iter().map(Case::from).collect();
    cases.push(Case::from(Request::new("DELETE", format!("{base}/$it"))).spoiling());
    cases.push(
        Case::from(Request::new("DELETE", format!("{base}/$it")).at(resource.since)).spoiling(),
    );
    cases
}
