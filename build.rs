//! Makes a fingerprint of the sources, which tells programs apart that were
//! built of different ones under the same version. Builds again when one of them
//! is added or removed: all of `queries/` is part of the binary. Says besides how the
//! program is linked.

use std::env;
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
    // At an address of its own choice, as is usual, a program has all pointers in its data
    // written by the loader each time: 400,000 of them, on 1,700 pages, which is a third of
    // the time that `weiku -c 'SELECT 1'` takes. Libraries, heap and stack stay where the
    // system puts them.
    let is = |variable, value: &str| env::var(variable).is_ok_and(|found| found == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
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
