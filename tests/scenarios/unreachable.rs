//! Inputs that no scenario can reach in a phase, and why.

use livebus_core::Phase::{
    self, BackingOff, Draining, Failed, Idle, InFlight, NotLive, RetryPending, Starting, Stopped,
    Stopping, Suspected,
};

/// Kinds of inputs that cannot occur in any of these phases.
#[derive(Clone, Copy)]
pub(crate) struct Never {
    phases: &'static [Phase],
    pub(crate) kinds: &'static [&'static str],
    pub(crate) reason: &'static str,
}

impl Never {
    pub(crate) fn is(&self, phase: Phase, kind: &str) -> bool {
        self.phases.contains(&phase) && self.kinds.contains(&kind)
    }
}

/// The phases without a client in use.
const NO_CLIENT: &[Phase] = &[Starting, BackingOff, Draining, Stopping, Stopped, Failed];

/// What cannot occur, with any caller of the core.
pub(crate) const UNREACHABLE: &[Never] = &[
    Never {
        phases: NO_CLIENT,
        kinds: &["handler works", "handler fails"],
        reason: "no handler is registered without a client",
    },
    Never {
        phases: &[
            BackingOff,
            NotLive,
            Idle,
            Suspected,
            InFlight,
            RetryPending,
            Draining,
            Stopping,
            Stopped,
            Failed,
        ],
        kinds: &["start ok", "start failed"],
        reason: "a start is in flight only while Starting",
    },
    Never {
        phases: &[
            Starting,
            BackingOff,
            Idle,
            Suspected,
            RetryPending,
            Draining,
            Stopping,
            Stopped,
            Failed,
        ],
        kinds: &[
            "liveness ok",
            "liveness failed: definitive",
            "liveness failed: client fatal",
            "liveness failed: ambiguous",
            "liveness failed: partial",
            "liveness failed: rejected",
            "liveness failed: rejected, on_rejection: not live",
        ],
        reason: "a liveness message is in flight only while InFlight or NotLive",
    },
    Never {
        phases: NO_CLIENT,
        kinds: &[
            "registration ok",
            "registration failed",
            "registration timed out",
            "registration retried",
        ],
        reason: "a registration ends with its client, and at a shutdown",
    },
    Never {
        phases: &[
            Starting,
            BackingOff,
            NotLive,
            Idle,
            Suspected,
            InFlight,
            RetryPending,
            Draining,
            Stopped,
            Failed,
        ],
        kinds: &["stop ok", "stop failed"],
        reason: "a stop is in flight only while Stopping",
    },
    Never {
        phases: NO_CLIENT,
        kinds: &["client lost", "client lost, on_client_lost: fail"],
        reason: "there is no client to lose",
    },
    Never {
        phases: &[
            Starting, BackingOff, NotLive, Draining, Stopping, Stopped, Failed,
        ],
        kinds: &["suspicion, on_suspicion: not ready"],
        reason: "the bus is not live",
    },
    Never {
        phases: &[Suspected],
        kinds: &["suspicion, on_suspicion: not ready"],
        reason: "with on_suspicion: not ready, no suspicion is pending",
    },
    Never {
        phases: &[Stopped, Failed],
        kinds: &["timeout"],
        reason: "nothing is due after the end",
    },
];

/// Inputs that the core can receive, and that no runner delivers in a scenario.
///
/// An operation that ends at the instant at which its loop gives it up is a race. Scenarios cover the race between an answer and
/// its deadline at the same instant, and no other.
pub(crate) const NO_RUNNER: &[Never] = &[
    Never {
        phases: &[NotLive, Idle, Suspected, InFlight, RetryPending],
        kinds: &["handler works", "handler fails", "stale handler health"],
        reason: "a scripted handler is an operation that ends; it reports nothing about itself",
    },
    Never {
        phases: NO_CLIENT,
        kinds: &["stale handler health"],
        reason: "a scripted handler is an operation that ends; it reports nothing about itself",
    },
    Never {
        phases: &[Stopped],
        kinds: &[
            "stale start ok",
            "stale start failed",
            "stale liveness ok",
            "stale liveness failed",
            "stale registration ok",
            "stale registration failed",
            "traffic",
            "suspicion: definitive",
            "suspicion: ambiguous",
            "suspicion: partial",
            "suspicion: rejected",
            "stale client lost",
            "shutdown",
        ],
        reason: "the loop ends, and only the stop is in flight then",
    },
    Never {
        phases: &[
            Starting,
            NotLive,
            Idle,
            Suspected,
            InFlight,
            RetryPending,
            Failed,
        ],
        kinds: &["stale start ok", "stale start failed"],
        reason: "a start that is given up is dropped before the back-off ends",
    },
    Never {
        phases: &[Starting, BackingOff, Failed],
        kinds: &["stale registration ok", "stale registration failed"],
        reason: "a registration is discarded with its client; an end at that instant is a race",
    },
    Never {
        phases: &[Draining, Stopping],
        kinds: &[
            "stale start ok",
            "stale start failed",
            "stale registration ok",
            "stale registration failed",
        ],
        reason: "a shutdown drops it; both in one inbox is a race",
    },
    Never {
        phases: &[Stopping],
        kinds: &["stale liveness ok", "stale liveness failed"],
        reason: "a stop drops it; an end at that instant is a race",
    },
    Never {
        phases: &[
            Starting,
            BackingOff,
            NotLive,
            Idle,
            Suspected,
            InFlight,
            RetryPending,
            Draining,
            Stopping,
            Failed,
        ],
        kinds: &["stale stop ok", "stale stop failed"],
        reason: "there is one stop, and only the end follows it",
    },
];
