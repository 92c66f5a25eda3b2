//! What was seen: so that a simulation which goes nowhere is noticed.

use std::fmt;

use livebus_core::{Action, Event, Phase, Status};

macro_rules! situations {
    ($($name:ident $sentence:literal)*) => {
        /// Something that must have happened often, or the simulation proves little.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Situation {
            $(#[doc = $sentence] $name,)*
        }

        impl Situation {
            /// Every one, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// What happened, in a few words.
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
    Lives "lives begun"
    BrokerKilled "brokers killed"
    BrokerHung "brokers hung"
    BrokerSlow "brokers slow"
    Elected "leaders moved"
    BusGone "the bus became unusable"
    BusBack "the bus became usable"
    RoundLeaderless "rounds without leaders"
    RoundParked "rounds that wait"
    AnswerStale "answers that were stale"
    AnswerAtDeadline "answers at their deadline"
    DefinitiveWhileRunning "definitive failures while Running"
    PartialWhileRunning "missing leaders while Running"
    AnswerWhileRunning "refusals while Running"
    SuspicionWhileRunning "bad news while Running"
    LossWhileRunning "clients lost while Running"
    ShutdownWhileRunning "shutdowns while Running"
    Warned "Running with a warning"
    TimerLate "steps that came late"
    Slept "sleeps"
    ClockBack "the clock went back"
    WokeEarly "early wake-ups"
    Coalesced "evidence in the cell"
    OldNews "evidence that was old"
    Starved "Starved"
    RunningLost "Running ended"
    RunningWon "Running began"
    LeaseSeenOut "leases that a reader saw run out"
    HandlerMissing "NotReady for want of a handler"
    Converged "services that converged"
    StayedFailed "services that stayed Failed"
    Detected "deaths that were noticed"
    Stopped "shutdowns in time"
}

/// How long something took, against its bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Against {
    /// How often.
    pub count: u64,
    /// The largest share of its bound, in parts of a thousand.
    pub most: u64,
    /// The sum of all shares, in parts of a thousand.
    pub sum: u64,
}

impl Against {
    pub(super) fn note(&mut self, took: u64, bound: u64) {
        let share = u128::from(took) * 1000 / u128::from(bound.max(1));
        let share = u64::try_from(share).unwrap_or(u64::MAX);
        self.count += 1;
        self.most = self.most.max(share);
        self.sum = self.sum.saturating_add(share);
    }

    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.most = self.most.max(other.most);
        self.sum = self.sum.saturating_add(other.sum);
    }
}

impl fmt::Display for Against {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mean = self.sum / self.count.max(1);
        let parts = |it: u64| (it / 1000, it % 1000);
        let ((most, thousandths), (mean, mean_thousandths)) = (parts(self.most), parts(mean));
        write!(
            f,
            "{most}.{thousandths:03} of the bound at most, {mean}.{mean_thousandths:03} on average, {} times",
            self.count
        )
    }
}

/// The kinds of events, and time alone.
pub const EVENTS: [&str; 9] = [
    "StartAnswered",
    "LivenessAnswered",
    "RegistrationAnswered",
    "StopAnswered",
    "Live",
    "Suspicion",
    "ClientLost",
    "Shutdown",
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
        None => 8,
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

/// How often each [`Situation`] came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Situations(pub [u64; Situation::ALL.len()]);

impl Default for Situations {
    fn default() -> Self {
        Self([0; Situation::ALL.len()])
    }
}

/// What was seen, of one seed or of many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Seeds.
    pub seeds: u64,
    /// Calls of `handle_event` and `handle_timeout`.
    pub events: u64,
    /// Simulated nanoseconds.
    pub nanos: u128,
    /// A number that all of it decides. That of many seeds is the sum of theirs.
    pub digest: u64,
    /// By kind and phase before it, as in [`EVENTS`] and [`Phase::ALL`].
    pub pairs: [[u64; 9]; 11],
    /// By kind, as in [`ACTIONS`].
    pub actions: [u64; ACTIONS.len()],
    /// After each step, as in [`Status::ALL`].
    pub statuses: [u64; 7],
    /// As in [`Situation::ALL`].
    pub situations: Situations,
    /// From the bus's last usable instant to the end of Running.
    pub detection: Against,
    /// From the end of all faults to Running.
    pub recovery: Against,
    /// From the death of everything to `NotReady`.
    pub death: Against,
    /// From a shutdown to Stopped.
    pub shutdown: Against,
}

impl Summary {
    pub(super) fn note(&mut self, situation: Situation) {
        self.situations.0[situation as usize] += 1;
    }

    /// How often it happened.
    #[must_use]
    pub const fn count(&self, situation: Situation) -> u64 {
        self.situations.0[situation as usize]
    }

    /// Adds what another one saw.
    pub fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.events += other.events;
        self.nanos += other.nanos;
        self.digest = self.digest.wrapping_add(other.digest);
        for (mine, theirs) in self.pairs.iter_mut().zip(&other.pairs) {
            add(mine, theirs);
        }
        add(&mut self.actions, &other.actions);
        add(&mut self.statuses, &other.statuses);
        add(&mut self.situations.0, &other.situations.0);
        self.detection.add(&other.detection);
        self.recovery.add(&other.recovery);
        self.death.add(&other.death);
        self.shutdown.add(&other.shutdown);
    }

    /// How often each kind of event came, as in [`EVENTS`].
    #[must_use]
    pub fn kinds(&self) -> [u64; 9] {
        let mut kinds = [0; 9];
        self.pairs.iter().for_each(|pair| add(&mut kinds, pair));
        kinds
    }
}

fn add(mine: &mut [u64], theirs: &[u64]) {
    for (mine, theirs) in mine.iter_mut().zip(theirs) {
        *mine += theirs;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let years = self.nanos / 1_000_000 / (365 * 24 * 3_600_000) * 10
            + self.nanos / 1_000_000 % (365 * 24 * 3_600_000) * 10 / (365 * 24 * 3_600_000);
        writeln!(
            f,
            "{} seeds, {} lives, {} events, {}.{} simulated years, digest {:016x}",
            self.seeds,
            self.count(Situation::Lives),
            self.events,
            years / 10,
            years % 10,
            self.digest,
        )?;
        writeln!(f, "detection {}", self.detection)?;
        writeln!(f, "recovery  {}", self.recovery)?;
        writeln!(f, "death     {}", self.death)?;
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
