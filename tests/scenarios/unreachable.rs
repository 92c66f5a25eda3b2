//! What cannot be reached, and why.

use livebus_core::Phase::{
    self, BackingOff, Draining, Failed, Idle, InFlight, NotLive, RetryPending, Starting, Stopped,
    Stopping, Suspected,
};

/// In none of these phases comes any of these.
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

/// The phases without a client that is in use.
const NO_CLIENT: &[Phase] = &[Starting, BackingOff, Draining, Stopping, Stopped, Failed];

/// What cannot be, whoever drives the core.
pub(crate) const UNREACHABLE: &[Never] = &[
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
        reason: "a start is under way only while it starts",
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
            "liveness failed: an answer",
            "liveness failed: an answer, for the strict",
        ],
        reason: "a liveness message is under way only while it asks, or is not live",
    },
    Never {
        phases: NO_CLIENT,
        kinds: &[
            "registration ok",
            "registration failed",
            "registration overdue",
            "registration due again",
        ],
        reason: "what is registered goes with the client, and at a shutdown",
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
        reason: "a stop is under way only while it stops",
    },
    Never {
        phases: NO_CLIENT,
        kinds: &["client lost", "client lost forever"],
        reason: "there is no client that could be lost",
    },
    Never {
        phases: &[
            Starting, BackingOff, NotLive, Draining, Stopping, Stopped, Failed,
        ],
        kinds: &["bad news that is believed"],
        reason: "what does not live cannot cease to",
    },
    Never {
        phases: &[Suspected],
        kinds: &["bad news that is believed"],
        reason: "where bad news is believed, none waits to be asked about",
    },
    Never {
        phases: &[Stopped, Failed],
        kinds: &["time"],
        reason: "nothing is due any more",
    },
];

/// What the core can be told, and no runner tells it on a stage.
///
/// An operation that ends at the very instant at which its loop gives it up is a race. A stage plays the one between an answer
/// and its deadline, which come at the same instant; of the others it knows nothing.
pub(crate) const NO_RUNNER: &[Never] = &[
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
            "bad news: definitive",
            "bad news: ambiguous",
            "bad news: partial",
            "bad news: an answer",
            "another client lost",
            "shutdown",
        ],
        reason: "its loop ends with it, and the stop is all that is under way then",
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
        reason: "a start that is given up is dropped, at the latest in the back-off",
    },
    Never {
        phases: &[Starting, BackingOff, Failed],
        kinds: &["stale registration ok", "stale registration failed"],
        reason: "a registration is discarded with its client; that it ends just then is a race",
    },
    Never {
        phases: &[Draining, Stopping],
        kinds: &[
            "stale start ok",
            "stale start failed",
            "stale registration ok",
            "stale registration failed",
        ],
        reason: "a shutdown drops it; that both lie in one inbox is a race",
    },
    Never {
        phases: &[Stopping],
        kinds: &["stale liveness ok", "stale liveness failed"],
        reason: "a stop drops it; that it ends just then is a race",
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
        reason: "there is one stop, and nothing but the end after it",
    },
];
