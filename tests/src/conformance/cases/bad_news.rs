//! Suspicions: false ones, true ones, storms, and those that come while a question is open.

use livebus_core::{FailureClass, OnSuspicion, Settings};

use crate::conformance::case::Case;
use crate::conformance::world::{Answer, Happening, World, plain};

const HINT: Happening = Happening::Suspicion(FailureClass::Unreachable);

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "a suspicion that was false costs one question and changes nothing",
            World::new(plain())
                .liveness([Answer::ok(20)])
                .at(2_000, HINT)
                .until(6_000),
        )
        .shows(["20 Running: Evidence"])
        .asks([0, 2_000]),
        Case::new(
            "a suspicion that was true is not ready after its short deadline, and says why",
            World::new(plain())
                .liveness([Answer::ok(0), Answer::Never])
                .at(2_000, HINT)
                .until(4_000),
        )
        .shows([
            "0 Running: Evidence",
            "2500 NotReady: LivenessFailed(Unreachable)",
            "4000 NotReady: LivenessFailed(Timeout)",
        ])
        .asks([0, 2_000, 3_000, 4_000]),
        Case::new(
            "a storm of bad news asks at a distance and not more often",
            World::new(plain())
                .liveness([Answer::ok(1)])
                .each(1_000, 1_000, 1, HINT)
                .until(3_000),
        )
        .shows(["1 Running: Evidence"])
        .asks([0, 1_000, 1_200, 1_400, 1_600, 1_800, 2_000]),
        Case::new(
            "a storm of bad news and good news together changes nothing",
            World::new(plain())
                .liveness([Answer::ok(1)])
                .at(1_000, HINT)
                .at(1_001, Happening::Live)
                .at(1_002, HINT)
                .at(1_003, Happening::Live)
                .at(1_003, HINT)
                .at(1_100, Happening::Live)
                .until(2_000),
        )
        .shows(["1 Running: Evidence"])
        .asks([0, 1_000]),
        Case::new(
            "a suspicion shortens the question that is open, and the one after it decides alone",
            World::new(plain())
                .liveness([Answer::ok(0), Answer::ok(1_500)])
                .at(5_100, HINT)
                .until(8_000),
        )
        .shows([
            "0 Running: Evidence",
            "6100 NotReady: LivenessFailed(Unreachable)",
            "7600 NotReady: LivenessFailed(Timeout)",
        ])
        .asks([0, 5_000, 5_600, 6_600, 7_600]),
        Case::new(
            "an answer that is late only by the deadline that a suspicion shortened is ignored",
            World::new(plain())
                .liveness([Answer::ok(0), Answer::ok(700), Answer::ok(10)])
                .at(5_100, HINT)
                .until(7_000),
        )
        .shows(["0 Running: Evidence"])
        .asks([0, 5_000, 5_600]),
        Case::new(
            "a suspicion that is refuted by traffic before it is asked about asks nothing",
            World::new(plain())
                .liveness([Answer::ok(0)])
                .at(5_050, HINT)
                .at(5_060, Happening::Live)
                .until(8_000),
        )
        .shows(["0 Running: Evidence"])
        .asks([0, 5_000]),
        Case::new(
            "of many suspicions the most telling is the reason, until something is proved",
            World::new(plain())
                .liveness([Answer::Never])
                .at(200, Happening::Suspicion(FailureClass::Authentication))
                .at(400, HINT)
                .until(4_000),
        )
        .shows(["1000 NotReady: LivenessFailed(Authentication)"])
        .asks([0, 1_000, 3_000]),
        Case::new(
            "a suspicion is believed at once where the settings say so",
            World::new(Settings {
                on_suspicion: OnSuspicion::NotReady,
                ..plain()
            })
            .liveness([Answer::ok(10)])
            .at(2_000, HINT)
            .until(4_000),
        )
        .shows([
            "10 Running: Evidence",
            "2000 NotReady: LivenessFailed(Unreachable)",
            "2010 Running: Evidence",
        ])
        .asks([0, 2_000]),
        Case::new(
            "a suspicion before there is a client means nothing",
            World::new(plain())
                .starts([Answer::ok(1_000)])
                .at(500, HINT)
                .until(2_000),
        )
        .shows(["1000 Running: Evidence"])
        .asks([1_000]),
    ]
}
