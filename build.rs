//! Makes a fingerprint of the sources, which tells programs apart that were
//! built of different ones under the same version. Builds again when one of them
//! is added or removed: all of `queries/` is part of the binary.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::Path;

/// What a program is made of.
const SOURCES: [&str; 4] = ["Cargo.lock", "Cargo.toml", "queries", "src"];

fn main() -> io::Result<()> {
    let mut hasher = DefaultHasher::new();
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
        add(Path::new(source), &mut hasher)?;
    }
    println!("cargo::rustc-env=WEIKU_SOURCES={:016x}", hasher.finish());
    Ok(())
}

/// Adds the file at `path`, or all below that folder, in a fixed order.
fn add(path: &Path, hasher: &mut DefaultHasher) -> io::Result<()> {
    path.hash(hasher);
    if !path.is_dir() {
        fs::read(path)?.hash(hasher);
        return Ok(());
    }
    let entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path()));
    let mut paths = entries.collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    paths.iter().try_for_each(|path| add(path, hasher))
}
