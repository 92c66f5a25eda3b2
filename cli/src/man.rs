//! `livebus man`: manual pages.

use std::io::{self, Write};

use crate::args::help::{self, Appendix};

/// Returns the manual page of a command, or of the program; `None` if there is no such command.
pub(crate) fn page(command: Option<&str>) -> io::Result<Option<Vec<u8>>> {
    let mut root = crate::args::command();
    root.build();
    let page = match command {
        None => Some(root),
        Some(name) => root.find_subcommand(name).cloned(),
    };
    let (Some(page), Some(appendix)) = (page, help::of(command)) else {
        return Ok(None);
    };
    let mut text = Vec::new();
    let has_commands = page.has_subcommands();
    let man = clap_mangen::Man::new(page);
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if has_commands {
        man.render_subcommands_section(&mut text)?;
    }
    render(appendix, &mut text)?;
    if command.is_some() {
        writeln!(text, ".SH \"SEE ALSO\"\n.BR livebus (1)")?;
    }
    Ok(Some(text))
}

fn render(appendix: &Appendix, out: &mut Vec<u8>) -> io::Result<()> {
    if !appendix.exit_codes.is_empty() {
        writeln!(out, ".SH \"EXIT STATUS\"")?;
        for (code, meaning) in appendix.exit_codes {
            writeln!(out, ".TP\n.B {code}\n{}", escaped(meaning))?;
        }
    }
    writeln!(
        out,
        ".SH ENVIRONMENT\nEach option names its variable. The command line comes before the environment. LIVEBUS_PROPERTY and\n\
         LIVEBUS_NEEDS_TOPIC have one value on each line. An unknown variable that begins with LIVEBUS_ is reported on standard\n\
         error.\n.TP\n.B NO_COLOR\nif it is not empty: no colours. \\-\\-color comes before it.\n.TP\n.B TERM\nif it is dumb, \
         empty or missing: neither colours nor a live line.\n.TP\n.B NOTIFY_SOCKET\nof watch: where \
         systemd is notified, with WATCHDOG_USEC and WATCHDOG_PID of its watchdog."
    )?;
    if !appendix.notes.is_empty() {
        writeln!(out, ".SH NOTES")?;
        for note in appendix.notes {
            writeln!(out, ".PP\n{}", escaped(note))?;
        }
    }
    if !appendix.examples.is_empty() {
        writeln!(out, ".SH EXAMPLES")?;
        for (what, command) in appendix.examples {
            let (what, command) = (escaped(what), escaped(command));
            // Without filling: a command line is copied as it is.
            writeln!(out, ".PP\n{what}:\n.RS 4\n.nf\n{command}\n.fi\n.RE")?;
        }
    }
    Ok(())
}

/// Returns text that roff prints as it is.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let text = text.replace('\'', "\\(aq");
    let lines = text.lines().map(|line| {
        // A line that begins with a dot is a request.
        if line.starts_with('.') {
            format!("\\&{line}")
        } else {
            line.to_owned()
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roff_prints_text_as_it_is() {
        assert_eq!(escaped(".a -b '\\'"), "\\&.a \\-b \\(aq\\e\\(aq");
    }

    #[test]
    fn every_command_has_a_page() {
        let root = crate::args::command();
        for command in root.get_subcommands() {
            let page = page(Some(command.get_name())).expect("it is written");
            assert!(page.is_some(), "{}", command.get_name());
        }
        assert_eq!(page(Some("nope")).ok(), Some(None));
    }
}
