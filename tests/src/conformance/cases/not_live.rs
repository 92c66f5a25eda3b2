//! A bus that does not work, and what makes it work again.

use std::time::Duration;

use livebus_core::{FailureClass, Settings};

use crate::conformance::case::Case;
use crate::conformance::world::{Answer, Happening, World, plain};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "traffic wakes a loop that waits for proof, and is ready at once",
            World::new(plain())
                .liveness([Answer::Never])
                .at(2_345, Happening::Live)
                .until(3_000),
        )
        .shows([
            "1000 NotReady: LivenessFailed(Timeout)",
            "2345 Running: Evidence",
        ])
        .asks([0, 1_000]),
        Case::new(
            "traffic that came before the first question proves nothing",
            World::new(plain())
                .starts([Answer::ok(100)])
                .liveness([Answer::Never])
                .at(50, Happening::Live)
                .until(900),
        )
        .shows([])
        .asks([100]),
        Case::new(
            "a question stays open for its whole interval, and its late answer is ready at once",
            World::new(plain())
                .liveness([
                    Answer::ok(0),
                    Answer::failure(0, FailureClass::Tls),
                    Answer::ok(999),
                ])
                .until(8_000),
        )
        .shows([
            "0 Running: Evidence",
            "5000 NotReady: LivenessFailed(Tls)",
            "6999 Running: Evidence",
        ])
        .asks([0, 5_000, 6_000]),
        Case::new(
            "a second success is needed where two are asked for",
            World::new(Settings {
                successes_to_ready: 2,
                ..plain()
            })
            .liveness([Answer::ok(10)])
            .until(3_000),
        )
        .shows(["1010 Running: Evidence"])
        .asks([0, 1_000]),
        Case::new(
            "a failure between two successes begins anew",
            World::new(Settings {
                successes_to_ready: 2,
                ..plain()
            })
            .liveness([
                Answer::ok(10),
                Answer::failure(10, FailureClass::Unreachable),
                Answer::ok(10),
            ])
            .until(6_000),
        )
        .shows([
            "1010 NotReady: LivenessFailed(Unreachable)",
            "4010 Running: Evidence",
        ])
        .asks([0, 1_000, 2_000, 4_000]),
        Case::new(
            "a storm of good news in one interval counts once",
            World::new(Settings {
                successes_to_ready: 3,
                ..plain()
            })
            .liveness([Answer::Never])
            .each(300, 100, 10, Happening::Live)
            .until(4_000),
        )
        .shows(["2010 Running: Evidence"])
        .asks([0, 1_000, 2_000]),
        Case::new(
            "a client that is of no use for too long is replaced by another",
            World::new(Settings {
                recreate_after: Some(Duration::from_secs(6)),
                ..plain()
            })
            .liveness([
                Answer::failure(10, FailureClass::Unreachable),
                Answer::failure(10, FailureClass::Unreachable),
                Answer::Never,
                Answer::ok(10),
            ])
            .until(8_000),
        )
        .shows([
            "10 NotReady: LivenessFailed(Unreachable)",
            "6500 NotReady: Starting",
            "6510 Running: Evidence",
        ])
        .asks([0, 1_000, 3_000, 6_500]),
    ]
}
