//! The names of variants in a recording.

use livebus_core::calls::Refusal;

const REFUSALS: [Refusal; 4] = [
    Refusal::TooLate,
    Refusal::Unsupported,
    Refusal::Overloaded,
    Refusal::Unavailable,
];

pub(super) const fn refusal_name(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::TooLate => "TooLate",
        Refusal::Unsupported => "Unsupported",
        Refusal::Overloaded => "Overloaded",
        Refusal::Unavailable => "Unavailable",
    }
}

pub(super) fn refusal(name: &str) -> Option<Refusal> {
    REFUSALS.into_iter().find(|&it| refusal_name(it) == name)
}
