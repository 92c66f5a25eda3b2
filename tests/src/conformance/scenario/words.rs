//! Parses the values of a scenario of the supervisor: answers, and inputs of the core.

use std::time::Duration;

use livebus_core::{ClientId, LivenessId, RegistrationId, StopId};

use crate::conformance::environment::{Answer, DirectInput, Input, Occurrence, Outcome};
use crate::scenario_files::Problem;
use crate::scenario_files::words::{duration, failure, number, result_of};

/// Parses `ok after 10, then Unreachable after 10, then never`.
pub(super) fn answers(text: &str) -> Result<Vec<Answer>, Problem> {
    text.split(", then ").map(answer).collect()
}

fn answer(text: &str) -> Result<Answer, Problem> {
    if text == "never" {
        return Ok(Answer::Never);
    }
    let (text, delay) = match text.split_once(", delayed ") {
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
        other => Outcome::Returns(Err(failure(other).map_err(|problem| {
            Problem::new(
                format!("invalid answer \"{text}\""),
                format!(
                    "write \"ok after 10\", \"panics after 10\", \"never\", or a failure: {}",
                    problem.remedy
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

/// Parses what comes after `at 5000`.
pub(super) fn occurrence(text: &str) -> Result<Occurrence, Problem> {
    Ok(match text {
        "traffic" => Occurrence::Live,
        "shutdown" => Occurrence::Shutdown,
        "handle dropped" => Occurrence::Dropped,
        "read readiness" => Occurrence::ReadReadiness,
        "start again" => Occurrence::StartAgain,
        _ => {
            if let Some(class) = text.strip_prefix("suspicion ") {
                Occurrence::Suspicion(failure(class)?)
            } else if let Some(class) = text.strip_prefix("client lost ") {
                Occurrence::Lost(failure(class)?)
            } else if let Some(class) = text.strip_prefix("previous client lost ") {
                Occurrence::LostBefore(failure(class)?)
            } else if let Some(long) = text.strip_prefix("blocked for ") {
                Occurrence::Blocked(duration(long)?)
            } else if let Some(rest) = text.strip_prefix("input") {
                Occurrence::DirectInput(direct_input(rest)?)
            } else {
                return Err(Problem::new(
                    format!("unknown step \"{text}\""),
                    "write traffic, suspicion CLASS, client lost CLASS, previous client lost CLASS, shutdown, handle \
                     dropped, blocked for MILLISECONDS, read readiness, start again, or input: and an input of the core",
                ));
            }
        }
    })
}

/// Parses `: start #1 answered ok`, or ` as of 3000: start #1 answered ok`.
fn direct_input(text: &str) -> Result<DirectInput, Problem> {
    let (as_of, text) = match text.strip_prefix(" as of ").map(|it| it.split_once(": ")) {
        Some(Some((as_of, text))) => (Some(duration(as_of)?), Some(text)),
        Some(None) => (None, None),
        None => (None, text.strip_prefix(": ")),
    };
    let text = text.ok_or_else(|| {
        Problem::new(
            "there is no input",
            "write \"input: timeout\", or \"input as of 3000: timeout\" for another instant than the clock's",
        )
    })?;
    let input = event(text)?;
    Ok(DirectInput { as_of, input })
}

fn event(text: &str) -> Result<Input, Problem> {
    let unknown = || {
        Problem::new(
            format!("unknown input \"{text}\""),
            "write \"start #1 answered ok\" (or liveness, registration, stop; or a failure in place of ok), \"traffic\", \
             \"traffic seen at 3000\", \"suspicion CLASS\", \"client #1 lost CLASS\", \"shutdown\" or \"timeout\"",
        )
    };
    match text {
        "traffic" => return Ok(Input::Live(None)),
        "shutdown" => return Ok(Input::Shutdown),
        "timeout" => return Ok(Input::Time),
        _ => {}
    }
    if let Some(at) = text.strip_prefix("traffic seen at ") {
        return Ok(Input::Live(Some(duration(at)?)));
    }
    if let Some(class) = text.strip_prefix("suspicion ") {
        return Ok(Input::Suspicion(failure(class)?));
    }
    let (kind, rest) = text.split_once(" #").ok_or_else(unknown)?;
    if let Some((client, class)) = rest.split_once(" lost ").filter(|_| kind == "client") {
        let client = ClientId::from_number(number(client)?);
        return Ok(Input::Lost(client, failure(class)?));
    }
    if let Some((id, result)) = rest.split_once(" reports ").filter(|_| kind == "handler") {
        let id = RegistrationId::from_number(number(id)?);
        return Ok(Input::HandlerHealth(id, result_of(result)?));
    }
    let (id, result) = rest.split_once(" answered ").ok_or_else(unknown)?;
    let result = result_of(result)?;
    let id = number(id)?;
    Ok(match kind {
        "start" => Input::StartAnswered(ClientId::from_number(id), result),
        "liveness" => Input::LivenessAnswered(LivenessId::from_number(id), result),
        "registration" => Input::RegistrationAnswered(RegistrationId::from_number(id), result),
        "stop" => Input::StopAnswered(StopId::from_number(id), result),
        _ => return Err(unknown()),
    })
}
