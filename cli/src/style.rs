//! Colours, where they are wanted.

use std::env;
use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};
use livebus_core::Status;

/// Whether to colour what is written there: a terminal, and nobody asked for none.
pub(crate) fn coloured(stream: &impl IsTerminal) -> bool {
    let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || env::var_os("TERM").is_some_and(|term| term == "dumb");
    !refused && stream.is_terminal()
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

/// `text` in `style`, or as it is.
pub(crate) fn paint(coloured: bool, style: Style, text: &str) -> String {
    if coloured {
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}
