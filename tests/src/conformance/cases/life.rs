//! A whole life: short enough to be lived a thousand times at once.

use livebus_core::{FailureClass, Handler};

use crate::conformance::case::Case;
use crate::conformance::world::{Answer, Happening, World, plain};

/// From a failed start over silence, doubt, loss and recovery to a shutdown in order.
#[must_use]
pub fn life() -> Case {
    Case::new(
        "a whole life, from a start that fails to a shutdown in order",
        World::new(plain())
            .starts([
                Answer::failure(10, FailureClass::Unreachable),
                Answer::ok(10),
            ])
            .liveness([
                Answer::ok(10),
                Answer::ok(10),
                Answer::ok(10),
                Answer::panic(10),
                Answer::Never,
                Answer::Never,
                Answer::ok(10),
            ])
            .handler(Handler::required("orders"), [Answer::ok(20)])
            .stops([Answer::ok(10)])
            .at(4_000, Happening::Live)
            .at(10_000, Happening::Suspicion(FailureClass::Unreachable))
            .at(18_000, Happening::Live)
            .at(20_000, Happening::Lost(FailureClass::ClientFatal))
            .at(22_000, Happening::Shutdown)
            .until(30_000),
    )
    .shows([
        "10 NotReady: StartFailed(Unreachable)",
        "520 NotReady: Starting",
        "540 Running: Evidence",
        "17520 NotReady: LivenessFailed(Timeout)",
        "18000 Running: Evidence",
        "20000 NotReady: ClientLost(ClientFatal)",
        "20510 NotReady: Starting",
        "20530 Running: Evidence",
        "22000 NotReady: ShuttingDown",
        "27010 Stopped: ShutDown",
    ])
    .asks([520, 9_000, 10_000, 15_010, 15_520, 17_520, 20_510])
}
