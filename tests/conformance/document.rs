//! `docs/write-a-runner.md` keeps its word: the runner that it shows is the one that the suite is played to.

use crate::Single;

const DOCUMENT: &str = include_str!("../../docs/write-a-runner.md");
const RUNNER: &str = include_str!("../src/threads.rs");

pub(crate) const TRIALS: [Single; 2] = [
    (
        "threads: the document shows the runner as it is",
        document_shows_the_runner,
    ),
    (
        "threads: the runner is at most 110 lines of code",
        runner_is_at_most_110_lines,
    ),
];

/// The most lines that are neither blank, nor a comment, nor an import.
const LINES: usize = 110;

fn document_shows_the_runner() -> Result<(), String> {
    let blocks = DOCUMENT.split("```rust\n").skip(1);
    let mut codes = blocks.filter_map(|rest| rest.split("```\n").next());
    if codes.any(|code| code == RUNNER) {
        Ok(())
    } else {
        Err("put tests/src/threads.rs into the document as it is".to_owned())
    }
}

fn runner_is_at_most_110_lines() -> Result<(), String> {
    let mut statements = RUNNER.split("\nuse ");
    let first = statements.next().unwrap_or_default();
    let rest = statements
        .filter_map(|rest| rest.split_once(';'))
        .map(|(_, after)| after);
    let lines = std::iter::once(first)
        .chain(rest)
        .flat_map(str::lines)
        .map(str::trim);
    let code = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
    match code.count() {
        ..=LINES => Ok(()),
        count => Err(format!("it is {count}")),
    }
}
