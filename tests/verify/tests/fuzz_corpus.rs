//! Runs the fuzz targets, with the stable compiler, on the inputs of their packs and on those that once failed.
//! `tests/fuzz/README.md` says how both are made.

use std::collections::BTreeSet;
use std::fs;
use std::panic;

use livebus_core::{Action, Phase, Supervisor};
use livebus_recording::{Outcome, Replay};
use livebus_verify::explore::explorer::action_name;
use livebus_verify::fuzzing;
use livebus_verify::fuzzing::corpus::{Pack, Target, read};

/// The largest pack, in bytes. One that is larger must be minimized.
const MAX_PACK_SIZE: usize = 700_000;

/// Runs a target on its pack and on its regressions. Reports the input that fails: in a pack by its line and its name, which `corpus
/// unpack` gives to its file.
fn replay_all(target: Target) {
    let pack = pack(target);
    let size = pack.to_string().len();
    assert!(
        size <= MAX_PACK_SIZE,
        "{target:?}: the pack has {size} bytes, more than {MAX_PACK_SIZE}: minimize it (tests/fuzz/README.md)"
    );
    for (index, (name, input)) in pack.inputs().enumerate() {
        let line = index + 1;
        replay(target, input, &format!("line {line} of the pack, {name},"));
    }
    let regressions = regressions(target);
    assert!(!regressions.is_empty(), "{target:?} has no regressions");
    for (name, input) in regressions {
        replay(target, &input, &format!("regression {name}"));
    }
}

fn replay(target: Target, input: &[u8], origin: &str) {
    let result = panic::catch_unwind(|| target.run(input));
    assert!(result.is_ok(), "{target:?}: {origin} fails, see above");
}

fn pack(target: Target) -> Pack {
    read(&target.pack()).unwrap_or_else(|error| panic!("{error:#}"))
}

/// The files of the folder with the inputs that once failed, with their names.
fn regressions(target: Target) -> Vec<(String, Vec<u8>)> {
    let folder = target.regressions();
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries
        .map(|entry| entry.expect("a folder can be read").path())
        .filter(|path| path.extension().is_none_or(|extension| extension != "md"))
        .map(|path| {
            let input = fs::read(&path).expect("a file can be read");
            (path.display().to_string(), input)
        })
        .collect()
}

#[test]
fn events_passes_on_its_pack_and_regressions() {
    replay_all(Target::Events);
}

#[test]
fn snapshot_passes_on_its_pack_and_regressions() {
    replay_all(Target::Snapshot);
}

#[test]
fn recording_passes_on_its_pack_and_regressions() {
    replay_all(Target::Recording);
}

#[test]
fn lines_passes_on_its_pack_and_regressions() {
    replay_all(Target::Lines);
}

#[test]
fn headers_passes_on_its_pack_and_regressions() {
    replay_all(Target::Headers);
}

#[test]
fn voltha_passes_on_its_pack_and_regressions() {
    replay_all(Target::Voltha);
}

/// If a change of the core or of the target gives the bytes another meaning, the inputs still pass, but may test nothing.
#[test]
fn events_pack_reaches_every_phase_action_and_cause() {
    let mut phases = BTreeSet::new();
    let mut actions = BTreeSet::new();
    let mut causes = BTreeSet::new();
    let mut observe = |supervisor: &Supervisor, new: &[Action]| {
        phases.insert(supervisor.phase().name());
        causes.insert(supervisor.report().cause.name());
        actions.extend(new.iter().map(action_name));
    };
    for (_, input) in pack(Target::Events).inputs() {
        fuzzing::events_observed(input, &mut observe);
    }
    assert_eq!(phases.len(), Phase::ALL.len(), "{phases:?}");
    assert_eq!(actions.len(), 8, "{actions:?}");
    // All except Unreported and Reported, which no supervisor reports, and Configured, which is replaced within the same call.
    assert_eq!(causes.len(), 10, "{causes:?}");
}

/// If a word of the format changes, the inputs are refused at that word: they still pass, but test nothing after it.
#[test]
fn recording_pack_and_regressions_are_recordings_of_every_outcome() {
    let (mut same, mut different, mut damaged, mut refused) = (0, 0, 0, 0);
    for (_, input) in pack(Target::Recording).inputs() {
        match Replay::new(input).map(|replay| replay.run(|_, _| {})) {
            Ok(Ok(Outcome::Same(_))) => same += 1,
            Ok(Ok(Outcome::Different(_))) => different += 1,
            Ok(Err(_)) => damaged += 1,
            Err(_) => refused += 1,
        }
    }
    for (outcome, count) in [
        ("same", same),
        ("different", different),
        ("damaged", damaged),
        ("refused", refused),
    ] {
        assert!(count >= 30, "{outcome}: {count} inputs, fewer than 30");
    }
    for (name, input) in regressions(Target::Recording) {
        let replay = Replay::new(&*input);
        assert!(replay.is_ok(), "regression {name} is not a recording");
    }
}
