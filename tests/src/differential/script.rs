//! What is asked. Everything here is made from tables – routes, fields, filters, verbs, and the
//! kinds of values that can go wrong – and, where all combinations would be too many, drawn from them
//! with a seed, so that every run asks the same.

use serde_json::Value;

use super::case::{Case, Chapter, LATEST, Request};

mod bodies;
mod claims;
mod create;
mod groups;
mod lists;
mod mixed;
mod nodes;
mod parts;
mod patch;
mod ports;
mod ramdisk;
mod resource;
mod roots;
mod routes;
mod verbs;

/// All chapters.
#[must_use]
pub fn chapters(seed: u64) -> Vec<Chapter> {
    let mut chapters = vec![roots::chapter(), routes::chapter(), routes::identifiers()];
    chapters.extend(nodes::chapters());
    chapters.extend(ports::chapters());
    chapters.extend(groups::chapters());
    chapters.extend(claims::chapters());
    chapters.extend(parts::chapters());
    chapters.extend(verbs::chapters());
    chapters.push(bodies::chapter());
    chapters.push(ramdisk::chapter());
    chapters.push(mixed::chapter(seed));
    for chapter in &mut chapters {
        let name = chapter.name;
        let mut names = std::collections::BTreeSet::new();
        // A case that tables bring twice is asked once.
        chapter
            .cases
            .retain(|case| names.insert(format!("{name} | {}", case.request.name())));
    }
    chapters
}

/// Reads JSON of a table.
fn json(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value) => value,
        Err(_) => Value::from(text),
    }
}

fn get(path: impl Into<String>) -> Request {
    Request::new("GET", path)
}

fn post(path: impl Into<String>, body: &str) -> Request {
    Request::new("POST", path).json(json(body))
}

fn put(path: impl Into<String>, body: &str) -> Request {
    Request::new("PUT", path).json(json(body))
}

fn delete(path: impl Into<String>) -> Request {
    Request::new("DELETE", path)
}

/// A node of the fake hardware type.
fn node(word: &str, more: &str) -> Case {
    let body = format!(
        r#"{{"uuid":"${word}","name":"$${word}","driver":"fake-hardware"{}{more}}}"#,
        if more.is_empty() { "" } else { "," }
    );
    post("/v1/nodes", &body).into()
}

/// The version below, at, and the newest.
fn around(since: u16) -> Vec<u16> {
    let mut all = vec![since.max(2) - 1, since, LATEST];
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::differential::case::Body;

    #[test]
    fn the_script_is_large_and_the_same_in_every_run() {
        let (first, second) = (chapters(1), chapters(1));
        let count: usize = first
            .iter()
            .map(|c| c.preparation.len() + c.cases.len())
            .sum();
        assert!(count > 1_000, "{count}");
        for (a, b) in first.iter().zip(&second) {
            assert_eq!(a.cases, b.cases, "{}", a.name);
        }
    }

    #[test]
    fn bodies_are_what_the_tables_mean() {
        for chapter in chapters(1) {
            for case in chapter.preparation.iter().chain(&chapter.cases) {
                if let Body::Json(Value::String(text)) = &case.request.body {
                    assert!(!text.starts_with(['{', '[']), "no JSON: {text}");
                }
            }
        }
    }
}
