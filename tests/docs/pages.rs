//! Tests of the checker of commands and snippets.

use std::fs;

use livebus_tests::pages::{Checker, Marker, Outcome, Page, REPORTS, Report};
use tempfile::TempDir;

use crate::{pages, read, root};

/// Checks a page in an empty folder, whose `.ci/run` has one command.
fn check(text: &str) -> Report {
    let folder = TempDir::new().expect("a folder can be created");
    let clone = folder.path().join("clone");
    fs::create_dir_all(clone.join(".ci")).expect("a folder can be created");
    fs::write(
        clone.join(".ci/run"),
        "cargo test --workspace 2>&1 | tee log\n",
    )
    .expect("a file can be written");
    let page = Page::parse("page.md", text).expect("the page is valid");
    let target = folder.path().join("target");
    let checker = Checker::new(&clone, folder.path(), &target, false);
    checker.expect("there is a PATH").check(&page, |_, _| {})
}

/// Returns the one failure of a page.
fn fault(text: &str) -> String {
    let failures = check(text).failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    failures.concat()
}

fn outcomes(text: &str) -> Vec<Outcome> {
    let outcomes = check(text).outcomes;
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Returns a block in this language.
fn block(language: &str, text: &str) -> String {
    format!("```{language}\n{text}\n```\n")
}

#[test]
fn commands_with_the_expected_output_have_run() {
    let page = block(
        "console",
        "$ mkdir folder && cd folder\n$ echo \"it took $((1 + 1)) ms\"; echo end\nit took ... ms\nend\n$ pwd\n.../clone/folder",
    );
    assert_eq!(outcomes(&page), [Outcome::Ran]);
}

#[test]
fn failed_command_is_a_failure_with_its_output() {
    let fault = fault(&block(
        "console",
        "$ echo before\n$ echo reason >&2; false\n$ true",
    ));
    assert!(fault.starts_with("page.md:1: "), "{fault}");
    assert!(
        fault.contains("status 1") && fault.contains("reason"),
        "{fault}"
    );
}

#[test]
fn output_without_an_expected_line_is_a_failure() {
    let fault = fault(&block("console", "$ echo one; echo two\none\nthree"));
    assert!(fault.contains("lacks \"three\""), "{fault}");
}

#[test]
fn broken_command_of_the_readme_is_detected() {
    let readme = Page::parse("README.md", &read("README.md")).expect("the page is valid");
    let demo = readme
        .blocks
        .iter()
        .find(|block| block.text.contains("-- demo"));
    let demo = &demo.expect("the README shows the demo").text;
    let broken = demo.replace("cargo run", "crago run");
    assert_ne!(*demo, broken);
    let fault = fault(&block("console", &broken));
    assert!(fault.contains("crago: command not found"), "{fault}");
}

#[test]
fn background_command_runs_until_the_block_ends() {
    let wait = "until test -e requested; do sleep 0.01; done";
    let commands = format!(
        "$ {{ echo ready; {wait}; echo answered >answer; sleep 1000; }} &\nready\n$ touch requested; until test -e answer; do sleep 0.01; done; cat answer\nanswered"
    );
    assert_eq!(outcomes(&block("console", &commands)), [Outcome::Ran]);
}

#[test]
fn background_command_that_ends_before_its_expected_line_is_a_failure() {
    let fault = fault(&block("console", "$ echo something &\nready\n$ true"));
    assert!(
        fault.contains("it has ended") && fault.contains("something"),
        "{fault}"
    );
}

#[test]
fn snippet_with_an_unnamed_dependency_is_a_failure() {
    let source = block(
        "rust",
        "pub fn nothing() -> anyhow::Result<()> {\n    Ok(())\n}",
    );
    let fault = fault(&[block("toml", "[dependencies]"), source].concat());
    assert!(fault.contains("anyhow"), "{fault}");
}

#[test]
fn snippet_with_a_warning_is_a_failure() {
    let page = [
        block("toml", "[dependencies]"),
        block("rust", "fn main() { let unused = 1; }"),
    ]
    .concat();
    assert!(fault(&page).contains("unused"));
}

#[test]
fn built_snippet_is_beside_the_clone_for_later_commands() {
    let page = [
        block("toml", "[dependencies]"),
        block("rust", "fn main() { println!(\"hello\"); }"),
        block("console", "$ cd ../my-service && cargo run\nhello"),
    ]
    .concat();
    assert_eq!(
        outcomes(&page),
        [Outcome::Built, Outcome::Built, Outcome::Ran]
    );
}

#[test]
fn snippet_without_a_manifest_is_a_failure() {
    assert!(fault(&block("rust", "fn main() {}")).contains("no `toml` block"));
}

#[test]
fn block_that_is_neither_run_nor_marked_is_a_failure() {
    let fault = fault("Text.\n\n```yaml\nkey: value\n```\n");
    assert!(
        fault.starts_with("page.md:3: ") && fault.contains("not run"),
        "{fault}"
    );
}

#[test]
fn block_that_is_not_run_is_listed_with_its_reason() {
    let page = format!(
        "<!-- not run: it takes an hour -->\n{}",
        block("console", "$ false")
    );
    let report = check(&page);
    assert_eq!(report.failures(), [""; 0]);
    let [(2, outcome)] = &report.outcomes[..] else {
        panic!("{report:?}");
    };
    assert_eq!(outcome.to_string(), "not run: it takes an hour");
}

#[test]
fn block_that_ci_runs_must_be_in_its_script() {
    let page = |command| format!("<!-- run by .ci/run -->\n{}", block("console", command));
    assert_eq!(
        outcomes(&page("$ cargo test --workspace")),
        [Outcome::RunByCi]
    );
    assert!(fault(&page("$ cargo test")).contains("does not run `cargo test`"));
}

#[test]
fn block_that_was_missed_is_a_failure() {
    let mut report = check(&block("console", "$ true"));
    report.outcomes.clear();
    assert_eq!(report.failures().len(), 1);
}

/// Checks the pages without running a command.
#[test]
fn every_block_of_every_page_is_run_built_or_marked() {
    let mut unmarked = Vec::new();
    for path in pages() {
        let name = path.strip_prefix(root()).expect("a page is below the root");
        let name = name.display().to_string();
        if REPORTS.contains(&name.as_str()) {
            continue;
        }
        let text = fs::read_to_string(path).expect("a page is text");
        let page = Page::parse(&name, &text).expect("the page is valid");
        assert_eq!(page.fences, page.blocks.len(), "{name}");
        for block in page.blocks {
            let is_run = ["console", "toml", "rust"].contains(&block.language.as_str());
            if !is_run && !matches!(block.marker, Some(Marker::NotRun(_))) {
                unmarked.push(format!("{name}:{}", block.line));
            }
        }
    }
    assert_eq!(unmarked, [""; 0]);
}
