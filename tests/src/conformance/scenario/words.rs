//! The words of a scenario that stand for values: durations, failures, answers, and what the core is told.

use std::time::Duration;

use livebus_core::{ClientId, Failure, FailureClass, LivenessId, RegistrationId, StopId};

use super::mistake::Wrong;
use crate::conformance::environment::{Answer, DirectInput, Input, Occurrence, Outcome, ms};

/// Whole milliseconds.
pub(super) fn duration(text: &str) -> Result<Duration, Wrong> {
    let millis = text.parse().map_err(|_| {
        Wrong::new(
            format!("\"{text}\" is no time"),
            "write whole milliseconds, such as 5000",
        )
    })?;
    Ok(ms(millis))
}

pub(super) fn number<N: std::str::FromStr>(text: &str) -> Result<N, Wrong> {
    text.parse().map_err(|_| {
        Wrong::new(
            format!("\"{text}\" is no such number"),
            "write a whole number",
        )
    })
}

/// `Unreachable`, or `Unreachable (code -195)`.
pub(super) fn failure(text: &str) -> Result<Failure, Wrong> {
    let numbered = text
        .strip_suffix(')')
        .and_then(|it| it.split_once(" (code "));
    let (class, code) = match numbered {
        Some((class, code)) => (class, Some(number(code)?)),
        None => (text, None),
    };
    let class = FailureClass::from_name(class).ok_or_else(|| {
        let names = FailureClass::ALL.map(FailureClass::name).join(", ");
        Wrong::new(
            format!("\"{text}\" is no failure"),
            format!("write one of {names}; with a number as in \"Tls (code 7)\""),
        )
    })?;
    Ok(code.map_or(Failure::new(class), |code| Failure::with_code(class, code)))
}

/// `ok after 10, then Unreachable after 10, then never`.
pub(super) fn answers(text: &str) -> Result<Vec<Answer>, Wrong> {
    text.split(", then ").map(answer).collect()
}

fn answer(text: &str) -> Result<Answer, Wrong> {
    if text == "never" {
        return Ok(Answer::Never);
    }
    let (text, delay) = match text.split_once(", lies ") {
        Some((text, delay)) => (text, duration(delay)?),
        None => (text, Duration::ZERO),
    };
    let (outcome, takes) = match text.split_once(" after ") {
        Some((outcome, takes)) => (outcome, duration(takes)?),
        None => (text, Duration::ZERO),
    };
    let outcome = match outcome {
        "ok" => Outcome::Returns(Ok(())),
        "panics" => Outcome::Panics,
        other => Outcome::Returns(Err(failure(other).map_err(|wrong| {
            Wrong::new(
                format!("\"{text}\" is no answer"),
                format!(
                    "write \"ok after 10\", \"panics after 10\", \"never\", or a failure: {}",
                    wrong.remedy
                ),
            )
        })?)),
    };
    Ok(Answer::After {
        takes,
        delay,
        outcome,
    })
}

/// What comes after "at 5000".
pub(super) fn occurrence(text: &str) -> Result<Occurrence, Wrong> {
    Ok(match text {
        "traffic" => Occurrence::Live,
        "shutdown" => Occurrence::Shutdown,
        "handle dropped" => Occurrence::Dropped,
        "look" => Occurrence::ReadReadiness,
        "start again" => Occurrence::StartAgain,
        _ => {
            if let Some(news) = text.strip_prefix("suspicion ") {
                Occurrence::Suspicion(failure(news)?)
            } else if let Some(news) = text.strip_prefix("client lost ") {
                Occurrence::Lost(failure(news)?)
            } else if let Some(news) = text.strip_prefix("former client lost ") {
                Occurrence::LostBefore(failure(news)?)
            } else if let Some(long) = text.strip_prefix("blocked for ") {
                Occurrence::Blocked(duration(long)?)
            } else if let Some(input) = text.strip_prefix("input") {
                Occurrence::DirectInput(direct_input(input)?)
            } else {
                return Err(Wrong::new(
                    format!("\"{text}\" does not happen"),
                    "write traffic, suspicion CLASS, client lost CLASS, former client lost CLASS, shutdown, handle dropped, \
                     blocked for MILLISECONDS, look, start again, or input: and what the core alone receives",
                ));
            }
        }
    })
}

/// `: start #1 answered ok`, or ` as of 3000: start #1 answered ok`.
fn direct_input(text: &str) -> Result<DirectInput, Wrong> {
    let (as_of, text) = match text.strip_prefix(" as of ").map(|it| it.split_once(": ")) {
        Some(Some((as_of, text))) => (Some(duration(as_of)?), Some(text)),
        Some(None) => (None, None),
        None => (None, text.strip_prefix(": ")),
    };
    let text = text.ok_or_else(|| {
        Wrong::new(
            "the core receives nothing",
            "write \"input: time\", or \"input as of 3000: time\" for an older or newer instant",
        )
    })?;
    let input = input(text)?;
    Ok(DirectInput { as_of, input })
}

fn input(text: &str) -> Result<Input, Wrong> {
    let no_such = || {
        Wrong::new(
            format!("\"{text}\" is no input"),
            "write \"start #1 answered ok\" (or liveness, registration, stop; or a failure in place of ok), \"traffic\", \
             \"traffic seen at 3000\", \"suspicion CLASS\", \"client #1 lost CLASS\", \"shutdown\" or \"time\"",
        )
    };
    match text {
        "traffic" => return Ok(Input::Live(None)),
        "shutdown" => return Ok(Input::Shutdown),
        "time" => return Ok(Input::Time),
        _ => {}
    }
    if let Some(at) = text.strip_prefix("traffic seen at ") {
        return Ok(Input::Live(Some(duration(at)?)));
    }
    if let Some(news) = text.strip_prefix("suspicion ") {
        return Ok(Input::Suspicion(failure(news)?));
    }
    let (subject, rest) = text.split_once(" #").ok_or_else(no_such)?;
    if let Some((client, news)) = rest.split_once(" lost ").filter(|_| subject == "client") {
        let client = ClientId::from_number(number(client)?);
        return Ok(Input::Lost(client, failure(news)?));
    }
    let (id, result) = rest.split_once(" answered ").ok_or_else(no_such)?;
    let result = match result {
        "ok" => Ok(()),
        other => Err(failure(other)?),
    };
    let id = number(id)?;
    Ok(match subject {
        "start" => Input::StartAnswered(ClientId::from_number(id), result),
        "liveness" => Input::LivenessAnswered(LivenessId::from_number(id), result),
        "registration" => Input::RegistrationAnswered(RegistrationId::from_number(id), result),
        "stop" => Input::StopAnswered(StopId::from_number(id), result),
        _ => return Err(no_such()),
    })
}
