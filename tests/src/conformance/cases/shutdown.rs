//! The shutdown, in every phase.

use std::time::Duration;

use livebus_core::{FailureClass, Settings};

use crate::conformance::case::Case;
use crate::conformance::world::{Answer, Happening, World, plain};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = phases();
    cases.extend(ends());
    cases
}

fn phases() -> Vec<Case> {
    vec![
        Case::new(
            "a shutdown while a start is under way needs no drain and ends the start",
            World::new(plain())
                .starts([Answer::ok(3_000)])
                .stops([Answer::ok(100)])
                .at(1_000, Happening::Shutdown)
                .until(5_000),
        )
        .shows(["1000 NotReady: ShuttingDown", "1100 Stopped: ShutDown"]),
        Case::new(
            "a shutdown between two starts ends at once",
            World::new(plain())
                .starts([Answer::failure(10, FailureClass::Unreachable)])
                .stops([Answer::ok(100)])
                .at(300, Happening::Shutdown)
                .until(5_000),
        )
        .shows([
            "10 NotReady: StartFailed(Unreachable)",
            "300 NotReady: ShuttingDown",
            "400 Stopped: ShutDown",
        ]),
        Case::new(
            "a shutdown before the first proof needs no drain",
            World::new(plain())
                .liveness([Answer::Never])
                .stops([Answer::ok(100)])
                .at(300, Happening::Shutdown)
                .until(5_000),
        )
        .shows(["300 NotReady: ShuttingDown", "400 Stopped: ShutDown"]),
        Case::new(
            "a shutdown while running is not ready first, then drains, then stops",
            World::new(plain())
                .stops([Answer::ok(100)])
                .at(1_000, Happening::Look)
                .at(1_000, Happening::Shutdown)
                .at(1_000, Happening::Look)
                .until(8_000),
        )
        .shows([
            "0 Running: Evidence",
            "1000 ready",
            "1000 NotReady: ShuttingDown",
            "1000 not ready",
            "6100 Stopped: ShutDown",
        ]),
        Case::new(
            "a shutdown in the middle of a round ignores what the round brings",
            World::new(plain())
                .liveness([Answer::ok(0), Answer::ok(500)])
                .stops([Answer::ok(100)])
                .at(5_200, Happening::Shutdown)
                .until(12_000),
        )
        .shows([
            "0 Running: Evidence",
            "5200 NotReady: ShuttingDown",
            "10300 Stopped: ShutDown",
        ]),
        Case::new(
            "a shutdown of a service that ceased to be ready drains only what is left",
            World::new(plain())
                .liveness([
                    Answer::ok(0),
                    Answer::failure(0, FailureClass::Tls),
                    Answer::Never,
                ])
                .stops([Answer::ok(100)])
                .at(8_000, Happening::Shutdown)
                .until(12_000),
        )
        .shows([
            "0 Running: Evidence",
            "5000 NotReady: LivenessFailed(Tls)",
            "7000 NotReady: LivenessFailed(Timeout)",
            "8000 NotReady: ShuttingDown",
            "10100 Stopped: ShutDown",
        ]),
        Case::new(
            "a shutdown without a drain stops at once",
            World::new(Settings {
                drain: Duration::ZERO,
                ..plain()
            })
            .stops([Answer::ok(100)])
            .at(1_000, Happening::Shutdown)
            .until(3_000),
        )
        .shows([
            "0 Running: Evidence",
            "1000 NotReady: ShuttingDown",
            "1100 Stopped: ShutDown",
        ]),
    ]
}

fn ends() -> Vec<Case> {
    vec![
        Case::new(
            "a second shutdown changes nothing, be it while it drains, while it stops, or after",
            World::new(plain())
                .stops([Answer::ok(1_000)])
                .at(1_000, Happening::Shutdown)
                .at(2_000, Happening::Shutdown)
                .at(6_500, Happening::Shutdown)
                .at(8_000, Happening::Shutdown)
                .until(9_000),
        )
        .shows([
            "0 Running: Evidence",
            "1000 NotReady: ShuttingDown",
            "7000 Stopped: ShutDown",
        ]),
        Case::new(
            "news of every kind while it drains changes nothing",
            World::new(plain())
                .at(1_000, Happening::Shutdown)
                .at(2_000, Happening::Live)
                .at(3_000, Happening::Suspicion(FailureClass::Unreachable))
                .at(4_000, Happening::Lost(FailureClass::ClientFatal))
                .until(9_000),
        )
        .shows([
            "0 Running: Evidence",
            "1000 NotReady: ShuttingDown",
            "6000 Stopped: ShutDown",
        ]),
        Case::new(
            "a stop that hangs for ever is cut off",
            World::new(plain())
                .stops([Answer::Never])
                .at(1_000, Happening::Shutdown)
                .until(20_000),
        )
        .shows([
            "0 Running: Evidence",
            "1000 NotReady: ShuttingDown",
            "11000 Stopped: CutOff",
        ]),
        Case::new(
            "a stop that ends at the very instant of its deadline is cut off",
            World::new(plain())
                .stops([Answer::ok(5_000)])
                .at(1_000, Happening::Shutdown)
                .until(20_000),
        )
        .shows([
            "0 Running: Evidence",
            "1000 NotReady: ShuttingDown",
            "11000 Stopped: CutOff",
        ]),
        Case::new(
            "a stop whose answer lay in the inbox in time ended in order",
            World::new(plain())
                .stops([Answer::ok(4_999).lies(1_000)])
                .at(1_000, Happening::Shutdown)
                .until(20_000),
        )
        .shows([
            "0 Running: Evidence",
            "1000 NotReady: ShuttingDown",
            "11999 Stopped: ShutDown",
        ]),
        Case::new(
            "a stop that fails is cut off",
            World::new(plain())
                .stops([Answer::failure(10, FailureClass::Timeout)])
                .at(1_000, Happening::Shutdown)
                .until(20_000),
        )
        .shows([
            "0 Running: Evidence",
            "1000 NotReady: ShuttingDown",
            "6010 Stopped: CutOff",
        ]),
        Case::new(
            "a stop that panics is cut off",
            World::new(plain())
                .stops([Answer::panic(10)])
                .at(1_000, Happening::Shutdown)
                .until(20_000),
        )
        .shows([
            "0 Running: Evidence",
            "1000 NotReady: ShuttingDown",
            "6010 Stopped: CutOff",
        ]),
    ]
}
