//! The documentation keeps its word: what it points at is there.

mod dependencies;
mod runners;

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All Rust files below the rooms of the workspace, as one text.
fn sources() -> String {
    let mut text = String::new();
    let rooms = [
        "core",
        "kafka",
        "endpoints",
        "recording",
        "runner",
        "runner-tokio",
        "runner-async-std",
        "cli",
        "tests",
    ];
    let mut folders: Vec<PathBuf> = rooms.iter().map(|room| root().join(room)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)
            .expect("a room can be listed")
            .map_while(Result::ok)
        {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                text += &fs::read_to_string(&path).expect("a source is text");
            }
        }
    }
    text
}

#[test]
fn every_test_that_differences_names_exists() {
    let sources = sources();
    let text = read("docs/differences.md");
    let quoted = text.split('`').skip(1).step_by(2);
    let is_test = |name: &&str| name.matches('_').count() >= 3 && !name.contains(['/', ':', ' ']);
    let names: Vec<&str> = quoted.filter(is_test).collect();
    assert!(names.len() > 20, "only {names:?}");
    for name in names {
        assert!(
            sources.contains(&format!("fn {name}(")) || sources.contains(&format!("fn {name}<")),
            "there is no test {name}"
        );
    }
}

#[test]
fn every_file_that_the_readme_links_to_exists() {
    let text = read("README.md");
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let files: Vec<&str> = targets
        .filter(|target| !target.contains("://"))
        .filter_map(|target| target.split('#').next())
        .collect();
    assert!(files.len() > 15, "only {files:?}");
    for file in files {
        assert!(root().join(file).exists(), "there is no {file}");
    }
}
