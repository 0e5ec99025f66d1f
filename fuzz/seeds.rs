//! The seeds of a fuzz target, which are files of `fuzz/seeds/TARGET`: the tests of the target's
//! body make them, so that they stay what our codecs write. Included by those tests.

use std::path::Path;

/// Compares the target's seeds with those that are kept; `UPDATE_SEEDS=1` keeps these instead.
pub(crate) fn check(target: &str, seeds: &[(&str, Vec<u8>)]) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/seeds")
        .join(target);
    let update = std::env::var_os("UPDATE_SEEDS").is_some();
    if update {
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
    }
    for (name, seed) in seeds {
        let path = directory.join(name);
        if update {
            std::fs::write(&path, seed).unwrap();
        }
        let kept = std::fs::read(&path).unwrap_or_default();
        assert!(
            kept == *seed,
            "fuzz/seeds/{target}/{name} is stale: run with UPDATE_SEEDS=1"
        );
    }
}
