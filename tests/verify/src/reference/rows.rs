//! The table. The number of a row is the number of its rule in `docs/rules.md`.

#![allow(
    clippy::enum_glob_use,
    reason = "the table uses nearly all variants, and is easier to read without prefixes"
)]

use livebus_core::Phase::{self, *};

use super::record::Timer;
use super::table::Effect::{self, *};
use super::table::Guard::{self, *};
use super::table::Stimulus::{self, *};
use super::table::{Ending, Row, Until};

/// The number of rows.
pub(crate) const ROWS: usize = TABLE.len();

const LIVE: &[Phase] = &[Idle, Suspected, InFlight, RetryPending];
const STARTED: &[Phase] = &[NotLive, Idle, Suspected, InFlight, RetryPending];
#[rustfmt::skip]
const UNENDED: &[Phase] = &[Starting, BackingOff, NotLive, Idle, Suspected, InFlight, RetryPending, Failed];

const fn row(
    rule: &'static str,
    phases: &'static [Phase],
    stimulus: Stimulus,
    when: &'static [Guard],
    then: &'static [Effect],
) -> Row {
    Row {
        rule,
        phases,
        stimulus,
        when,
        then,
    }
}

#[rustfmt::skip] // A table: one row, a line or two.
pub(super) const TABLE: &[Row] = &[
    // Start.
    row("15", &[Starting], StartSucceeded, &[StartIsTheCause], &[CauseStarting, ForgetDiagnosis, START_SUCCEEDED]),
    row("15", &[Starting], StartSucceeded, &[], &[START_SUCCEEDED]),
    row("16", &[Starting], StartFailed, &[], &[START_FAILED]),
    row("16", &[Starting], Due(Timer::Start), &[], &[UseTimeout, START_FAILED, DiscardClient]),
    row("17", &[BackingOff], Due(Timer::Backoff), &[], &[DisarmAll, Enter(Starting), SendStart]),

    // Not live.
    row("23", &[NotLive], Proof, &[Proved], &[ForgetCheck, NoteLesserAnswer, LESSER]),
    row("24", &[NotLive], Proof, &[LastProof], &[NoteAnswer, GO_LIVE, IDLE, Report]),
    row("23", &[NotLive], Proof, &[], &[ForgetCheck, NoteLesserAnswer, LESSER, FIRST_PROOF]),
    row("23", &[NotLive], Refusal, &[Proved], &[ForgetCheck, NoteLesserAnswer, LESSER]),
    row("24", &[NotLive], Refusal, &[LastProof], &[NoteAnswer, GO_LIVE, Warn, IDLE, Report]),
    row("23", &[NotLive], Refusal, &[], &[ForgetCheck, NoteLesserAnswer, LESSER, FIRST_PROOF]),
    row("22", &[NotLive], Evidence, &[TooOld], &[]),
    row("23", &[NotLive], Evidence, &[Proved], &[NoteLesserEvidence, LESSER]),
    row("24", &[NotLive], Evidence, &[LastProof, CheckIsInFlight], &[
        NoteEvidence, GO_LIVE, DecideNot, NoSuspicionCame, Enter(InFlight),
        ArmSooner(Timer::Check, Until::LivenessTimeout), Report]),
    row("24", &[NotLive], Evidence, &[LastProof], &[NoteEvidence, GO_LIVE, IDLE, Report]),
    row("23", &[NotLive], Evidence, &[], &[NoteLesserEvidence, LESSER, FIRST_PROOF]),
    row("19", &[NotLive], Ambiguous, &[Proved], &[ForgetCheck]),
    row("19", &[NotLive], Ambiguous, &[], &[INTERVAL_FAILED]),
    row("19", &[NotLive], Partial, &[], &[INTERVAL_FAILED]),
    row("19", &[NotLive], Definitive, &[], &[INTERVAL_FAILED]),
    row("20", &[NotLive], Due(Timer::Check), &[Proved], &[OPEN_INTERVAL]),
    row("20", &[NotLive], Due(Timer::Check), &[CheckIsInFlight], &[UseTimeout, INTERVAL_FAILED, OPEN_INTERVAL]),
    row("20", &[NotLive], Due(Timer::Check), &[], &[OPEN_INTERVAL]),
    row("21", &[NotLive], Due(Timer::Replace), &[], &[
        DisarmAll, ForgetCheck, DiscardAllRegistrations, DiscardClient, Enter(Starting), CountStartsAgain, SendStart]),
    row("35", &[NotLive], Suspicion, &[], &[Diagnose]),
    row("35", &[NotLive], PartialSuspicion, &[], &[Diagnose]),

    // Live.
    row("26", &[Idle], Due(Timer::NextCheck), &[], &[
        Disarm(Timer::NextCheck), Enter(InFlight), MarkUnverified, DecideNot, NoSuspicionCame,
        Arm(Timer::Check, Until::LivenessTimeout), SendLiveness]),
    row("28.5", &[RetryPending], Due(Timer::NextCheck), &[], &[
        Disarm(Timer::NextCheck), Enter(InFlight), DecideNot, NoSuspicionCame,
        Arm(Timer::Check, Until::LivenessTimeout), SendLiveness]),
    row("35", &[Suspected], Due(Timer::NextCheck), &[Decides], &[
        Disarm(Timer::NextCheck), Enter(InFlight), NoSuspicionCame, Arm(Timer::Check, Until::SuspicionTimeout), SendLiveness]),
    row("35", &[Suspected], Due(Timer::NextCheck), &[], &[
        Disarm(Timer::NextCheck), Enter(InFlight), NoSuspicionCame, Arm(Timer::Check, Until::LivenessTimeout), SendLiveness]),
    row("27", &[InFlight], Proof, &[], &[NoteAnswer, ForgetWarning, Disarm(Timer::Tolerance), IDLE, PROVED_AGAIN]),
    row("27", &[InFlight], Refusal, &[], &[NoteAnswer, Warn, Disarm(Timer::Tolerance), IDLE, PROVED_AGAIN]),
    row("28.1", &[InFlight], Ambiguous, &[ProvedSince], &[ForgetFailures, IDLE]),
    row("28.2", &[InFlight], Ambiguous, &[Decides], &[CHECK_FAILED]),
    row("28.3", &[InFlight], Ambiguous, &[LastFailure], &[CHECK_FAILED]),
    row("28.4", &[InFlight], Ambiguous, &[SuspicionCame], &[CHECK_AGAIN]),
    row("28.5", &[InFlight], Ambiguous, &[], &[RECHECK]),
    row("28.1", &[InFlight], Due(Timer::Check), &[ProvedSince], &[ForgetFailures, IDLE]),
    row("28.2", &[InFlight], Due(Timer::Check), &[Decides], &[UseTimeout, CHECK_FAILED]),
    row("28.3", &[InFlight], Due(Timer::Check), &[LastFailure], &[UseTimeout, CHECK_FAILED]),
    row("28.4", &[InFlight], Due(Timer::Check), &[SuspicionCame], &[UseTimeout, CHECK_AGAIN]),
    row("28.5", &[InFlight], Due(Timer::Check), &[], &[UseTimeout, RECHECK]),
    row("29", &[InFlight], Definitive, &[], &[CHECK_FAILED]),
    row("30", &[InFlight], Partial, &[NoTolerance], &[CHECK_FAILED]),
    row("30", &[InFlight], Partial, &[], &[
        ForgetCheck, Disarm(Timer::Check), Enter(Idle), ForgetDiagnosis, Diagnose, ForgetFailures, Warn,
        ArmOnce(Timer::Tolerance, Until::Tolerance), Arm(Timer::Lease, Until::Lease),
        Arm(Timer::NextCheck, Until::Silence), Report]),
    row("31", &[Idle], Evidence, &[Warned], &[NoteEvidence, ExtendTolerance, PROVED_AGAIN]),
    row("31", &[Idle], Evidence, &[], &[NoteEvidence, IDLE, PROVED_AGAIN]),
    row("31", &[Suspected, RetryPending], Evidence, &[VerifiesAgain], &[NoteEvidence, ExtendTolerance, IDLE, PROVED_AGAIN]),
    row("31", &[InFlight], Evidence, &[VerifiesAgain], &[
        NoteEvidence, ExtendTolerance, ForgetDiagnosis, DecideNot, NoSuspicionCame, RENEW]),
    row("31", &[Suspected, InFlight, RetryPending], Evidence, &[], &[NoteEvidence, ExtendTolerance, RENEW]),
    row("33", &[Idle, Suspected], Due(Timer::Lease), &[], &[CauseStarved, KEEP_INTERVAL, NOT_LIVE]),
    row("33", &[RetryPending], Due(Timer::Lease), &[], &[UseTimeout, CHECK_FAILED]),
    row("33", &[InFlight], Due(Timer::Lease), &[CheckIsDue, ProvedSince], &[CauseStarved, KEEP_INTERVAL, NOT_LIVE]),
    row("33", &[InFlight], Due(Timer::Lease), &[ProvedSince], &[CauseStarved, NOT_LIVE_IN_FLIGHT]),
    row("33", &[InFlight], Due(Timer::Lease), &[CheckIsDue], &[UseTimeout, CHECK_FAILED]),
    row("33", &[InFlight], Due(Timer::Lease), &[], &[UseTimeout, CauseLivenessFailed, NOT_LIVE_IN_FLIGHT]),
    row("34", &[InFlight], Due(Timer::Tolerance), &[CheckIsDue], &[UseWarning, CHECK_FAILED]),
    row("34", &[InFlight], Due(Timer::Tolerance), &[], &[UseWarning, CauseLivenessFailed, NOT_LIVE_IN_FLIGHT]),
    row("34", &[Idle, Suspected, RetryPending], Due(Timer::Tolerance), &[], &[UseWarning, CHECK_FAILED]),

    // Suspicion.
    row("35", &[InFlight], Suspicion, &[SuspicionIsNotReady], &[CauseLivenessFailed, NOT_LIVE_IN_FLIGHT]),
    row("35", LIVE, Suspicion, &[SuspicionIsNotReady], &[CHECK_FAILED]),
    row("35", &[InFlight], Suspicion, &[], &[Diagnose, MarkSuspicion, ArmSooner(Timer::Check, Until::SuspicionTimeout)]),
    row("35", LIVE, Suspicion, &[], &[
        Diagnose, MarkSuspicion, Decide, Enter(Suspected), ArmSooner(Timer::NextCheck, Until::Spacing)]),
    row("35", &[InFlight], PartialSuspicion, &[SuspicionIsNotReady], &[CauseLivenessFailed, NOT_LIVE_IN_FLIGHT]),
    row("35", LIVE, PartialSuspicion, &[SuspicionIsNotReady], &[CHECK_FAILED]),
    row("35", &[Idle], PartialSuspicion, &[], &[
        Diagnose, MarkUnverified, DecideNot, Enter(Suspected), ArmSooner(Timer::NextCheck, Until::Spacing)]),
    row("35", &[Suspected, InFlight, RetryPending], PartialSuspicion, &[], &[Diagnose]),

    // Client lost.
    row("37", STARTED, ClientLost, &[LossIsFailed], &[
        CauseClientLost, DisarmAll, ForgetCheck, Enter(Failed), ReportEnd(Ending::Failed),
        DiscardAllRegistrations, DiscardClient]),
    row("36", STARTED, ClientLost, &[], &[
        CauseClientLost, ForgetDiagnosis, BACK_OFF, DiscardAllRegistrations, DiscardClient]),

    // Handlers.
    row("40", STARTED, Registered, &[], &[MarkRegistered, Report]),
    row("41", STARTED, RegistrationFailed, &[], &[MarkNotRegistered, Report]),
    row("41", STARTED, RegistrationTimedOut, &[], &[UseTimeout, MarkNotRegistered, Report, DiscardRegistration]),
    row("42", STARTED, RegistrationDue, &[], &[SendRegistration]),
    row("47", STARTED, HandlerWorks, &[], &[ForgetHandlerFailure, Report]),
    row("47", STARTED, HandlerFails, &[], &[NoteHandlerFailure, Report]),

    // Shutdown.
    row("43", UNENDED, Shutdown, &[DrainIsLeft], &[
        DisarmAll, Arm(Timer::Drain, Until::Drain), SHUT_DOWN, Enter(Draining)]),
    row("43", UNENDED, Shutdown, &[], &[DisarmAll, SHUT_DOWN, Enter(Stopping), Arm(Timer::Stop, Until::StopTimeout), SendStop]),
    row("43", &[Draining], Due(Timer::Drain), &[], &[
        DisarmAll, Enter(Stopping), Arm(Timer::Stop, Until::StopTimeout), SendStop]),
    row("44", &[Stopping], StopSucceeded, &[], &[DisarmAll, Enter(Stopped), ReportEnd(Ending::ShutDown)]),
    row("44", &[Stopping], StopFailed, &[], &[DisarmAll, Enter(Stopped), ReportEnd(Ending::ForcedStop)]),
    row("44", &[Stopping], Due(Timer::Stop), &[], &[DisarmAll, Enter(Stopped), ReportEnd(Ending::ForcedStop)]),
];

// Effects that several rows have.

const FORGET_ALL: Effect = Do(&[
    ForgetWarning,
    RaiseFloor,
    ForgetFailures,
    ForgetProofs,
    ForgetIntervals,
    MarkNotProved,
]);

/// Rule 15.
const START_SUCCEEDED: Effect = Do(&[
    DisarmAll,
    Enter(NotLive),
    FORGET_ALL,
    Arm(Timer::Replace, Until::RecreateAfter),
    Report,
    OPEN_INTERVAL,
    SendAllRegistrations,
]);

/// Rule 16.
const START_FAILED: Effect = Do(&[Diagnose, CauseStartFailed, BACK_OFF]);

/// Rules 16, 36.
const BACK_OFF: Effect = Do(&[
    DisarmAll,
    ForgetCheck,
    ForgetWarning,
    Enter(BackingOff),
    Arm(Timer::Backoff, Until::StartBackoff),
    Report,
]);

/// Rule 18.
const OPEN_INTERVAL: Effect = Do(&[
    MarkNotProved,
    MarkUnverified,
    Arm(Timer::Check, Until::NotLiveInterval),
    SendLiveness,
]);

/// Rule 19.
const INTERVAL_FAILED: Effect = Do(&[
    ForgetCheck,
    ForgetProofs,
    CountInterval,
    CauseLivenessFailed,
    Report,
]);

/// Rule 23: a proof that is not enough.
const LESSER: Effect = Do(&[
    ForgetDiagnosis,
    ForgetIntervals,
    Arm(Timer::Replace, Until::RecreateAfterProof),
]);
const FIRST_PROOF: Effect = Do(&[CountProof, MarkProved]);

/// Rules 24 and 25.
const GO_LIVE: Effect = Do(&[
    Disarm(Timer::Replace),
    ProvedGood,
    ForgetFailures,
    ForgetDiagnosis,
    Arm(Timer::Lease, Until::Lease),
]);

/// Rule 26.
const IDLE: Effect = Do(&[
    ForgetCheck,
    Disarm(Timer::Check),
    Enter(Idle),
    Arm(Timer::NextCheck, Until::Silence),
]);

/// Rule 10.
const RENEW: Effect = Do(&[Arm(Timer::Lease, Until::Lease), ReportOrRenew]);
const PROVED_AGAIN: Effect = Do(&[ForgetFailures, ForgetDiagnosis, RENEW]);

/// Rule 28.4.
const CHECK_AGAIN: Effect = Do(&[
    ForgetCheck,
    Disarm(Timer::Check),
    CountFailure,
    Diagnose,
    Decide,
    Enter(Suspected),
    Arm(Timer::NextCheck, Until::Spacing),
]);

/// Rule 28.5.
const RECHECK: Effect = Do(&[
    ForgetCheck,
    Disarm(Timer::Check),
    CountFailure,
    Diagnose,
    Enter(RetryPending),
    Arm(Timer::NextCheck, Until::RecheckDelay),
]);

/// Rule 32.
const NOT_LIVE: Effect = Do(&[
    Disarm(Timer::NextCheck),
    Disarm(Timer::Lease),
    Disarm(Timer::Tolerance),
    Enter(NotLive),
    DateDiagnosis,
    FORGET_ALL,
    Arm(Timer::Replace, Until::RecreateAfter),
    Report,
]);
const NOT_LIVE_IN_FLIGHT: Effect = Do(&[NOT_LIVE, ArmSooner(Timer::Check, Until::NotLiveInterval)]);
const KEEP_INTERVAL: Effect = Do(&[ForgetCheck, Arm(Timer::Check, Until::IntervalOfCheck)]);
const CHECK_FAILED: Effect = Do(&[KEEP_INTERVAL, CauseLivenessFailed, NOT_LIVE]);

/// Rule 43.
const SHUT_DOWN: Effect = Do(&[
    ForgetCheck,
    ReportEnd(Ending::ShuttingDown),
    DiscardAllRegistrations,
]);
