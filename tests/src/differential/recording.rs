//! Upstream's answers of an earlier run, by chapter, so that mending Cupola and asking again costs
//! seconds. A recording holds for the requests, the version and the configuration that it was made
//! with; that of another script is never found. What is compared in the end is a run without it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::case::Chapter;
use super::peer::Reply;

/// What upstream answered to a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Its answer.
    pub reply: Reply,
    /// The node when it had come to rest, where the case waits for that.
    pub rested: Option<Reply>,
    /// Whether everything was prepared anew after it.
    pub fresh: bool,
}

/// The answers to a chapter: to its preparation, then to its cases.
pub type Recording = Vec<Answer>;

fn path(chapter: &Chapter, upstream: &str) -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    upstream.hash(&mut hasher);
    format!("{chapter:?}").hash(&mut hasher);
    let directory = crate::qemu::image::cache()?.join("differential");
    std::fs::create_dir_all(&directory)?;
    Ok(directory.join(format!("{}-{:016x}.json", chapter.name, hasher.finish())))
}

/// The recording of a chapter with an upstream of this description; none when there is none whole.
///
/// # Errors
/// When the directory cannot be made.
pub fn read(chapter: &Chapter, upstream: &str) -> Result<Option<Recording>> {
    let Ok(text) = std::fs::read(path(chapter, upstream)?) else {
        return Ok(None);
    };
    let read: Option<Recording> = serde_json::from_slice(&text).ok();
    let whole = chapter.preparation.len() + chapter.cases.len();
    Ok(read.filter(|answers| answers.len() == whole))
}

/// Keeps the answers to a whole chapter.
///
/// # Errors
/// When it cannot be written.
pub fn write(chapter: &Chapter, upstream: &str, recording: &Recording) -> Result<()> {
    std::fs::write(path(chapter, upstream)?, serde_json::to_vec(recording)?)?;
    Ok(())
}
