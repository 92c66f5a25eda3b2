//! Checks that `docs/write-a-runner.md` shows the runner that the suite tests.

use crate::Single;

const DOCUMENT: &str = include_str!("../../docs/write-a-runner.md");
const RUNNER: &str = include_str!("../src/threads.rs");

pub(crate) const TRIALS: [Single; 2] = [
    (
        "threads: the document shows the runner byte for byte",
        document_shows_the_runner,
    ),
    (
        "threads: the runner is at most 110 lines of code",
        runner_is_at_most_110_lines,
    ),
];

/// The maximum number of lines that are neither blank, nor a comment, nor an import.
const MAX_LINES: usize = 110;

fn document_shows_the_runner() -> Result<(), String> {
    let blocks = DOCUMENT.split("```rust\n").skip(1);
    let mut codes = blocks.filter_map(|rest| rest.split("```\n").next());
    if codes.any(|code| code == RUNNER) {
        Ok(())
    } else {
        Err("copy tests/src/threads.rs into the document".to_owned())
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
        ..=MAX_LINES => Ok(()),
        count => Err(format!("it has {count} lines")),
    }
}
