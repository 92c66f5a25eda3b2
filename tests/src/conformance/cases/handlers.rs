//! The registration of handlers.

use livebus_core::{FailureClass, Handler};

use crate::conformance::case::Case;
use crate::conformance::world::{Answer, Happening, World, plain};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "a required handler must be registered before the service is ready",
            World::new(plain())
                .handler(Handler::required("orders"), [Answer::ok(300)])
                .until(1_000),
        )
        .shows(["300 Running: Evidence"]),
        Case::new(
            "an optional handler that hangs for ever keeps nobody waiting",
            World::new(plain())
                .handler(Handler::optional("audit"), [Answer::Never])
                .until(25_000),
        )
        .shows(["0 Running: Evidence"]),
        Case::new(
            "a required handler that fails twice is registered by the third attempt",
            World::new(plain())
                .handler(
                    Handler::required("orders"),
                    [
                        Answer::failure(10, FailureClass::Authorization),
                        Answer::failure(10, FailureClass::Authorization),
                        Answer::ok(10),
                    ],
                )
                .until(3_000),
        )
        .shows([
            "10 NotReady: HandlerFailed(Authorization)",
            "1530 Running: Evidence",
        ]),
        Case::new(
            "a registration that is overdue is given up and tried again",
            World::new(plain())
                .handler(
                    Handler::required("orders"),
                    [Answer::ok(10_001), Answer::ok(10)],
                )
                .until(12_000),
        )
        .shows([
            "10000 NotReady: HandlerFailed(Timeout)",
            "10510 Running: Evidence",
        ]),
        Case::new(
            "a registration that panics is a failure like any other",
            World::new(plain())
                .handler(
                    Handler::required("orders"),
                    [Answer::panic(10), Answer::ok(10)],
                )
                .until(2_000),
        )
        .shows(["10 NotReady: HandlerFailed(Other)", "520 Running: Evidence"]),
        Case::new(
            "many handlers are registered side by side, each with its own retries",
            World::new(plain())
                .handler(Handler::required("orders"), [Answer::ok(50)])
                .handler(
                    Handler::optional("audit"),
                    [
                        Answer::failure(20, FailureClass::Unreachable),
                        Answer::ok(20),
                    ],
                )
                .handler(
                    Handler::required("payments"),
                    [
                        Answer::failure(20, FailureClass::TopicMissing),
                        Answer::ok(20),
                    ],
                )
                .until(2_000),
        )
        .shows([
            "20 NotReady: HandlerFailed(TopicMissing)",
            "540 Running: Evidence",
        ]),
        Case::new(
            "with a lost client go its registrations, those under way too",
            World::new(plain())
                .handler(
                    Handler::required("orders"),
                    [Answer::ok(10), Answer::ok(20)],
                )
                .handler(Handler::optional("audit"), [Answer::Never, Answer::ok(20)])
                .at(1_000, Happening::Lost(FailureClass::ClientFatal))
                .until(3_000),
        )
        .shows([
            "10 Running: Evidence",
            "1000 NotReady: ClientLost(ClientFatal)",
            "1500 NotReady: Starting",
            "1520 Running: Evidence",
        ]),
        Case::new(
            "a shutdown gives up the registration that is under way",
            World::new(plain())
                .handler(Handler::required("orders"), [Answer::Never])
                .at(1_000, Happening::Shutdown)
                .until(7_000),
        )
        .shows(["1000 NotReady: ShuttingDown", "1000 Stopped: ShutDown"]),
    ]
}
