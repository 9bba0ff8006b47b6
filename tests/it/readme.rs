//! The README's commands work as they are written.

use std::path::Path;
use std::process::Command;

const README: &str = include_str!("../../README.md");

/// Every command of the README, in order, in one folder, as a reader would type
/// them. Two are left out by name: the one that builds weiku is run as what it
/// builds, and the one that runs the tests is what runs this.
#[test]
fn every_command_of_the_readme_does_its_work() {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::os::unix::fs::symlink(root.join("datasets"), folder.path().join("datasets")).unwrap();
    let weiku = Path::new(env!("CARGO_BIN_EXE_weiku"));
    let path = format!(
        "{}:{}",
        weiku.parent().unwrap().display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let mut run = 0;
    for line in commands() {
        let line = match line.split('#').next().unwrap().trim() {
            "cargo test" => continue,
            "cargo run --release -- demo" => "weiku demo".to_owned(),
            line => line.to_owned(),
        };
        let output = Command::new("sh")
            .args(["-c", &line])
            .current_dir(folder.path())
            .env("PATH", &path)
            .env("XDG_CONFIG_HOME", folder.path())
            .env("XDG_STATE_HOME", folder.path())
            .env("XDG_CACHE_HOME", folder.path())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "`{line}` ends with {}:\n{errors}", output.status);
        run += 1;
    }
    assert!(run >= 15, "only {run} commands were found");
    let report = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(report.contains("外交部"), "the report names no ministry");
}

#[test]
fn the_saved_query_in_the_readme_is_one() {
    let query = block("sql").next().unwrap();
    let parsed = weiku::queries::SavedQuery::parse("readme", "README.md", &query).unwrap();
    assert_eq!(parsed.title, "Accounts per ministry");
}

/// The lines of the shell blocks.
fn commands() -> Vec<String> {
    block("sh").flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// The contents of the code blocks in `language`.
fn block(language: &str) -> impl Iterator<Item = String> {
    let opening = format!("```{language}\n");
    let parts: Vec<String> = README.split(&opening).skip(1).map(str::to_owned).collect();
    parts.into_iter().map(|part| part.split("```").next().unwrap().to_owned())
}
