//! The errors of wrong options, as one line that has no secret.
//!
//! clap's own text shows what it does not expect. That may be a secret: the value of a property without its `-X`, or a password
//! with a space in it.

use std::env;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::args;
use crate::shown::{NOT_SHOWN, is_name, shown};

/// Returns what is wrong, on one line.
pub(crate) fn describe(error: &clap::Error) -> String {
    let text = match error.kind() {
        ErrorKind::UnknownArgument => unknown_argument(error),
        ErrorKind::InvalidSubcommand => {
            let name = context(error, ContextKind::InvalidSubcommand);
            format!("there is no command {}{}", shown(&name), suggestion(error))
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => invalid_value(error),
        ErrorKind::TooManyValues => {
            let option = context(error, ContextKind::InvalidArg);
            format!("too many values for {option}")
        }
        ErrorKind::InvalidUtf8 => "an argument is not UTF-8".to_owned(),
        // The texts of the other kinds have the names of options, and no values.
        ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand
        | ErrorKind::ArgumentConflict
        | ErrorKind::NoEquals
        | ErrorKind::TooFewValues
        | ErrorKind::WrongNumberOfValues => without_usage(&error.to_string()),
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::DisplayVersion
        | ErrorKind::Io
        | ErrorKind::Format
        | _ => {
            let text = error.kind().as_str();
            text.unwrap_or("wrong usage").to_owned()
        }
    };
    format!("{text}; see `livebus {}--help`", command())
}

/// Returns the command that was given, with a space after it; empty if there is none.
fn command() -> String {
    let given = env::args().nth(1).unwrap_or_default();
    let is_known = args::command().find_subcommand(&given).is_some();
    if is_known {
        format!("{given} ")
    } else {
        String::new()
    }
}

fn unknown_argument(error: &clap::Error) -> String {
    let argument = context(error, ContextKind::InvalidArg);
    if argument.starts_with('-') {
        let name = argument.trim_start_matches('-');
        return if is_name(name) {
            let suggestion = suggestion(error);
            format!("there is no option {argument}{suggestion}; a property needs -X before it")
        } else {
            format!("there is no such option{}{NOT_SHOWN}", position(&argument))
        };
    }
    let position = position(&argument);
    let remedy = if argument.contains("://") {
        "one URL can be asked, not several"
    } else {
        "a property needs -X before it"
    };
    format!("unexpected argument{position}{NOT_SHOWN}; {remedy}")
}

fn invalid_value(error: &clap::Error) -> String {
    let option = context(error, ContextKind::InvalidArg);
    let value = context(error, ContextKind::InvalidValue);
    if value.is_empty() {
        return format!("a value is needed for {option}");
    }
    let choices = context(error, ContextKind::ValidValue);
    let expected = if choices.is_empty() {
        // The reason of a value parser; no parser of ours repeats the value or a part of it.
        std::error::Error::source(error).map_or_else(String::new, |reason| format!(": {reason}"))
    } else {
        format!(": expected one of {choices}")
    };
    format!("invalid value {} for {option}{expected}", shown(&value))
}

/// Returns which argument of the command line this is, in words; empty if it cannot be found.
fn position(argument: &str) -> String {
    let is_it = |other: &std::ffi::OsString| {
        other.to_str().is_some_and(|other| {
            let rest = other.strip_prefix(argument);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        })
    };
    match env::args_os().position(|other| is_it(&other)) {
        Some(index) if index > 0 => format!(", number {index} on the command line,"),
        Some(_) | None => String::new(),
    }
}

fn suggestion(error: &clap::Error) -> String {
    let similar = [
        ContextKind::SuggestedArg,
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedValue,
    ]
    .map(|kind| context(error, kind))
    .into_iter()
    .find(|name| !name.is_empty());
    similar.map_or_else(String::new, |name| format!(", did you mean {name}?"))
}

/// Returns a part of the error as text; empty if it has none.
fn context(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    }
}

/// Returns clap's text on one line, without the usage and the hints after it.
fn without_usage(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .collect();
    lines.join(" ").trim_start_matches("error: ").to_owned()
}
