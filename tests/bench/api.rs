//! The API beside upstream Ironic, in one run on one machine, with the ratios: requests per second,
//! lives of fake nodes, start and memory; and how it holds with 100 000 nodes.
//!
//! `cargo bench -p cupola-tests --bench api [-- requests|lives|memory|scale …]`. Without Ironic from
//! PyPI only our own figures are printed.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(clippy::indexing_slicing, reason = "a missing key of JSON is null")]

#[path = "api/lives.rs"]
mod lives;
#[path = "api/load.rs"]
mod load;
#[path = "api/memory.rs"]
mod memory;
#[path = "api/requests.rs"]
mod requests;
#[path = "api/scale.rs"]
mod scale;
#[path = "api/server.rs"]
mod server;

use anyhow::Result;
use cupola_tests::{skip, upstream};

const CHAPTERS: [&str; 4] = ["requests", "lives", "memory", "scale"];

fn main() -> Result<()> {
    if !skip::has_program("wrk") {
        skip::skipped("bench api", "wrk is not installed: apt-get install wrk");
        return Ok(());
    }
    // Fails only when a provider is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    let is_chosen = |chapter: &&str| {
        let mut named = chosen
            .iter()
            .filter(|word| CHAPTERS.contains(&word.as_str()));
        named.clone().next().is_none() || named.any(|word| word == *chapter)
    };
    let ironic = upstream::environment("bench api")?;
    let ironic = ironic.as_deref();
    tokio::runtime::Runtime::new()?.block_on(async {
        for chapter in CHAPTERS.iter().filter(|chapter| is_chosen(chapter)) {
            match *chapter {
                "requests" => requests::run(ironic).await?,
                "lives" => lives::run(ironic).await?,
                "memory" => memory::run(ironic).await?,
                _ => scale::run().await?,
            }
        }
        Ok(())
    })
}
