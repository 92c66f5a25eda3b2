//! The commands of a `console` block, and whether an output has what was promised.

use anyhow::bail;

/// One command of a `console` block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    /// What bash receives.
    pub(super) text: String,
    /// Whether it goes on while the next ones run.
    pub(super) in_background: bool,
    /// The lines below it.
    pub(super) promised: Vec<String>,
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
                promised: Vec::new(),
            });
        } else if let Some(command) = commands.last_mut() {
            command.promised.push(line.trim_end().to_owned());
        } else {
            bail!("the block begins with {line:?}, which is no command: write `$ command`");
        }
    }
    if commands.is_empty() {
        bail!("the block is empty");
    }
    Ok(commands)
}

/// The first of the `promised` lines that is not in `output` behind the ones before it.
pub(super) fn first_missing<'a>(promised: &'a [String], output: &str) -> Option<&'a str> {
    let mut lines = output.lines();
    promised
        .iter()
        .map(String::as_str)
        .filter(|promise| *promise != ANYTHING && !promise.is_empty())
        .find(|promise| !lines.any(|line| matches(promise, line.trim_end())))
}

/// What stands for any text in a promised line.
const ANYTHING: &str = "...";

fn matches(promise: &str, line: &str) -> bool {
    let mut parts = promise.split(ANYTHING);
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some((_, behind)) = rest.split_once(part) else {
            return false;
        };
        rest = behind;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::{Command, commands, first_missing, matches};

    #[test]
    fn a_command_has_the_lines_below_it_and_continues_behind_a_backslash() {
        let command = |text: &str, in_background, promised: &[&str]| Command {
            text: text.to_owned(),
            in_background,
            promised: promised.iter().map(|&line| line.to_owned()).collect(),
        };
        let block = "$ serve &\nready\n$ echo one \\\n    two\none two\n$ true && true\n";
        let expected = [
            command("serve &", true, &["ready"]),
            command("echo one \\\n    two", false, &["one two"]),
            command("true && true", false, &[]),
        ];
        assert_eq!(commands(block).expect("it is well formed"), expected);
    }

    #[test]
    fn a_block_that_begins_with_output_is_refused() {
        assert!(commands("cargo run\n").is_err());
        assert!(commands("").is_err());
    }

    #[test]
    fn promised_lines_must_come_whole_and_in_order() {
        let promised = ["one", "...", "three"].map(str::to_owned);
        assert_eq!(first_missing(&promised, "zero\none\ntwo\nthree\n"), None);
        assert_eq!(first_missing(&promised, "three\none\n"), Some("three"));
        assert_eq!(first_missing(&promised, "one and more\n"), Some("one"));
    }

    #[test]
    fn dots_stand_for_any_text_in_a_line() {
        assert!(matches("took ... ms", "took 12 ms"));
        assert!(matches("... Running ...", "12:00 bus Running (answered)"));
        assert!(matches("exact", "exact"));
        assert!(!matches("took ... ms", "took 12 s"));
        assert!(!matches("exact", "exactly"));
        assert!(!matches("a...b...c", "a c"));
    }
}
