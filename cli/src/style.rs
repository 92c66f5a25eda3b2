//! Colours of the output.

use std::env;
use std::io::{self, IsTerminal};
use std::sync::OnceLock;

use anstyle::{AnsiColor, Style};
use livebus_core::Status;

use crate::args::ColorChoice;

static CHOICE: OnceLock<ColorChoice> = OnceLock::new();

/// Sets when to use colours, once, for the process.
pub(crate) fn choose(choice: Option<ColorChoice>) {
    if let Some(choice) = choice {
        CHOICE.get_or_init(|| choice);
    }
}

/// Returns whether to colour standard output.
pub(crate) fn stdout_is_coloured() -> bool {
    coloured(&io::stdout())
}

/// Returns whether to colour this stream: as `--color` says, or else if it is a terminal that has colours, and they are not
/// disabled.
pub(crate) fn coloured(stream: &impl IsTerminal) -> bool {
    match CHOICE.get().copied().unwrap_or(ColorChoice::Auto) {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            let disabled = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            !disabled && !is_dumb() && stream.is_terminal()
        }
    }
}

/// Returns whether the terminal understands no escape sequences.
pub(crate) fn is_dumb() -> bool {
    env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}

/// Returns the style of a status.
pub(crate) const fn of(status: Status, warned: bool) -> Style {
    let colour = match status {
        Status::Running if warned => AnsiColor::Yellow,
        Status::Running => AnsiColor::Green,
        Status::NotReady | Status::Failed => AnsiColor::Red,
        Status::Unknown | Status::Preparing | Status::Prepared => AnsiColor::Cyan,
        Status::Stopped => AnsiColor::BrightBlack,
    };
    Style::new()
        .bold()
        .fg_color(Some(anstyle::Color::Ansi(colour)))
}

/// Returns `text` in `style` if `coloured`.
pub(crate) fn paint(coloured: bool, style: Style, text: &str) -> String {
    if coloured {
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}
