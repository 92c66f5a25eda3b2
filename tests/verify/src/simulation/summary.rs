//! What happened in a simulation, so that a test can detect one in which too little happens.

use std::fmt;

use livebus_core::{Action, Event, Phase, Status};

macro_rules! situations {
    ($($name:ident $sentence:literal)*) => {
        /// A situation that must have occurred often, or the simulation proves little.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Situation {
            $(#[doc = $sentence] $name,)*
        }

        impl Situation {
            /// All situations, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its name in tables.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $sentence,)*
                }
            }
        }
    };
}

situations! {
    Started "supervisors started"
    BrokerKilled "brokers killed"
    BrokerHung "brokers hung"
    BrokerSlow "brokers slow"
    Elected "leaders moved"
    BusGone "the bus became unusable"
    BusBack "the bus became usable"
    InSyncShrunk "in-sync sets that shrank"
    RoundLeaderless "rounds without leaders"
    RoundReplicasSilent "rounds that wait for replicas"
    RoundParked "rounds without an immediate answer"
    AnswerStale "stale answers"
    AnswerAtDeadline "answers at their deadline"
    DefinitiveWhileRunning "definitive failures while Running"
    PartialWhileRunning "partial failures while Running"
    RejectionWhileRunning "rejections while Running"
    SuspicionWhileRunning "suspicions while Running"
    LossWhileRunning "clients lost while Running"
    ShutdownWhileRunning "shutdowns while Running"
    Warned "Running with a warning"
    TimerLate "steps after their deadline"
    Slept "sleeps"
    ClockBack "the clock went back"
    WokeEarly "early wake-ups"
    Coalesced "evidence read by the runner"
    OldEvidence "old evidence"
    Starved "Starved"
    RunningEnded "Running ended"
    RunningBegan "Running began"
    LeaseExpired "leases that had expired for a reader"
    HandlerMissing "NotReady because of a handler"
    Converged "services that converged"
    StayedFailed "services that stayed Failed"
    ServedWithoutOne "services that stayed Running without one broker"
    OutageDetected "outages detected"
    Stopped "shutdowns in time"
}

/// Durations as shares of their bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BoundShares {
    /// The number of durations.
    pub count: u64,
    /// The maximum share, in thousandths.
    pub max: u64,
    /// The sum of all shares, in thousandths.
    pub sum: u64,
}

impl BoundShares {
    pub(super) fn note(&mut self, took: u64, bound: u64) {
        let share = u128::from(took) * 1000 / u128::from(bound.max(1));
        let share = u64::try_from(share).unwrap_or(u64::MAX);
        self.count += 1;
        self.max = self.max.max(share);
        self.sum = self.sum.saturating_add(share);
    }

    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.max = self.max.max(other.max);
        self.sum = self.sum.saturating_add(other.sum);
    }
}

impl fmt::Display for BoundShares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mean = self.sum / self.count.max(1);
        let parts = |it: u64| (it / 1000, it % 1000);
        let ((max, thousandths), (mean, mean_thousandths)) = (parts(self.max), parts(mean));
        write!(
            f,
            "{max}.{thousandths:03} of the bound at most, {mean}.{mean_thousandths:03} on average, {} times",
            self.count
        )
    }
}

/// The kinds of events, and time alone.
pub const EVENTS: [&str; 10] = [
    "StartAnswered",
    "LivenessAnswered",
    "RegistrationAnswered",
    "StopAnswered",
    "Live",
    "Suspicion",
    "ClientLost",
    "Shutdown",
    "HandlerHealth",
    "time alone",
];

/// The kinds of actions.
pub const ACTIONS: [&str; 8] = [
    "Start",
    "SendLiveness",
    "RegisterHandler",
    "DiscardClient",
    "DiscardRegistration",
    "SetStatus",
    "Renew",
    "Stop",
];

pub(super) const fn event_kind(event: Option<&Event>) -> usize {
    match event {
        Some(Event::StartAnswered { .. }) => 0,
        Some(Event::LivenessAnswered { .. }) => 1,
        Some(Event::RegistrationAnswered { .. }) => 2,
        Some(Event::StopAnswered { .. }) => 3,
        Some(Event::Live { .. }) => 4,
        Some(Event::Suspicion(_)) => 5,
        Some(Event::ClientLost { .. }) => 6,
        Some(Event::Shutdown) => 7,
        Some(Event::HandlerHealth { .. }) => 8,
        None => 9,
    }
}

pub(super) const fn action_kind(action: &Action) -> usize {
    match action {
        Action::Start { .. } => 0,
        Action::SendLiveness { .. } => 1,
        Action::RegisterHandler { .. } => 2,
        Action::DiscardClient { .. } => 3,
        Action::DiscardRegistration { .. } => 4,
        Action::SetStatus(_) => 5,
        Action::Renew { .. } => 6,
        Action::Stop { .. } => 7,
    }
}

/// How often each [`Situation`] occurred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Situations(pub [u64; Situation::ALL.len()]);

impl Default for Situations {
    fn default() -> Self {
        Self([0; Situation::ALL.len()])
    }
}

/// What happened, in one seed or in many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// The number of seeds.
    pub seeds: u64,
    /// Calls of `handle_event` and `handle_timeout`.
    pub events: u64,
    /// Simulated nanoseconds.
    pub nanos: u128,
    /// A hash of all steps. That of many seeds is the sum of theirs.
    pub digest: u64,
    /// By kind and phase before it, as in [`EVENTS`] and [`Phase::ALL`].
    pub pairs: [[u64; 10]; 11],
    /// By kind, as in [`ACTIONS`].
    pub actions: [u64; ACTIONS.len()],
    /// After each step, as in [`Status::ALL`].
    pub statuses: [u64; 7],
    /// As in [`Situation::ALL`].
    pub situations: Situations,
    /// From the last usable instant of the bus to the end of Running.
    pub detection: BoundShares,
    /// From the end of all faults to Running.
    pub recovery: BoundShares,
    /// From the failure of the bus to `NotReady`.
    pub outage: BoundShares,
    /// From a shutdown to Stopped.
    pub shutdown: BoundShares,
}

impl Summary {
    pub(super) fn note(&mut self, situation: Situation) {
        self.situations.0[situation as usize] += 1;
    }

    /// Returns how often a situation occurred.
    #[must_use]
    pub const fn count(&self, situation: Situation) -> u64 {
        self.situations.0[situation as usize]
    }

    /// Adds another summary.
    pub fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.events += other.events;
        self.nanos += other.nanos;
        self.digest = self.digest.wrapping_add(other.digest);
        for (own, theirs) in self.pairs.iter_mut().zip(&other.pairs) {
            add(own, theirs);
        }
        add(&mut self.actions, &other.actions);
        add(&mut self.statuses, &other.statuses);
        add(&mut self.situations.0, &other.situations.0);
        self.detection.add(&other.detection);
        self.recovery.add(&other.recovery);
        self.outage.add(&other.outage);
        self.shutdown.add(&other.shutdown);
    }

    /// Returns how often each kind of event came, as in [`EVENTS`].
    #[must_use]
    pub fn kinds(&self) -> [u64; 10] {
        let mut kinds = [0; 10];
        self.pairs.iter().for_each(|pair| add(&mut kinds, pair));
        kinds
    }
}

fn add(own: &mut [u64], theirs: &[u64]) {
    for (own, theirs) in own.iter_mut().zip(theirs) {
        *own += theirs;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let years = self.nanos / 1_000_000 / (365 * 24 * 3_600_000) * 10
            + self.nanos / 1_000_000 % (365 * 24 * 3_600_000) * 10 / (365 * 24 * 3_600_000);
        writeln!(
            f,
            "{} seeds, {} supervisors, {} events, {}.{} simulated years, digest {:016x}",
            self.seeds,
            self.count(Situation::Started),
            self.events,
            years / 10,
            years % 10,
            self.digest,
        )?;
        writeln!(f, "detection {}", self.detection)?;
        writeln!(f, "recovery  {}", self.recovery)?;
        writeln!(f, "outage    {}", self.outage)?;
        writeln!(f, "shutdown  {}", self.shutdown)?;
        table(f, "events", EVENTS.into_iter().zip(self.kinds()))?;
        table(f, "actions", ACTIONS.into_iter().zip(self.actions))?;
        let statuses = Status::ALL.into_iter().map(Status::name);
        table(f, "statuses", statuses.zip(self.statuses))?;
        let phases = Phase::ALL.into_iter().map(Phase::name);
        let times = self.pairs.iter().map(|row| row.iter().sum());
        table(f, "events by phase", phases.zip(times))?;
        let names = Situation::ALL.iter().map(|it| it.name());
        table(f, "situations", names.zip(self.situations.0))
    }
}

fn table<'a>(
    f: &mut fmt::Formatter<'_>,
    head: &str,
    rows: impl Iterator<Item = (&'a str, u64)>,
) -> fmt::Result {
    writeln!(f, "{head}:")?;
    for (name, count) in rows {
        writeln!(f, "  {count:>12}  {name}")?;
    }
    Ok(())
}
