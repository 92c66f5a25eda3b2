//! Colours of the output.

use std::env;
use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};
use livebus_core::Status;

/// Returns whether to colour this stream: it is a terminal, and colours are not disabled.
pub(crate) fn coloured(stream: &impl IsTerminal) -> bool {
    let disabled = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || env::var_os("TERM").is_some_and(|term| term == "dumb");
    !disabled && stream.is_terminal()
}

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
