//! The commands of a `console` block, and the comparison of an output with the expected lines.

use anyhow::bail;

/// One command of a `console` block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    /// The input of bash.
    pub(super) text: String,
    /// Whether it continues while the next commands run.
    pub(super) in_background: bool,
    /// The lines below it, which its output must contain.
    pub(super) expected: Vec<String>,
}

/// Reads the commands of a block.
///
/// # Errors
///
/// When the block does not begin with a command.
pub(super) fn commands(block: &str) -> anyhow::Result<Vec<Command>> {
    let mut commands: Vec<Command> = Vec::new();
    let mut lines = block.lines();
    while let Some(line) = lines.next() {
        if let Some(text) = line.strip_prefix("$ ") {
            let mut text = text.to_owned();
            while text.ends_with('\\')
                && let Some(more) = lines.next()
            {
                text.push('\n');
                text.push_str(more);
            }
            commands.push(Command {
                in_background: text.ends_with(" &"),
                text,
                expected: Vec::new(),
            });
        } else if let Some(command) = commands.last_mut() {
            command.expected.push(line.trim_end().to_owned());
        } else {
            bail!("the block begins with {line:?}, which is not a command: write `$ command`");
        }
    }
    if commands.is_empty() {
        bail!("the block is empty");
    }
    Ok(commands)
}

/// Returns the first of the `expected` lines that is not in `output` after the ones before it.
pub(super) fn first_missing<'a>(expected: &'a [String], output: &str) -> Option<&'a str> {
    let mut lines = output.lines();
    expected
        .iter()
        .map(String::as_str)
        .filter(|line| *line != ANYTHING && !line.is_empty())
        .find(|expected| !lines.any(|line| matches(expected, line.trim_end())))
}

/// The placeholder for any text in an expected line.
const ANYTHING: &str = "...";

fn matches(expected: &str, line: &str) -> bool {
    let mut parts = expected.split(ANYTHING);
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::{Command, commands, first_missing, matches};

    #[test]
    fn command_has_the_lines_below_it_and_continues_after_a_backslash() {
        let command = |text: &str, in_background, expected: &[&str]| Command {
            text: text.to_owned(),
            in_background,
            expected: expected.iter().map(|&line| line.to_owned()).collect(),
        };
        let block = "$ serve &\nready\n$ echo one \\\n    two\none two\n$ true && true\n";
        let parsed = [
            command("serve &", true, &["ready"]),
            command("echo one \\\n    two", false, &["one two"]),
            command("true && true", false, &[]),
        ];
        assert_eq!(commands(block).expect("it is well formed"), parsed);
    }

    #[test]
    fn block_that_begins_with_output_is_rejected() {
        assert!(commands("cargo run\n").is_err());
        assert!(commands("").is_err());
    }

    #[test]
    fn expected_lines_must_appear_whole_and_in_order() {
        let expected = ["one", "...", "three"].map(str::to_owned);
        assert_eq!(first_missing(&expected, "zero\none\ntwo\nthree\n"), None);
        assert_eq!(first_missing(&expected, "three\none\n"), Some("three"));
        assert_eq!(first_missing(&expected, "one and more\n"), Some("one"));
    }

    #[test]
    fn dots_match_any_text_in_a_line() {
        assert!(matches("took ... ms", "took 12 ms"));
        assert!(matches("... Running ...", "12:00 bus Running (answered)"));
        assert!(matches("exact", "exact"));
        assert!(!matches("took ... ms", "took 12 s"));
        assert!(!matches("exact", "exactly"));
        assert!(!matches("a...b...c", "a c"));
    }
}
