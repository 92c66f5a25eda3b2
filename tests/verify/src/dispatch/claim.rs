//! The claims about every dispatcher, one name for each, and the situations that a complete search must have reached.

use crate::claims::claims;

claims! {
    /// One claim about every dispatcher.

    NothingIsLost "D1" "A committed position passes no record without a final verdict, and names the records above it that have one."
    OrderIsKept "D2" "No record runs before the one before it, of its partition or its key, has its final verdict; a function that was cancelled and has not ended still runs."
    LimitsHold "D3" "Runs in flight, records of a run, and the records from the acknowledged position to the newest one that runs are within their limits."
    OnlyCurrentGeneration "D4" "Nothing is run, committed or written for an assignment that ended, and nothing that belongs to one changes anything."
    OneCommit "D5" "One commit is in flight at a time, and none when a partition is released."
    RevocationEnds "D6" "A revoked partition is released as soon as its functions have ended, or its drain has, and its last commit was answered: within the bound."
    WorkIsDone "D7" "A record that may run, runs at once while there is a slot: no state keeps it waiting."
    PolicyIsFollowed "D8" "A failed record is retried, skipped, written to the dead-letter topic, or stops its partition, exactly as its policy says, and not before its back-off."
    NoAttemptWhileUnusable "D9" "While the bus cannot be used nothing begins, and no failure counts as an attempt."
    ShutdownEnds "D10" "A shutdown ends within its bound, and `Stopped` is the last action."
    DuplicatesAreCounted "D11" "The duplicates of each end of an assignment are reported, and are at most the bound."
    FetchingIsPaced "D12" "The pace follows what is held, is repeated at each assignment, and the room is what is left."
    HealthIsTrue "D13" "The health is what hinders the work, at each instant, and is reported when it changes."
    CancelledInTime "D14" "A run is cancelled at its deadline or when its assignment ends, once, and for no other reason."
    RemovalIsDecided "D15" "Records that the broker removed are passed over only by a policy, when those before them are final."
    DeadlinesAreKept "D16" "Once all actions are polled the timeout is strictly later than now, and not after any deadline."
    PayloadsAreForgotten "D17" "Each payload that no run ends with is forgotten exactly once."
    CommitsAreSpaced "D18" "A commit comes when its interval is over or it is urgent, never earlier and never later."
    GroupLosesNothing "D19" "The group's position passes no record that nobody handled, regardless of who commits."
    EverythingIsHandled "D20" "When faults end, every record is handled and committed."
    HoldUpIsBounded "D21" "The back-offs of a record last no longer than the bound on what it holds up, where there is one."
}

macro_rules! situations {
    ($($name:ident $sentence:literal)*) => {
        /// A situation in which a claim means something. A search that reaches none proves nothing.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Situation {
            $(#[doc = $sentence] $name,)*
        }

        impl Situation {
            /// Every situation.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

situations! {
    DoneAbovePosition "A commit names records above its position."
    DoneBefore "A record is fetched that an earlier owner finished."
    WaitsForOrder "A record waits for the one before it while a slot is free."
    WaitsForSlot "A record waits for a slot."
    WaitsForWindow "A record waits because too many are unacknowledged."
    WaitsForOlderRun "A record waits for a run of an earlier assignment."
    WaitsForStart "A record waits for the first commit of its partition."
    LateVerdict "A run ends after its assignment."
    LostWithCommit "A partition is lost while its commit is in flight."
    PartialCommit "A commit is acknowledged for one partition, and fails for another."
    HeldBack "A commit comes while the position of another partition is held back."
    ReleaseAfterCommit "A partition is released after its last commit."
    ReleaseWithRuns "A partition is released while its functions still run."
    DrainWaits "A drain waits for a function."
    DrainEnds "A drain ends before its functions."
    LastCommitFailed "A partition is released though its last commit failed."
    Retried "A record is retried."
    Skipped "A record is skipped."
    Stopped "A partition stops."
    Continued "A partition that stopped continues."
    DeadLetterWritten "A dead letter is acknowledged."
    DeadLetterFailed "A dead letter cannot be written."
    DeadLetterAtRevocation "A partition is revoked while its dead letter is in flight."
    FailedWhileUnusable "A function fails while the bus cannot be used."
    TimedOut "A run is cancelled at its deadline."
    Slow "Fetching is slow."
    Paused "Fetching is paused."
    PaceRepeated "A pace that is not full is repeated at an assignment."
    Removed "Records were removed."
    Seek "A partition continues after removed records."
    Stalled "A record waits for too long."
    Pending "A function is found pending."
    StoppedInTime "The shutdown ends before its bound."
    StoppedByBound "The shutdown ends at its bound."
    MaxDuplicates "As many records as the bound says are handled again."
    MaxHold "A revocation is held for as long as the bound says."
    MaxShutdown "A shutdown takes as long as the bound says."
    MaxHoldUp "The back-offs of a record last as long as the bound says."
}

/// The situations that were reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Coverage(u64);

impl Coverage {
    /// Notes a situation.
    pub const fn note(&mut self, situation: Situation) {
        self.0 |= 1 << situation as u64;
    }

    /// Notes a situation, if it is one.
    pub const fn note_if(&mut self, is: bool, situation: Situation) {
        if is {
            self.note(situation);
        }
    }

    /// Adds what another search reached.
    pub const fn merge(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Returns whether a situation was reached.
    #[must_use]
    pub const fn has(self, situation: Situation) -> bool {
        self.0 & 1 << situation as u64 != 0
    }

    /// Returns the situations that were not reached.
    #[must_use]
    pub fn missing(self) -> Vec<Situation> {
        let all = Situation::ALL.iter().copied();
        all.filter(|situation| !self.has(*situation)).collect()
    }

    /// Returns the situations that were not reached, of those that random groups reach. [`Situation::MaxHoldUp`] needs a record whose every
    /// failure has the slowest policy: the explorer reaches it.
    #[must_use]
    pub fn missing_of_random_groups(self) -> Vec<Situation> {
        let missing = self.missing().into_iter();
        missing.filter(|it| *it != Situation::MaxHoldUp).collect()
    }
}
