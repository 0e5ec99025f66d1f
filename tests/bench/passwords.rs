//! Whether the time of an answer tells which users there are: wrong passwords of users whose hashes are of
//! several costs, beside those of nobody, one after the other in turn.
//!
//! `cargo bench -p cupola-tests --bench passwords [-- ROUNDS]`. 40 rounds when nothing is said.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cupola_tests::serve::Serve;
use reqwest::{Client, StatusCode};

/// Salt and hash of no password that anybody knows.
const UNKNOWN: &str = "jeiP1gJMmlI6YWg6TmLIjemCBP9TUuEnitV6P53hTDiIODlRtl82u";

/// Whose password is guessed: by name, and as the figures are told.
const GUESSED: [(&str, &str); 4] = [
    ("low", "a user whose hash is of cost 4"),
    ("usual", "a user whose hash is of cost 10"),
    ("nobody", "no user"),
    ("a-much-longer-name-of-nobody", "no user, by a longer name"),
];

fn main() -> Result<()> {
    let rounds = std::env::args().find_map(|word| word.parse().ok());
    tokio::runtime::Runtime::new()?.block_on(run(rounds.unwrap_or(40)))
}

async fn run(rounds: usize) -> Result<()> {
    // Fails only when a provider is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let directory = tempfile::tempdir()?;
    let users = directory.path().join("users");
    let text = format!("low:$2b$04${UNKNOWN}\nusual:$2b$10${UNKNOWN}\n");
    std::fs::write(&users, text)?;
    let file = format!("api.http_basic_auth_user_file={}", users.display());
    // Who guesses would be told to wait.
    let unlimited = "api.refused_logins_per_second=0";
    let arguments = ["--auth", "http_basic", "--set", &file, "--set", unlimited];
    let service = Serve::start(directory.path(), &arguments)?;
    let client = Client::builder().no_proxy().build()?;
    let url = format!("{}/v1/nodes", service.url());
    let mut times = GUESSED.map(|_| Vec::with_capacity(rounds));
    // The first round is for the connection.
    for round in 0..=rounds {
        for ((user, _), times) in GUESSED.iter().zip(&mut times) {
            let request = client.get(&url).basic_auth(user, Some("guess"));
            let begun = Instant::now();
            let status = request.send().await?.status();
            let took = begun.elapsed();
            ensure!(status == StatusCode::UNAUTHORIZED, "{user}: {status}");
            if round > 0 {
                times.push(took);
            }
        }
    }
    println!("a wrong password, {rounds} times each, milliseconds");
    println!("  lower quartile     median  upper quartile");
    for ((_, who), mut times) in GUESSED.into_iter().zip(times) {
        times.sort_unstable();
        let at = |part: usize| -> Result<f64> {
            let time = times.get(times.len() * part / 4);
            time.map(millis).context("no rounds")
        };
        let (low, median, high) = (at(1)?, at(2)?, at(3)?);
        println!("  {low:14.2} {median:10.2} {high:15.2}  {who}");
    }
    Ok(())
}

fn millis(time: &Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
