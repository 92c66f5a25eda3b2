//! Checks that the conformance suite of request handlers notices a handler that does something else.

use livebus_tests::handler_conformance::{Step, drive, lifecycle};

use crate::Single;

pub(crate) const TRIAL: Single = (
    "handlers: each step changes the recording, and the script has every kind of line",
    each_step_changes_the_recording,
);

fn each_step_changes_the_recording() -> Result<(), String> {
    let script = lifecycle();
    let steps = drive(&script)?;
    for (step, lines) in script.iter().zip(&steps) {
        if lines.is_empty() {
            return Err(format!("{step:?} leads to nothing"));
        }
    }
    let all: String = steps.concat().concat();
    let kinds = [
        "BusUsable",
        "Assigned",
        "Fetched",
        "Pending",
        "RunEnded",
        "DeadLetterAnswered",
        "CommitAnswered",
        "Revoked",
        "Lost",
        "Removed",
        "Shutdown",
        "Timeout",
        "Run",
        "Cancel",
        "Commit",
        "WriteDeadLetter",
        "Forget",
        "SetPace",
        "Release",
        "SetHealth",
        "Stopped",
    ];
    for kind in kinds {
        if !all.contains(&format!(":\"{kind}\"")) {
            return Err(format!("no line is of the kind {kind}"));
        }
    }
    let is_end = |step: &Step| matches!(step, Step::Shutdown);
    match script.last() {
        Some(last) if is_end(last) => Ok(()),
        Some(_) | None => Err("the script does not end with the shutdown".to_owned()),
    }
}
