//! The names of variants in a recording.

use livebus_core::dispatch::{Health, Pace, RecordFailure};

const CLASSES: [(&str, RecordFailure); 4] = [
    ("Transient", RecordFailure::Transient),
    ("Permanent", RecordFailure::Permanent),
    ("TimedOut", RecordFailure::TimedOut),
    ("Panicked", RecordFailure::Panicked),
];

const PACES: [(&str, Pace); 3] = [
    ("Full", Pace::Full),
    ("Slow", Pace::Slow),
    ("Paused", Pace::Paused),
];

pub(super) const fn class_name(class: RecordFailure) -> &'static str {
    match class {
        RecordFailure::Transient => CLASSES[0].0,
        RecordFailure::Permanent => CLASSES[1].0,
        RecordFailure::TimedOut => CLASSES[2].0,
        RecordFailure::Panicked => CLASSES[3].0,
    }
}

pub(super) fn class(name: &str) -> Option<RecordFailure> {
    named(&CLASSES, name)
}

pub(super) const fn pace_name(pace: Pace) -> &'static str {
    match pace {
        Pace::Full => PACES[0].0,
        Pace::Slow => PACES[1].0,
        Pace::Paused => PACES[2].0,
    }
}

pub(super) fn pace(name: &str) -> Option<Pace> {
    named(&PACES, name)
}

pub(super) const fn health_name(health: Health) -> &'static str {
    match health {
        Health::Working => "Working",
        Health::Stopped { .. } => "Stopped",
        Health::RecordsRemoved { .. } => "RecordsRemoved",
        Health::DeadLetterFailed { .. } => "DeadLetterFailed",
        Health::Stalled { .. } => "Stalled",
    }
}

fn named<T: Copy>(all: &[(&str, T)], name: &str) -> Option<T> {
    all.iter()
        .find(|(known, _)| *known == name)
        .map(|&(_, value)| value)
}
