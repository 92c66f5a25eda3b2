//! Checks that the table of tasks, the `justfile` and the workspace agree, and the hosted CI and the minimum Rust version.

use std::fs;
use std::process::Command;

use livebus_tests::pages::Page;
use serde_json::Value;

use crate::{pages, read, root};

/// A recipe and its command.
type Task = (String, String);

/// Returns the rows of the table in CONTRIBUTING: | `just NAME` | `COMMAND` | purpose |
fn table() -> Vec<Task> {
    let text = read("CONTRIBUTING.md");
    let rows = text.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("| `just ")?.split_once("` | `")?;
        let (command, _) = rest.split_once("` | ")?;
        Some((name.to_owned(), command.to_owned()))
    });
    rows.collect()
}

/// Returns the recipes of the justfile, except those that begin with an underscore.
fn recipes() -> Vec<Task> {
    let text = read("justfile");
    let mut recipes: Vec<Task> = Vec::new();
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("    ") {
            let (_, body) = recipes.last_mut().expect("a command follows its recipe");
            body.push_str(command);
        } else if let Some(name) = line.strip_suffix(':') {
            recipes.push((name.to_owned(), String::new()));
        }
    }
    recipes.retain(|(name, _)| !name.starts_with('_'));
    recipes
}

#[test]
fn table_of_tasks_and_justfile_have_the_same_commands() {
    assert_eq!(table(), recipes());
    assert!(table().len() > 10, "only {:?}", table());
}

/// Returns all cargo commands on all pages and in the justfile.
fn cargo_commands() -> Vec<String> {
    let mut commands: Vec<String> = recipes().into_iter().map(|(_, command)| command).collect();
    for path in pages() {
        let name = path.display().to_string();
        let text = fs::read_to_string(path).expect("a page is text");
        let page = Page::parse(&name, &text).expect("the page is valid");
        let lines = page.blocks.iter().flat_map(|block| block.text.lines());
        commands.extend(lines.filter_map(|line| Some(line.strip_prefix("$ ")?.to_owned())));
    }
    commands.retain(|command| command.contains("cargo ") && !command.contains("+nightly"));
    commands
}

/// Returns the failure if a command names a package or a target that does not exist.
fn failure(command: &str, packages: &[Value]) -> Option<String> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let value = |option: &str| {
        let at = words.iter().position(|word| *word == option)?;
        words.get(at + 1).copied()
    };
    let package = value("-p")?;
    let Some(package) = packages.iter().find(|known| known["name"] == package) else {
        return Some(format!("`{command}`: there is no package {package}"));
    };
    let targets = package["targets"]
        .as_array()
        .expect("a package has targets");
    ["test", "bench", "bin"].iter().find_map(|&kind| {
        let name = value(&format!("--{kind}"))?;
        let exists = targets
            .iter()
            .any(|target| target["name"] == name && target["kind"][0] == kind);
        (!exists).then(|| format!("`{command}`: there is no {kind} {name}"))
    })
}

fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--locked", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo is installed: it runs this test");
    assert!(output.status.success(), "{output:?}");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata is JSON");
    let packages = metadata["packages"].as_array();
    packages.expect("there are packages").clone()
}

#[test]
fn cargo_commands_name_existing_packages_and_targets() {
    let (packages, commands) = (packages(), cargo_commands());
    assert!(commands.len() > 20, "only {commands:?}");
    let failures: Vec<String> = commands
        .iter()
        .filter_map(|command| failure(command, &packages))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn command_with_a_missing_package_or_target_is_detected() {
    let packages = packages();
    for command in [
        "cargo bench -p livebus-nothing",
        "cargo bench -p livebus-tests --bench nothing",
        "LIVEBUS=1 cargo test -p livebus-tests --test nothing -- --exact",
    ] {
        assert!(failure(command, &packages).is_some(), "{command}");
    }
    assert_eq!(
        failure("cargo test -p livebus-tests --test docs", &packages),
        None
    );
}

#[test]
fn hosted_ci_uses_the_minimum_supported_rust() {
    let manifest = read("Cargo.toml");
    let (_, rest) = manifest
        .split_once("rust-version = \"")
        .expect("the workspace has a minimum version");
    let (minimum, _) = rest.split_once('"').expect("the version is quoted");
    let workflow = read(".github/workflows/ci.yml");
    assert!(
        workflow.contains(&format!("RUST: \"{minimum}")),
        "Rust {minimum} is not what .github/workflows/ci.yml installs"
    );
    assert!(
        workflow.contains("run: .ci/run\n"),
        "it runs something else"
    );
}
