//! `livebus completions`: scripts for shells.

use std::fmt::Write as _;

use clap::{Arg, Command, ValueHint};
use clap_complete::Shell;

/// Returns the completion script for a shell.
pub(crate) fn script(shell: Shell) -> Vec<u8> {
    let mut command = crate::args::command();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "livebus", &mut script);
    if shell == Shell::Fish {
        script.extend(arguments_in_fish(&command).into_bytes());
    }
    script
}

/// Returns the lines for the arguments that are no options, which `clap_complete` leaves out for fish: it would offer files for all of
/// them, also where no file belongs.
fn arguments_in_fish(command: &Command) -> String {
    let mut lines = String::new();
    for subcommand in command.get_subcommands() {
        if subcommand.get_positionals().any(is_file) {
            continue;
        }
        let values: Vec<String> = subcommand.get_positionals().flat_map(values).collect();
        let name = subcommand.get_name();
        // Writing to a string cannot fail.
        let _ = write!(
            lines,
            "complete -c livebus -n \"__fish_livebus_using_subcommand {name}\" -f"
        );
        let _ = if values.is_empty() {
            writeln!(lines)
        } else {
            writeln!(lines, " -a \"{}\"", values.join(" "))
        };
    }
    lines
}

fn is_file(argument: &Arg) -> bool {
    argument.get_value_hint() == ValueHint::FilePath
}

fn values(argument: &Arg) -> Vec<String> {
    let values = argument.get_possible_values().into_iter();
    values.map(|value| value.get_name().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fish_offers_values_and_files_only_where_they_belong() {
        let lines = arguments_in_fish(&crate::args::command());
        let of = |name: &str| {
            let condition = format!("subcommand {name}\" ");
            let line = lines.lines().find(|line| line.contains(&condition));
            line.map(|line| line.split_once(&condition).map_or("", |(_, end)| end))
        };
        assert_eq!(of("watch"), Some("-f"));
        assert_eq!(of("check"), Some("-f"));
        assert_eq!(of("replay"), None);
        let commands = "-f -a \"watch check wait demo replay completions man\"";
        assert_eq!(of("man"), Some(commands));
        let shells = of("completions").expect("it has values");
        assert!(
            shells.contains("bash") && shells.contains("zsh"),
            "{shells}"
        );
    }
}
