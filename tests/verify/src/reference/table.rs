//! What the table is made of.

use livebus_core::Phase;

use super::record::Timer;

/// In these phases, at this cue, if all guards hold: these effects, in this order.
///
/// Of the rows for a phase and a cue the first is taken whose guards hold. Where there is none, nothing happens.
#[derive(Debug)]
pub(super) struct Row {
    /// The rule of `docs/rules.md` that it carries out.
    pub(super) rule: &'static str,
    pub(super) phases: &'static [Phase],
    pub(super) cue: Cue,
    pub(super) when: &'static [Guard],
    pub(super) then: &'static [Effect],
}

/// What happens: an event, sorted by what it means, or a deadline. An answer is to the operation in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cue {
    StartSucceeded,
    StartFailed,
    /// The answers to a liveness message, by what they prove. Rules 19, 28 to 30.
    Proof,
    Refusal,
    Definitive,
    Ambiguous,
    Partial,
    Registered,
    RegistrationFailed,
    StopSucceeded,
    StopFailed,
    /// Evidence that is newer than what is known.
    Evidence,
    Hint,
    LostClient,
    Shutdown,
    /// A deadline.
    Due(Timer),
    RegistrationOverdue,
    RegistrationDue,
}

/// A condition of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    /// `on_suspicion = NotReady`.
    HintsAreBelieved,
    /// `on_client_lost = Fail`.
    LossIsTheEnd,
    /// With this ambiguous failure there are `failures_to_not_ready` in a row.
    LastFailure,
    /// With this proof there are `successes_to_ready` in a row.
    LastProof,
    /// A liveness message is in flight.
    QuestionIsOpen,
    /// The deadline of the question is due too.
    QuestionIsOver,
    /// A suspicion sent the question: it decides alone.
    Decides,
    /// Bad news came while the question was under way.
    Hinted,
    /// This interval brought a proof, while not live.
    Proved,
    /// There is evidence that is newer than the doubt. Rule 26.
    ProvedSince,
    /// This evidence is newer than the doubt. Rule 26.
    NewerThanDoubt,
    /// The lease that this evidence would give is over.
    TooOld,
    /// There is a warning.
    Warned,
    /// `partial_tolerance` is zero.
    NoTolerance,
    /// The core is known to do otherwise than documented, and is followed.
    /// A drain is owed, and not over.
    DrainIsLeft,
}

/// What a row does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Several, that more than one row has.
    Do(&'static [Self]),
    Enter(Phase),
    Arm(Timer, Until),
    /// As `Arm`, unless it is due sooner.
    ArmSooner(Timer, Until),
    /// As `Arm`, where it is not armed.
    ArmOnce(Timer, Until),
    Disarm(Timer),
    DisarmAll,

    SendStart,
    /// With the deadline of `Timer::Question`.
    SendLiveness,
    SendRegistration,
    SendAllRegistrations,
    SendStop,
    DiscardClient,
    DiscardRegistration,
    DiscardAllRegistrations,
    /// Tells the report, if it differs from the last in status, reason or warning.
    Tell,
    /// As `Tell`; and if that told nothing, renews the lease of Running.
    TellOrRenew,
    /// Tells this report, whatever the record says.
    TellTheEnd(Ending),

    /// This is the failure: it was overdue.
    Overdue,
    /// This is the failure: the hint, or overdue.
    TheHint,
    /// This is the failure: what is warned of.
    TheWarning,
    /// This is the failure: the one before.
    LastFailed,
    BlameStarting,
    BlameStart,
    BlameLiveness,
    BlameLoss,
    BlameStarvation,
    RememberFailure,
    RememberHint,
    ForgetHint,
    /// As `ForgetHint`, while the core does.
    Warn,
    ForgetWarning,

    ForgetQuestion,
    /// Rule 26.
    DoubtFromNow,
    Decide,
    DecideNot,
    NotHinted,
    NoteEvidence,
    /// `partial_tolerance` runs from this evidence, where it runs.
    ExtendTolerance,
    /// The answer is evidence of now.
    NoteAnswer,
    /// The same for a proof that is not enough.
    NoteLesserEvidence,
    NoteLesserAnswer,
    /// Evidence must be newer than this instant.
    RaiseFloor,
    MarkProved,
    MarkNotProved,
    CountProof,
    ForgetProofs,
    CountFailure,
    ForgetFailures,
    CountInterval,
    ForgetIntervals,
    ProvedGood,

    MarkRegistered,
    /// And arms the back-off.
    MarkNotRegistered,
}

/// The reports of the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    ShuttingDown,
    ShutDown,
    ForcedStop,
    Failed,
}

/// An instant, as a rule names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    StartBackoff,
    LivenessTimeout,
    SuspicionTimeout,
    /// When silence has lasted long enough for a question. Rule 26.
    Silence,
    /// Rule 11.
    Lease,
    RecheckDelay,
    /// `suspicion_spacing` after the newest liveness message.
    Spacing,
    /// `not_live_interval`, doubled for each interval that failed.
    NotLiveInterval,
    /// `not_live_interval` after the newest liveness message.
    IntervalOfQuestion,
    Tolerance,
    RecreateAfter,
    /// `recreate_after` after the newest proof.
    RecreateAfterProof,
    Drain,
    StopTimeout,
}
