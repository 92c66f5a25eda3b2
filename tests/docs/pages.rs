//! The checker of commands and snippets notices what it is there for.

use std::fs;

use livebus_tests::pages::{Checker, Marker, Outcome, Page, REPORTS, Report};
use tempfile::TempDir;

use crate::{pages, read, root};

/// Checks a page in an empty folder, whose `.ci/run` has one command.
fn check(text: &str) -> Report {
    let folder = TempDir::new().expect("there is room for a folder");
    let clone = folder.path().join("clone");
    fs::create_dir_all(clone.join(".ci")).expect("there is room for a folder");
    fs::write(
        clone.join(".ci/run"),
        "cargo test --workspace 2>&1 | tee log\n",
    )
    .expect("there is room for a file");
    let page = Page::parse("page.md", text).expect("its markers have reasons");
    let target = folder.path().join("target");
    let checker = Checker::new(&clone, folder.path(), &target, false);
    checker.expect("there is a PATH").check(&page, |_, _| {})
}

/// The one fault of a page.
fn fault(text: &str) -> String {
    let failures = check(text).failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    failures.concat()
}

fn outcomes(text: &str) -> Vec<Outcome> {
    let outcomes = check(text).outcomes;
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// A block of this language.
fn block(language: &str, text: &str) -> String {
    format!("```{language}\n{text}\n```\n")
}

#[test]
fn commands_that_do_what_is_promised_have_run() {
    let page = block(
        "console",
        "$ mkdir folder && cd folder\n$ echo \"it took $((1 + 1)) ms\"; echo end\nit took ... ms\nend\n$ pwd\n.../clone/folder",
    );
    assert_eq!(outcomes(&page), [Outcome::Ran]);
}

#[test]
fn a_command_that_fails_is_a_failure_with_its_output() {
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
fn output_that_lacks_a_promised_line_is_a_failure() {
    let fault = fault(&block("console", "$ echo one; echo two\none\nthree"));
    assert!(fault.contains("lacks \"three\""), "{fault}");
}

#[test]
fn a_command_of_the_readme_that_is_broken_is_noticed() {
    let readme = Page::parse("README.md", &read("README.md")).expect("its markers have reasons");
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
fn a_background_command_runs_until_the_block_ends() {
    let wait = "until test -e asked; do sleep 0.01; done";
    let commands = format!(
        "$ {{ echo ready; {wait}; echo answered >answer; sleep 1000; }} &\nready\n$ touch asked; until test -e answer; do sleep 0.01; done; cat answer\nanswered"
    );
    assert_eq!(outcomes(&block("console", &commands)), [Outcome::Ran]);
}

#[test]
fn a_background_command_that_ends_before_its_promise_is_a_failure() {
    let fault = fault(&block("console", "$ echo something &\nready\n$ true"));
    assert!(
        fault.contains("it has ended") && fault.contains("something"),
        "{fault}"
    );
}

#[test]
fn a_snippet_whose_dependency_is_not_named_is_a_failure() {
    let source = block(
        "rust",
        "pub fn nothing() -> anyhow::Result<()> {\n    Ok(())\n}",
    );
    let fault = fault(&[block("toml", "[dependencies]"), source].concat());
    assert!(fault.contains("anyhow"), "{fault}");
}

#[test]
fn a_snippet_that_builds_with_a_warning_is_a_failure() {
    let page = [
        block("toml", "[dependencies]"),
        block("rust", "fn main() { let unused = 1; }"),
    ]
    .concat();
    assert!(fault(&page).contains("unused"));
}

#[test]
fn a_snippet_that_builds_is_beside_the_clone_for_the_commands_below_it() {
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
fn a_snippet_without_a_manifest_is_a_failure() {
    assert!(fault(&block("rust", "fn main() {}")).contains("no `toml` block"));
}

#[test]
fn a_block_that_is_neither_run_nor_marked_is_a_failure() {
    let fault = fault("Text.\n\n```yaml\nkey: value\n```\n");
    assert!(
        fault.starts_with("page.md:3: ") && fault.contains("not run"),
        "{fault}"
    );
}

#[test]
fn a_block_that_is_not_run_is_listed_with_its_reason() {
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
fn a_block_that_ci_runs_must_stand_in_its_script() {
    let page = |command| format!("<!-- run by .ci/run -->\n{}", block("console", command));
    assert_eq!(
        outcomes(&page("$ cargo test --workspace")),
        [Outcome::RunByCi]
    );
    assert!(fault(&page("$ cargo test")).contains("does not run `cargo test`"));
}

#[test]
fn a_block_that_was_overlooked_is_a_failure() {
    let mut report = check(&block("console", "$ true"));
    report.outcomes.clear();
    assert_eq!(report.failures().len(), 1);
}

/// What takes no time to see, without running anything.
#[test]
fn every_block_of_every_page_is_run_built_or_marked() {
    let mut unmarked = Vec::new();
    for path in pages() {
        let name = path.strip_prefix(root()).expect("it is below");
        let name = name.display().to_string();
        if REPORTS.contains(&name.as_str()) {
            continue;
        }
        let text = fs::read_to_string(path).expect("a page is text");
        let page = Page::parse(&name, &text).expect("its markers have reasons");
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
