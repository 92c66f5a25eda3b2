//! Clients beyond repair.

use livebus_core::{FailureClass, OnClientLost, Settings};

use crate::conformance::case::Case;
use crate::conformance::world::{Answer, Happening, World, plain};

const LOST: Happening = Happening::Lost(FailureClass::ClientFatal);

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "a client that is lost is discarded, and another one is started",
            World::new(plain()).at(2_000, LOST).until(4_000),
        )
        .shows([
            "0 Running: Evidence",
            "2000 NotReady: ClientLost(ClientFatal)",
            "2500 NotReady: Starting",
            "2500 Running: Evidence",
        ])
        .asks([0, 2_500]),
        Case::new(
            "what the lost client still answers means nothing to the next one",
            World::new(plain())
                .liveness([Answer::ok(0), Answer::ok(1_000), Answer::ok(10)])
                .at(5_200, LOST)
                .until(7_000),
        )
        .shows([
            "0 Running: Evidence",
            "5200 NotReady: ClientLost(ClientFatal)",
            "5700 NotReady: Starting",
            "5710 Running: Evidence",
        ])
        .asks([0, 5_000, 5_700]),
        Case::new(
            "the loss of a client that was replaced already means nothing",
            World::new(plain())
                .at(2_000, LOST)
                .at(3_000, Happening::LostBefore(FailureClass::ClientFatal))
                .until(4_000),
        )
        .shows([
            "0 Running: Evidence",
            "2000 NotReady: ClientLost(ClientFatal)",
            "2500 NotReady: Starting",
            "2500 Running: Evidence",
        ])
        .asks([0, 2_500]),
        Case::new(
            "a liveness message that finds the client broken replaces it",
            World::new(plain())
                .liveness([
                    Answer::ok(0),
                    Answer::failure(10, FailureClass::ClientFatal),
                    Answer::ok(10),
                ])
                .until(7_000),
        )
        .shows([
            "0 Running: Evidence",
            "5010 NotReady: ClientLost(ClientFatal)",
            "5510 NotReady: Starting",
            "5520 Running: Evidence",
        ])
        .asks([0, 5_000, 5_510]),
        Case::new(
            "clients that are lost before they prove anything are replaced ever more slowly",
            World::new(plain())
                .liveness([Answer::failure(0, FailureClass::ClientFatal)])
                .until(8_000),
        )
        .shows([
            "0 NotReady: ClientLost(ClientFatal)",
            "500 NotReady: Starting",
            "500 NotReady: ClientLost(ClientFatal)",
            "1500 NotReady: Starting",
            "1500 NotReady: ClientLost(ClientFatal)",
            "3500 NotReady: Starting",
            "3500 NotReady: ClientLost(ClientFatal)",
            "7500 NotReady: Starting",
            "7500 NotReady: ClientLost(ClientFatal)",
        ])
        .asks([0, 500, 1_500, 3_500, 7_500]),
        Case::new(
            "a lost client is the end where the settings say so, but for a shutdown in order",
            World::new(Settings {
                on_client_lost: OnClientLost::Fail,
                ..plain()
            })
            .at(2_000, LOST)
            .at(3_000, Happening::Live)
            .at(4_000, Happening::Shutdown)
            .until(20_000),
        )
        .shows([
            "0 Running: Evidence",
            "2000 Failed: ClientLost(ClientFatal)",
            "4000 NotReady: ShuttingDown",
            "7000 Stopped: ShutDown",
        ])
        .asks([0]),
    ]
}
