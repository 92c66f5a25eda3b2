//! Tests of the documentation: links, names, commands and diffs are up to date.

mod dependencies;
mod imports;
mod links;
mod pages;
mod runners;
mod tasks;

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns all Markdown files of the repository.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).expect("a folder can be listed");
        for path in entries.map_while(Result::ok).map(|entry| entry.path()) {
            if path.is_dir() && !path.ends_with("target") && !path.ends_with(".git") {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
}

/// Returns all Rust files of the crates of the workspace, as one text.
fn sources() -> String {
    let mut text = String::new();
    let crates = [
        "core",
        "readiness",
        "kafka",
        "endpoints",
        "recording",
        "runner",
        "runner-tokio",
        "runner-async-std",
        "cli",
        "tests",
    ];
    let mut folders: Vec<PathBuf> = crates.iter().map(|name| root().join(name)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)
            .expect("a folder can be listed")
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
    let names: Vec<&str> = quoted.clone().filter(is_test).collect();
    assert!(names.len() > 5, "only {names:?}");
    let is_scenario = |name: &&str| {
        let number = name.split('/').nth(1).and_then(|file| file.get(..3));
        number.is_some_and(|it| it.starts_with(|c: char| c.is_ascii_digit()) && it.ends_with('-'))
    };
    let scenarios: Vec<&str> = quoted.filter(is_scenario).collect();
    assert!(scenarios.len() > 15, "only {scenarios:?}");
    for name in scenarios {
        let path = root().join("tests/scenarios").join(format!("{name}.txt"));
        assert!(path.is_file(), "there is no scenario {name}");
    }
    for name in names {
        assert!(
            sources.contains(&format!("fn {name}(")) || sources.contains(&format!("fn {name}<")),
            "there is no test {name}"
        );
    }
}
