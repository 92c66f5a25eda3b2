//! When a producer is made, kept and closed. Decides by what was seen, without I/O and without a clock.

use std::time::{Duration, Instant};

use livebus_core::Settings;

use crate::deadlines::max_message_time;
use crate::signals::Seen;

/// The time between two attempts to connect to an address while the bus is away, and so about half of what a recovery takes.
pub(crate) const ATTEMPT_PACE: Duration = Duration::from_millis(250);
/// The minimum time between a rejected login and the next one.
pub(crate) const LOGIN_PACE: Duration = Duration::from_secs(5);
/// The time after which a silent bus that accepted a connection is tried again; doubled each time. Each attempt takes a place in the
/// accept queue of a hung broker, which has 50 by default.
const SILENT_PAUSE_FIRST: Duration = Duration::from_secs(30);
const SILENT_PAUSE_MAX: Duration = Duration::from_mins(10);
/// The minimum time from one producer to the next that is made because the first knows no broker any more; doubled each time. While
/// a broker names none, each new producer forgets it again.
const REPLACEMENT_PAUSE_FIRST: Duration = Duration::from_millis(250);
const REPLACEMENT_PAUSE_MAX: Duration = Duration::from_secs(1);
/// The time of one poll while all is well, and so the maximum time until a closed producer ends. Callbacks are called at once,
/// within a poll.
const POLL: Duration = Duration::from_secs(1);
/// The time of one poll while something is wrong, or was a short time ago, and so the maximum delay until what is seen is acted on.
const POLL_WHILE_UNPROVED: Duration = Duration::from_millis(100);
/// For how long after a failure the producer is polled as while something is wrong. A broker that continues after a hang answers
/// what it has received, and then loses its connections while its controller takes it back.
const SETTLING: Duration = Duration::from_secs(10);

/// What the thread does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Make a producer.
    Open,
    /// Close the producer.
    Close,
    /// Poll the producer for this time.
    Poll(Duration),
    /// There is none: wait for this time, or for something to be seen.
    Wait(Duration),
}

/// How connections to the addresses are attempted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempts {
    /// Not at all.
    Off,
    /// Once each.
    Once,
    /// Every [`ATTEMPT_PACE`], until one accepts.
    Paced,
}

/// The state of one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lifecycle {
    producer: Producer,
    is_proved: bool,
    /// The end of [`SETTLING`] after the last failure.
    settled_at: Option<Instant>,
    replacements: Replacements,
    bus: Bus,
    /// The last login was rejected: no other one before this instant.
    no_login_until: Option<Instant>,
    /// How long one attempt may take.
    attempt_limit: Duration,
}

/// What is known of the producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Producer {
    /// There is none.
    Closed,
    /// It is open, and has had no answer yet.
    New,
    /// It has had an answer, and may have learned other brokers than the bootstrap servers.
    Connected,
    /// It is to be replaced.
    Useless,
}

/// Replacements of producers that have lost all their brokers, since the last proof: not at once after each other, so that a bus that
/// drops connections does not cost a producer each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Replacements {
    /// No other one before this instant.
    next: Option<Instant>,
    pause: Duration,
}

impl Replacements {
    fn are_due(&self, now: Instant) -> bool {
        self.next <= Some(now)
    }

    fn count(&mut self, now: Instant) {
        self.pause = (self.pause * 2).clamp(REPLACEMENT_PAUSE_FIRST, REPLACEMENT_PAUSE_MAX);
        self.next = Some(now + self.pause);
    }
}

/// What is known of the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bus {
    /// Nothing that speaks against it.
    Reachable,
    /// A liveness message had no answer, and nothing says that the connection is gone. Whether it accepts any is tried at
    /// `next`, and then after twice the time.
    Silent { next: Attempt, pause: Duration },
    /// No broker can be reached, and no address has refused a connection yet.
    Down,
    /// No broker can be reached, and an address did not accept a connection.
    Away,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    InFlight,
    At(Instant),
}

impl Lifecycle {
    /// Begins with an open producer.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            producer: Producer::New,
            is_proved: false,
            settled_at: None,
            replacements: Replacements::default(),
            bus: Bus::Reachable,
            no_login_until: None,
            // Long enough for any network on which a liveness message can be answered.
            attempt_limit: max_message_time(settings),
        }
    }

    /// Returns how long one attempt may take.
    pub(crate) const fn attempt_limit(&self) -> Duration {
        self.attempt_limit
    }

    /// Takes what was seen, in the order in which it means most: a login that was rejected, then the bus, then the attempts.
    pub(crate) fn on_seen(&mut self, seen: Seen, now: Instant) {
        if let Some(at) = seen.rejected {
            self.no_login_until = Some(at + LOGIN_PACE);
            self.is_proved = false;
        }
        if seen.useless.is_some() && self.is_open() {
            self.producer = Producer::Useless;
        }
        if seen.down.is_some() || seen.unanswered.is_some() {
            self.settled_at = Some(now + SETTLING);
        }
        if seen.proof > seen.down.max(seen.unanswered) {
            self.is_proved = true;
            self.on_connected();
            self.replacements.pause = Duration::ZERO;
            self.bus = Bus::Reachable;
        }
        if seen.down.is_some() && seen.down >= seen.proof {
            self.is_proved = false;
            self.bus = match self.bus {
                Bus::Reachable | Bus::Silent { .. } | Bus::Down => Bus::Down,
                Bus::Away => Bus::Away,
            };
        }
        if self.is_open() && seen.unanswered.is_some() && seen.unanswered >= seen.proof {
            self.is_proved = false;
            self.bus = match self.bus {
                Bus::Reachable => Bus::Silent {
                    next: Attempt::InFlight,
                    pause: SILENT_PAUSE_FIRST,
                },
                Bus::Down => Bus::Away,
                bus @ (Bus::Silent { .. } | Bus::Away) => bus,
            };
        }
        if let Some(at) = seen.not_accepted.filter(|at| Some(*at) > seen.accepted) {
            debug_assert!(at <= now, "seen in the future");
            self.on_not_accepted();
        } else if seen.accepted.is_some() {
            self.on_accepted(now);
        }
    }

    /// Takes that the open producer has had an answer.
    pub(crate) fn on_connected(&mut self) {
        if self.producer == Producer::New {
            self.producer = Producer::Connected;
        }
    }

    /// Takes that a producer could not be made: the next attempt comes at the pace of logins.
    pub(crate) fn on_open_failed(&mut self, now: Instant) {
        self.producer = Producer::Closed;
        self.no_login_until = Some(now + LOGIN_PACE);
    }

    /// Returns what to do now. `Open` and `Close` count as done.
    pub(crate) fn next(&mut self, now: Instant) -> Next {
        if let Bus::Silent {
            next: Attempt::At(at),
            pause,
        } = self.bus
            && at <= now
        {
            self.bus = Bus::Silent {
                next: Attempt::InFlight,
                pause,
            };
        }
        let must_be_closed = (self.producer == Producer::Useless && self.replacements.are_due(now))
            || self.bus == Bus::Away
            || self.no_login_until.is_some_and(|until| now < until);
        match (self.is_open(), must_be_closed) {
            (true, true) => {
                if self.producer == Producer::Useless {
                    self.replacements.count(now);
                }
                self.producer = Producer::Closed;
                Next::Close
            }
            (true, false)
                if self.is_proved
                    && self.producer != Producer::Useless
                    && self.settled_at <= Some(now) =>
            {
                Next::Poll(POLL)
            }
            (true, false) => Next::Poll(POLL_WHILE_UNPROVED),
            (false, false) => {
                self.no_login_until = None;
                self.producer = Producer::New;
                Next::Open
            }
            (false, true) => {
                let login = self
                    .no_login_until
                    .map(|until| until.saturating_duration_since(now));
                Next::Wait(login.filter(|left| !left.is_zero()).unwrap_or(POLL))
            }
        }
    }

    /// Returns how connections are attempted now.
    pub(crate) fn attempts(&self, now: Instant) -> Attempts {
        match self.bus {
            Bus::Reachable
            | Bus::Silent {
                next: Attempt::At(_),
                ..
            } => Attempts::Off,
            Bus::Silent {
                next: Attempt::InFlight,
                ..
            } => Attempts::Once,
            Bus::Down | Bus::Away if self.no_login_until.is_some_and(|until| now < until) => {
                Attempts::Off
            }
            Bus::Down | Bus::Away => Attempts::Paced,
        }
    }

    fn is_open(&self) -> bool {
        self.producer != Producer::Closed
    }

    fn on_accepted(&mut self, now: Instant) {
        match self.bus {
            Bus::Reachable => {}
            Bus::Silent { pause, .. } => {
                let doubled = (pause * 2).min(SILENT_PAUSE_MAX);
                self.bus = Bus::Silent {
                    next: Attempt::At(now + pause),
                    pause: doubled,
                };
            }
            Bus::Down | Bus::Away => {
                // A connected producer that has lost all brokers may know none any more (see `Statistics::has_brokers`), and never
                // connect again; its statistics show that seconds later. A new one still has the bootstrap servers, and connects on
                // its own.
                if self.producer == Producer::Connected {
                    self.producer = Producer::Useless;
                }
                self.bus = Bus::Reachable;
            }
        }
    }

    fn on_not_accepted(&mut self) {
        match self.bus {
            Bus::Reachable => {}
            Bus::Silent { .. } | Bus::Down | Bus::Away => self.bus = Bus::Away,
        }
    }
}

#[cfg(test)]
mod tests;
