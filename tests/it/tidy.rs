//! What a reader should not have to check: modules import downwards only, and
//! every file says what it is about.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The modules from the lowest to the highest; a file may use what stands before
/// its own module, and its own.
const LAYERS: [&str; 23] = [
    "error",
    "model",
    "text",
    "ingest",
    "functions",
    "index",
    "bucket",
    "store",
    "catalog",
    "render",
    "engine",
    "cluster",
    "chart",
    "queries",
    "database",
    "generate",
    "batch",
    "report",
    "cli",
    "config",
    "shell",
    "commands",
    "main",
];

/// Modules in which async is at home; the others are ordinary code.
const ASYNC: [&str; 11] = [
    "store", "catalog", "engine", "cluster", "database", "generate", "batch", "report", "shell",
    "commands", "main",
];

#[test]
fn modules_import_downwards_only() {
    let rank: BTreeMap<&str, usize> =
        LAYERS.iter().enumerate().map(|(rank, layer)| (*layer, rank)).collect();
    let mut wrong = Vec::new();
    for (layer, path, text) in sources() {
        for used in used_modules(&text) {
            match rank.get(used.as_str()) {
                Some(below) if *below <= rank[layer.as_str()] => {}
                Some(_) => wrong.push(format!("{} uses {used}", path.display())),
                None => {}
            }
        }
    }
    assert!(wrong.is_empty(), "imports upwards:\n{}", wrong.join("\n"));
}

#[test]
fn every_module_has_a_layer() {
    for (layer, path, _) in sources() {
        let known = LAYERS.contains(&layer.as_str()) || layer == "lib";
        assert!(known, "{} is in no layer: add it to LAYERS", path.display());
    }
}

#[test]
fn formats_functions_and_parsing_are_ordinary_code() {
    for (layer, path, text) in sources() {
        let is_async = text.lines().any(|line| line.trim_start().starts_with("pub async fn"));
        assert!(
            !is_async || ASYNC.contains(&layer.as_str()),
            "{} is async and should not be",
            path.display()
        );
    }
}

#[test]
fn every_file_says_its_subject_in_its_first_line() {
    for (_, path, text) in sources() {
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//! ") && first.len() > 12, "{} does not", path.display());
    }
}

/// Layer, path and text of each source file, without its tests.
fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|suffix| suffix != "rs") {
                continue;
            }
            let below = path.strip_prefix(&root).unwrap();
            let first = below.components().next().unwrap().as_os_str().to_string_lossy();
            let layer = first.trim_end_matches(".rs").to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned();
            sources.push((layer, below.to_owned(), text));
        }
    }
    assert!(sources.len() > 20, "the sources were not found");
    sources
}

/// The top-level modules that `text` names after `crate::` or `weiku::`.
fn used_modules(text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    let mut used = Vec::new();
    for prefix in ["crate::", "weiku::"] {
        for (at, _) in code.match_indices(prefix) {
            let rest = &code[at + prefix.len()..];
            let name: String =
                rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            used.push(name);
        }
    }
    used
}
