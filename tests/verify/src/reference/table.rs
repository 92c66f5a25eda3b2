//! The types of the table.

use livebus_core::Phase;

use super::record::Timer;

/// In these phases, at this stimulus, if all guards hold: these effects, in this order.
///
/// Of the rows for a phase and a stimulus, the first one whose guards hold is used. If there is none, nothing happens.
#[derive(Debug)]
pub(super) struct Row {
    /// The rule of `docs/rules.md` that the row implements.
    pub(super) rule: &'static str,
    pub(super) phases: &'static [Phase],
    pub(super) stimulus: Stimulus,
    pub(super) when: &'static [Guard],
    pub(super) then: &'static [Effect],
}

/// What happens: an event, classified by its meaning, or a deadline. Answers are to operations in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stimulus {
    StartSucceeded,
    StartFailed,
    /// The answers to a liveness message, by what they prove: this one and the next four. Rules 19, 28 to 30.
    Proof,
    Refusal,
    Definitive,
    Ambiguous,
    Partial,
    Registered,
    RegistrationFailed,
    /// A registered handler reports that it works, or that it fails.
    HandlerWorks,
    HandlerFails,
    StopSucceeded,
    StopFailed,
    /// Evidence that is newer than the newest known.
    Evidence,
    Suspicion,
    /// A suspicion of a partial failure.
    PartialSuspicion,
    ClientLost,
    Shutdown,
    /// A deadline.
    Due(Timer),
    RegistrationTimedOut,
    RegistrationDue,
}

/// A condition of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    /// `on_suspicion = NotReady`.
    SuspicionIsNotReady,
    /// `on_client_lost = Fail`.
    LossIsFailed,
    /// This ambiguous failure is the last of `failures_to_not_ready` in a row.
    LastFailure,
    /// This proof is the last of `successes_to_ready` in a row.
    LastProof,
    /// A liveness message is in flight.
    CheckIsInFlight,
    /// The deadline of the check is due too.
    CheckIsDue,
    /// The outcome of the check decides alone, because a suspicion of the whole bus causes it.
    Decides,
    /// A suspicion came while the check was in flight.
    SuspicionCame,
    /// This interval brought a proof, while not live.
    Proved,
    /// There is evidence that is newer than `unverified_since`. Rule 26.
    ProvedSince,
    /// This evidence is newer than `unverified_since`. Rule 26.
    VerifiesAgain,
    /// The lease from this evidence would already be over.
    TooOld,
    /// There is a warning.
    Warned,
    /// `partial_tolerance` is zero.
    NoTolerance,
    /// A drain is needed, and not over.
    DrainIsLeft,
    /// The cause is `StartFailed` or `ClientLost`.
    StartIsTheCause,
}

/// What a row does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Several effects, in this order.
    Do(&'static [Self]),
    Enter(Phase),
    Arm(Timer, Until),
    /// As `Arm`, unless the timer is due sooner.
    ArmSooner(Timer, Until),
    /// As `Arm`, if the timer is not armed.
    ArmOnce(Timer, Until),
    Disarm(Timer),
    DisarmAll,

    SendStart,
    /// The next start has the attempt 1.
    CountStartsAgain,
    /// With the deadline of `Timer::Check`.
    SendLiveness,
    SendRegistration,
    SendAllRegistrations,
    SendStop,
    DiscardClient,
    DiscardRegistration,
    DiscardAllRegistrations,
    /// Emits the report if it differs from the last one in status, reason or warning.
    Report,
    /// As `Report`; if that emits nothing, renews the lease of Running.
    ReportOrRenew,
    /// Emits this report, whatever the record says.
    ReportEnd(Ending),

    /// The failure of the payload becomes a timeout.
    UseTimeout,
    /// The failure of the payload becomes the failure of the warning.
    UseWarning,
    CauseStarting,
    CauseStartFailed,
    CauseLivenessFailed,
    CauseClientLost,
    CauseStarved,
    /// The failure of the payload is seen. Rule 38.
    Diagnose,
    /// The age of the diagnosis counts from now. Rule 39.
    DateDiagnosis,
    ForgetDiagnosis,
    /// A suspicion came while live.
    MarkSuspicion,
    Warn,
    ForgetWarning,

    ForgetCheck,
    /// Rule 26.
    MarkUnverified,
    Decide,
    DecideNot,
    NoSuspicionCame,
    NoteEvidence,
    /// If the tolerance runs, it runs at least `partial_tolerance` from this evidence.
    ExtendTolerance,
    /// The answer is evidence from this instant.
    NoteAnswer,
    /// The same, for a proof that is not enough: this one and the next.
    NoteLesserEvidence,
    NoteLesserAnswer,
    /// From here on, evidence must be newer than this instant.
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
    NoteHandlerFailure,
    ForgetHandlerFailure,
    /// Also arms the back-off.
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
    /// When the silence is long enough for a check. Rule 26.
    Silence,
    /// Rule 11.
    Lease,
    RecheckDelay,
    /// `suspicion_spacing` after the newest liveness message.
    Spacing,
    /// `not_live_interval`, doubled for each interval that failed.
    NotLiveInterval,
    /// `not_live_interval` after the newest liveness message.
    IntervalOfCheck,
    Tolerance,
    RecreateAfter,
    /// `recreate_after` after the newest proof.
    RecreateAfterProof,
    Drain,
    StopTimeout,
}
