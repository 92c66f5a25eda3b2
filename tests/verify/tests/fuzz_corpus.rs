//! Replays with the stable compiler what fuzzing found: the inputs that reach something of their own, and those that once
//! failed. `tests/fuzz/README.md` says how they are made.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use livebus_core::{Action, Phase, Supervisor};
use livebus_verify::explore::explorer::action_name;
use livebus_verify::fuzzing;

/// The inputs of a folder of `tests/fuzz/`, with their names.
fn inputs(folder: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz")
        .join(folder);
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let inputs: Vec<_> = entries
        .map(|entry| entry.expect("a folder can be read").path())
        .filter(|path| path.extension().is_none_or(|extension| extension != "md"))
        .map(|path| (path.clone(), fs::read(&path).expect("a file can be read")))
        .collect();
    assert!(!inputs.is_empty(), "{} is empty", folder.display());
    inputs
}

/// Replays a folder; names the input that fails.
fn replay(folder: &str, target: fn(&[u8])) {
    for (path, bytes) in inputs(folder) {
        let result = std::panic::catch_unwind(|| target(&bytes));
        assert!(result.is_ok(), "{} fails, see above", path.display());
    }
}

/// Above this the folder wants to be minimised.
const LARGEST_CORPUS: usize = 500_000;

fn replay_all(target_name: &str, target: fn(&[u8])) {
    let corpus = format!("corpus/{target_name}");
    let size: usize = inputs(&corpus).iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(size <= LARGEST_CORPUS, "{corpus} has {size} bytes");
    replay(&corpus, target);
    replay(&format!("regressions/{target_name}"), target);
}

#[test]
fn what_was_found_with_events_passes() {
    replay_all("events", fuzzing::events);
}

#[test]
fn what_was_found_with_snapshots_passes() {
    replay_all("snapshot", fuzzing::snapshot);
}

#[test]
fn what_was_found_with_recordings_passes() {
    replay_all("recording", fuzzing::recording);
}

#[test]
fn what_was_found_with_lines_passes() {
    replay_all("lines", fuzzing::lines);
}

/// A corpus rots when its bytes come to mean something else: its stories would pass, and be about nothing.
#[test]
fn the_stories_of_the_corpus_reach_every_phase_every_action_and_every_cause() {
    let mut phases = BTreeSet::new();
    let mut actions = BTreeSet::new();
    let mut causes = BTreeSet::new();
    let mut watch = |supervisor: &Supervisor, came: &[Action]| {
        phases.insert(supervisor.phase().name());
        causes.insert(supervisor.report().cause.name());
        actions.extend(came.iter().map(action_name));
    };
    for (_, bytes) in inputs("corpus/events") {
        fuzzing::events_watched(&bytes, &mut watch);
    }
    assert_eq!(phases.len(), Phase::ALL.len(), "{phases:?}");
    assert_eq!(actions.len(), 8, "{actions:?}");
    // All but Unreported and Reported, which no supervisor says, and Configured, which lasts for no call.
    assert_eq!(causes.len(), 10, "{causes:?}");
}
