//! The start, its failures, and a second supervision after the first.

use livebus_core::{FailureClass, Settings};

use crate::conformance::case::Case;
use crate::conformance::world::{Answer, Happening, World, plain};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "a start that fails three times is tried a fourth time",
            World::new(plain())
                .starts([
                    Answer::failure(10, FailureClass::Unreachable),
                    Answer::failure(10, FailureClass::NameResolution),
                    Answer::failure(10, FailureClass::Unreachable),
                    Answer::ok(10),
                ])
                .until(4_000),
        )
        .shows([
            "10 NotReady: StartFailed(Unreachable)",
            "520 NotReady: StartFailed(NameResolution)",
            "1530 NotReady: StartFailed(Unreachable)",
            "3540 NotReady: Starting",
            "3540 Running: Evidence",
        ])
        .asks([3_540]),
        Case::new(
            "a start that hangs for ever is given up, and tried again for ever",
            World::new(plain()).starts([Answer::Never]).until(60_000),
        )
        .shows(["10000 NotReady: StartFailed(Timeout)"])
        .asks([]),
        Case::new(
            "a start that is answered one millisecond before its deadline is in time",
            World::new(plain())
                .starts([Answer::ok(9_999)])
                .until(12_000),
        )
        .shows(["9999 Running: Evidence"]),
        Case::new(
            "a start that is answered at the very instant of its deadline is late",
            World::new(plain())
                .starts([Answer::ok(10_000), Answer::ok(5)])
                .until(12_000),
        )
        .shows([
            "10000 NotReady: StartFailed(Timeout)",
            "10505 NotReady: Starting",
            "10505 Running: Evidence",
        ]),
        Case::new(
            "a start that would succeed after its deadline is given up before",
            World::new(plain())
                .starts([Answer::ok(10_001), Answer::ok(5)])
                .until(12_000),
        )
        .shows([
            "10000 NotReady: StartFailed(Timeout)",
            "10505 NotReady: Starting",
            "10505 Running: Evidence",
        ]),
        Case::new(
            "a start whose answer lay in the inbox in time is in time",
            World::new(plain())
                .starts([Answer::ok(9_990).lies(100)])
                .until(12_000),
        )
        .shows(["10090 Running: Evidence"]),
        Case::new(
            "a start that panics is a failure like any other",
            World::new(plain())
                .starts([Answer::panic(20), Answer::ok(0)])
                .until(2_000),
        )
        .shows([
            "20 NotReady: StartFailed(Other)",
            "520 NotReady: Starting",
            "520 Running: Evidence",
        ]),
        Case::new(
            "the same seed waits the same between starts",
            World::new(Settings {
                seed: Some(42),
                ..Settings::default()
            })
            .starts([
                Answer::failure(0, FailureClass::Unreachable),
                Answer::failure(0, FailureClass::Tls),
                Answer::failure(0, FailureClass::Unreachable),
                Answer::ok(0),
            ])
            .until(6_000),
        )
        .shows([
            "0 NotReady: StartFailed(Unreachable)",
            "547.656128 NotReady: StartFailed(Tls)",
            "1676.171753 NotReady: StartFailed(Unreachable)",
            "4044.140503 NotReady: Starting",
            "4044.140503 Running: Evidence",
        ]),
        Case::new(
            "right after a stop the same bus can be supervised again under the same name",
            World::new(plain())
                .at(1_000, Happening::Shutdown)
                .at(6_001, Happening::StartAgain)
                .at(7_000, Happening::Look)
                .until(8_000),
        )
        .shows([
            "0 Running: Evidence",
            "1000 NotReady: ShuttingDown",
            "6000 Stopped: ShutDown",
            "6001 Preparing: Configured",
            "6001 Prepared: Starting",
            "6001 Running: Evidence",
            "7000 ready",
        ]),
        Case::new(
            "right after a drop the same bus can be supervised again under the same name",
            World::new(plain())
                .liveness([Answer::ok(5), Answer::Never, Answer::ok(5)])
                .at(5_500, Happening::Dropped)
                .at(5_500, Happening::StartAgain)
                .until(6_000),
        )
        .shows([
            "5 Running: Evidence",
            "5500 Stopped: CutOff",
            "5500 Preparing: Configured",
            "5500 Prepared: Starting",
            "5505 Running: Evidence",
        ]),
        Case::new(
            "news that came while nobody watched means nothing to the next supervision",
            World::new(plain())
                .starts([Answer::ok(0), Answer::ok(100)])
                .at(1_000, Happening::Dropped)
                .at(1_500, Happening::Live)
                .at(1_600, Happening::Suspicion(FailureClass::Unreachable))
                .at(1_700, Happening::Lost(FailureClass::ClientFatal))
                .at(2_000, Happening::StartAgain)
                .until(3_000),
        )
        .shows([
            "0 Running: Evidence",
            "1000 Stopped: CutOff",
            "2000 Preparing: Configured",
            "2000 Prepared: Starting",
            "2100 Running: Evidence",
        ]),
    ]
}
