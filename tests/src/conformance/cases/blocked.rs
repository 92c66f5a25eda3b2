//! An executor that does not get to run, and what is found when it does again.

use livebus_core::FailureClass;

use super::super::world::ms;
use crate::conformance::case::Case;
use crate::conformance::world::{Answer, Happening, World, plain};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "blocked for longer than an interval of silence, it asks as soon as it can",
            World::new(plain())
                .liveness([Answer::ok(10)])
                .at(4_000, Happening::Blocked(ms(3_000)))
                .until(8_000),
        )
        .shows(["10 Running: Evidence"])
        .asks([0, 7_000]),
        Case::new(
            "blocked over a deadline, it takes the answer that it could not notice for late",
            World::new(plain())
                .liveness([Answer::ok(0), Answer::ok(100), Answer::ok(10)])
                .at(5_050, Happening::Blocked(ms(3_000)))
                .until(10_000),
        )
        .shows(["0 Running: Evidence"])
        .asks([0, 5_000, 8_550]),
        Case::new(
            "blocked for longer than the lease, it is not ready meanwhile, and says it starved",
            World::new(plain())
                .liveness([Answer::ok(0), Answer::ok(100)])
                .at(1_000, Happening::Blocked(ms(20_000)))
                .at(9_500, Happening::Look)
                .at(9_501, Happening::Look)
                .at(20_999, Happening::Look)
                .until(22_000),
        )
        .shows([
            "0 Running: Evidence",
            "9500 ready",
            "9501 not ready",
            "20999 not ready",
            "21000 NotReady: Starved",
            "21100 Running: Evidence",
        ])
        .asks([0, 21_000]),
        Case::new(
            "blocked for longer than the lease in a round, it says that the bus did not answer",
            World::new(plain())
                .liveness([Answer::ok(0), Answer::Never, Answer::ok(100)])
                .at(6_000, Happening::Blocked(ms(20_000)))
                .until(27_000),
        )
        .shows([
            "0 Running: Evidence",
            "26000 NotReady: LivenessFailed(Timeout)",
            "26100 Running: Evidence",
        ])
        .asks([0, 5_000, 26_000]),
        Case::new(
            "blocked amid traffic, it knows of the newest when it runs again, and stays ready",
            World::new(plain())
                .at(1_000, Happening::Blocked(ms(9_000)))
                .each(8, 2_000, 1_000, Happening::Live)
                .until(15_000),
        )
        .shows(["0 Running: Evidence"])
        .asks([0, 14_000]),
        Case::new(
            "blocked for days, it asks once and not once for each interval",
            World::new(plain())
                .liveness([Answer::ok(10)])
                .at(1_000, Happening::Blocked(ms(3 * 24 * 3_600_000)))
                .until(259_202_000),
        )
        .shows([
            "10 Running: Evidence",
            "259201000 NotReady: Starved",
            "259201010 Running: Evidence",
        ])
        .asks([0, 259_201_000]),
        Case::new(
            "blocked while it starts, it gives the start up and tries again",
            World::new(plain())
                .starts([Answer::ok(50), Answer::ok(50)])
                .at(10, Happening::Blocked(ms(15_000)))
                .until(17_000),
        )
        .shows([
            "15010 NotReady: StartFailed(Timeout)",
            "15560 NotReady: Starting",
            "15560 Running: Evidence",
        ])
        .asks([15_560]),
        Case::new(
            "blocked while it backs off and is not ready, it goes on where it should be",
            World::new(plain())
                .starts([Answer::failure(0, FailureClass::Unreachable), Answer::ok(0)])
                .at(100, Happening::Blocked(ms(700)))
                .until(2_000),
        )
        .shows([
            "0 NotReady: StartFailed(Unreachable)",
            "800 NotReady: Starting",
            "800 Running: Evidence",
        ])
        .asks([800]),
        Case::new(
            "blocked over a shutdown, it drains from when the shutdown was called for",
            World::new(plain())
                .at(1_000, Happening::Blocked(ms(3_000)))
                .at(2_000, Happening::Shutdown)
                .until(8_000),
        )
        .shows([
            "0 Running: Evidence",
            "4000 NotReady: ShuttingDown",
            "7000 Stopped: ShutDown",
        ])
        .asks([0]),
        Case::new(
            "blocked over a shutdown for longer than the drain, it stops at once",
            World::new(plain())
                .stops([Answer::ok(10)])
                .at(1_000, Happening::Blocked(ms(9_000)))
                .at(2_000, Happening::Shutdown)
                .at(2_500, Happening::Shutdown)
                .until(12_000),
        )
        .shows([
            "0 Running: Evidence",
            "10000 NotReady: ShuttingDown",
            "10010 Stopped: ShutDown",
        ])
        .asks([0]),
        Case::new(
            "blocked while all comes at once, it tells good news, messages, bad news, time",
            World::new(plain())
                .liveness([Answer::ok(0), Answer::ok(10)])
                .at(1_000, Happening::Blocked(ms(5_000)))
                .at(2_000, Happening::Lost(FailureClass::ClientFatal))
                .at(3_000, Happening::Suspicion(FailureClass::Unreachable))
                .at(4_000, Happening::Live)
                .at(5_000, Happening::Shutdown)
                .until(12_000),
        )
        .shows([
            "0 Running: Evidence",
            "6000 NotReady: ShuttingDown",
            "10000 Stopped: ShutDown",
        ])
        .asks([0]),
        Case::new(
            "blocked while all but a shutdown comes, it tells the suspicion before the loss",
            World::new(plain())
                .liveness([Answer::ok(0), Answer::ok(10)])
                .at(1_000, Happening::Blocked(ms(5_000)))
                .at(2_000, Happening::Lost(FailureClass::ClientFatal))
                .at(3_000, Happening::Suspicion(FailureClass::Authentication))
                .at(3_500, Happening::Suspicion(FailureClass::Unreachable))
                .at(4_000, Happening::Live)
                .until(8_000),
        )
        .shows([
            "0 Running: Evidence",
            "6000 NotReady: ClientLost(ClientFatal)",
            "6500 NotReady: Starting",
            "6510 Running: Evidence",
        ])
        .asks([0, 6_000, 6_500]),
        Case::new(
            "blocked for less than anything that is due, nothing happens",
            World::new(plain())
                .at(1_000, Happening::Blocked(ms(1_000)))
                .at(1_500, Happening::Live)
                .until(5_500),
        )
        .shows(["0 Running: Evidence"])
        .asks([0]),
    ]
}
