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

impl Command {
    /// Returns whether it has ended, or has an expected line, when the next command runs.
    fn is_ready_to_be_used(&self) -> bool {
        !self.in_background || self.expected.iter().any(|line| is_text(line))
    }

    /// Returns the first of the expected lines that is not in `output` after the ones before it.
    pub(super) fn first_missing(&self, output: &str) -> Option<&str> {
        let output = if runs_by_cargo(&self.text) {
            after_lines_of_cargo(output)
        } else {
            output
        };
        first_missing(&self.expected, output)
    }
}

/// Reads the commands of a block.
///
/// # Errors
///
/// When the block does not begin with a command, or a command follows one in the background that has no expected line.
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
            if let Some(before) = commands.last()
                && !before.is_ready_to_be_used()
            {
                bail!(
                    "`{}` runs in the background, and nothing says when the next command may run: write below it a line that it \
                     prints then",
                    before.text
                );
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

/// Returns whether the command starts a program by `cargo run`, which announces it.
fn runs_by_cargo(command: &str) -> bool {
    let mut words = command.split_whitespace().take_while(|word| *word != "--");
    words.any(|word| word == "cargo")
        && words.next() == Some("run")
        && !words.any(|word| ["-q", "--quiet"].contains(&word))
}

/// Returns what the program has printed: all that follows cargo's last line, such as ``Running `target/debug/livebus watch` ``.
/// That line alone would satisfy `... Running ...` before the program has begun.
fn after_lines_of_cargo(output: &str) -> &str {
    const LAST_LINE: &str = "     Running `";
    let mut lines = output.split_inclusive('\n');
    let announced = lines.position(|line| line.starts_with(LAST_LINE) && line.ends_with('\n'));
    announced.map_or("", |_| {
        let length: usize = lines.map(str::len).sum();
        &output[output.len() - length..]
    })
}

fn is_text(line: &str) -> bool {
    line != ANYTHING && !line.is_empty()
}

fn first_missing<'a>(expected: &'a [String], output: &str) -> Option<&'a str> {
    let mut lines = output.lines();
    expected
        .iter()
        .map(String::as_str)
        .filter(|line| is_text(line))
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
    use super::{Command, after_lines_of_cargo, commands, first_missing, matches, runs_by_cargo};

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
    fn command_after_one_in_the_background_without_an_expected_line_is_rejected() {
        assert!(commands("$ serve &\n$ curl localhost\n").is_err());
        assert!(commands("$ serve &\n...\n$ curl localhost\n").is_err());
        assert!(commands("$ serve &\nready\n$ curl localhost\n").is_ok());
        assert!(commands("$ curl localhost\n$ serve &\n").is_ok());
    }

    #[test]
    fn lines_of_cargo_are_no_output_of_the_program_that_it_runs() {
        let block = "$ cargo run --release -- watch &\n... Running ...\n";
        let command = &commands(block).expect("it is well formed")[0];
        let by_cargo =
            "    Finished `release` profile\n     Running `target/release/livebus watch`";
        let missing = Some("... Running ...");
        assert_eq!(command.first_missing(by_cargo), missing);
        assert_eq!(command.first_missing(&format!("{by_cargo}\n")), missing);
        let running = format!("{by_cargo}\nstarting\n12:00  Running  the bus works\n");
        assert_eq!(command.first_missing(&running), None);
        assert_eq!(
            after_lines_of_cargo(&running),
            "starting\n12:00  Running  the bus works\n"
        );
    }

    #[test]
    fn only_cargo_run_announces_a_program() {
        assert!(runs_by_cargo("cargo run"));
        assert!(runs_by_cargo("RUST_LOG=info cargo run -p one -- -q &"));
        assert!(!runs_by_cargo("cargo run -q -- watch"));
        assert!(!runs_by_cargo("cargo test"));
        assert!(!runs_by_cargo("livebus watch -- cargo run"));
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
