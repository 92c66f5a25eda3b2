//! The handle dropped, in every phase: the end at once, told to everyone, and nothing after it.

use livebus_core::{FailureClass, Handler, OnClientLost, Settings};

use crate::conformance::case::Case;
use crate::conformance::world::{Answer, Happening, World, plain};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "dropped while it starts, it is cut off",
            World::new(plain())
                .starts([Answer::ok(500)])
                .at(100, Happening::Dropped)
                .until(2_000),
        )
        .shows(["100 Stopped: CutOff"]),
        Case::new(
            "dropped between two starts, it is cut off",
            World::new(plain())
                .starts([Answer::failure(10, FailureClass::Unreachable)])
                .at(100, Happening::Dropped)
                .until(2_000),
        )
        .shows([
            "10 NotReady: StartFailed(Unreachable)",
            "100 Stopped: CutOff",
        ]),
        Case::new(
            "dropped before the first proof, it is cut off",
            World::new(plain())
                .liveness([Answer::ok(500)])
                .handler(Handler::required("orders"), [Answer::ok(700)])
                .at(100, Happening::Dropped)
                .until(2_000),
        )
        .shows(["100 Stopped: CutOff"]),
        Case::new(
            "dropped while running, it is cut off and not ready from then on",
            World::new(plain())
                .at(100, Happening::Look)
                .at(100, Happening::Dropped)
                .at(100, Happening::Look)
                .at(200, Happening::Live)
                .at(300, Happening::Look)
                .until(8_000),
        )
        .shows([
            "0 Running: Evidence",
            "100 ready",
            "100 Stopped: CutOff",
            "100 not ready",
            "300 not ready",
        ]),
        Case::new(
            "dropped in the middle of a round, it is cut off and so is the round",
            World::new(plain())
                .liveness([Answer::ok(0), Answer::ok(500)])
                .at(5_100, Happening::Dropped)
                .until(8_000),
        )
        .shows(["0 Running: Evidence", "5100 Stopped: CutOff"]),
        Case::new(
            "dropped while it is not ready, it is cut off",
            World::new(plain())
                .liveness([
                    Answer::ok(0),
                    Answer::failure(0, FailureClass::Tls),
                    Answer::Never,
                ])
                .at(6_500, Happening::Dropped)
                .until(9_000),
        )
        .shows([
            "0 Running: Evidence",
            "5000 NotReady: LivenessFailed(Tls)",
            "6500 Stopped: CutOff",
        ]),
        Case::new(
            "dropped while it drains, it is cut off",
            World::new(plain())
                .at(1_000, Happening::Shutdown)
                .at(2_000, Happening::Dropped)
                .until(9_000),
        )
        .shows([
            "0 Running: Evidence",
            "1000 NotReady: ShuttingDown",
            "2000 Stopped: CutOff",
        ]),
        Case::new(
            "dropped while it stops, it is cut off and so is the stop",
            World::new(plain())
                .stops([Answer::ok(1_000)])
                .at(1_000, Happening::Shutdown)
                .at(6_500, Happening::Dropped)
                .until(9_000),
        )
        .shows([
            "0 Running: Evidence",
            "1000 NotReady: ShuttingDown",
            "6500 Stopped: CutOff",
        ]),
        Case::new(
            "dropped after it was stopped in order, it stays so",
            World::new(plain())
                .at(1_000, Happening::Shutdown)
                .at(7_000, Happening::Dropped)
                .until(9_000),
        )
        .shows([
            "0 Running: Evidence",
            "1000 NotReady: ShuttingDown",
            "6000 Stopped: ShutDown",
        ]),
        Case::new(
            "dropped after it failed for ever, it is cut off",
            World::new(Settings {
                on_client_lost: OnClientLost::Fail,
                ..plain()
            })
            .at(1_000, Happening::Lost(FailureClass::ClientFatal))
            .at(2_000, Happening::Dropped)
            .until(9_000),
        )
        .shows([
            "0 Running: Evidence",
            "1000 Failed: ClientLost(ClientFatal)",
            "2000 Stopped: CutOff",
        ]),
    ]
}
