//! The table. A row's number is that of the rule in `docs/rules.md`.

#![allow(
    clippy::enum_glob_use,
    reason = "a table is read by its words, of which it uses nearly all"
)]

use livebus_core::Phase::{self, *};

use super::record::Timer;
use super::table::Cue::{self, *};
use super::table::Effect::{self, *};
use super::table::Guard::{self, *};
use super::table::{Ending, Row, Until};

/// How many rows there are.
pub(crate) const ROWS: usize = TABLE.len();

const LIVE: &[Phase] = &[Idle, Suspected, InFlight, RetryPending];
const STARTED: &[Phase] = &[NotLive, Idle, Suspected, InFlight, RetryPending];
#[rustfmt::skip]
const UNENDED: &[Phase] = &[Starting, BackingOff, NotLive, Idle, Suspected, InFlight, RetryPending, Failed];

const fn row(
    rule: &'static str,
    phases: &'static [Phase],
    cue: Cue,
    when: &'static [Guard],
    then: &'static [Effect],
) -> Row {
    Row {
        rule,
        phases,
        cue,
        when,
        then,
    }
}

#[rustfmt::skip] // A table: one row, a line or two.
pub(super) const TABLE: &[Row] = &[
    // Start.
    row("15", &[Starting], StartSucceeded, &[], &[
        DisarmAll, Enter(NotLive), BlameStarting, FORGET_ALL, Arm(Timer::Replace, Until::RecreateAfter), Tell,
        OPEN_INTERVAL, SendAllRegistrations]),
    row("16", &[Starting], StartFailed, &[], &[BlameStart, BACK_OFF]),
    row("16", &[Starting], Due(Timer::Start), &[], &[Overdue, BlameStart, BACK_OFF, DiscardClient]),
    row("17", &[BackingOff], Due(Timer::Backoff), &[], &[DisarmAll, Enter(Starting), SendStart]),

    // Not live.
    row("23", &[NotLive], Proof, &[Proved], &[ForgetQuestion, NoteLesserAnswer, LESSER]),
    row("24", &[NotLive], Proof, &[LastProof], &[NoteAnswer, GO_LIVE, QUIET, Tell]),
    row("23", &[NotLive], Proof, &[], &[ForgetQuestion, NoteLesserAnswer, LESSER, FIRST_PROOF]),
    row("23", &[NotLive], Refusal, &[Proved], &[ForgetQuestion, NoteLesserAnswer, LESSER]),
    row("24", &[NotLive], Refusal, &[LastProof], &[NoteAnswer, GO_LIVE, Warn, QUIET, Tell]),
    row("23", &[NotLive], Refusal, &[], &[ForgetQuestion, NoteLesserAnswer, LESSER, FIRST_PROOF]),
    row("22", &[NotLive], Evidence, &[TooOld], &[]),
    row("23", &[NotLive], Evidence, &[Proved], &[NoteLesserEvidence, LESSER]),
    row("24", &[NotLive], Evidence, &[LastProof, QuestionIsOpen], &[
        NoteEvidence, GO_LIVE, DecideNot, NotHinted, Enter(InFlight), ArmSooner(Timer::Question, Until::LivenessTimeout), Tell]),
    row("24", &[NotLive], Evidence, &[LastProof], &[NoteEvidence, GO_LIVE, QUIET, Tell]),
    row("23", &[NotLive], Evidence, &[], &[NoteLesserEvidence, LESSER, FIRST_PROOF]),
    row("19", &[NotLive], Ambiguous, &[Proved], &[ForgetQuestion]),
    row("19", &[NotLive], Ambiguous, &[], &[INTERVAL_FAILED]),
    row("19", &[NotLive], Partial, &[], &[INTERVAL_FAILED]),
    row("19", &[NotLive], Definitive, &[], &[INTERVAL_FAILED]),
    row("20", &[NotLive], Due(Timer::Question), &[Proved], &[OPEN_INTERVAL]),
    row("20", &[NotLive], Due(Timer::Question), &[QuestionIsOpen], &[Overdue, INTERVAL_FAILED, OPEN_INTERVAL]),
    row("20", &[NotLive], Due(Timer::Question), &[], &[OPEN_INTERVAL]),
    row("21", &[NotLive], Due(Timer::Replace), &[], &[BACK_OFF, DiscardAllRegistrations, DiscardClient]),
    row("35", &[NotLive], Hint, &[], &[RememberHint]),

    // Live.
    row("26", &[Idle], Due(Timer::Ask), &[], &[
        Disarm(Timer::Ask), Enter(InFlight), DoubtFromNow, DecideNot, NotHinted, Arm(Timer::Question, Until::LivenessTimeout), SendLiveness]),
    row("28.5", &[RetryPending], Due(Timer::Ask), &[], &[
        Disarm(Timer::Ask), Enter(InFlight), DecideNot, NotHinted, Arm(Timer::Question, Until::LivenessTimeout), SendLiveness]),
    row("35", &[Suspected], Due(Timer::Ask), &[], &[
        Disarm(Timer::Ask), Enter(InFlight), Decide, NotHinted, Arm(Timer::Question, Until::SuspicionTimeout), SendLiveness]),
    row("27", &[InFlight], Proof, &[], &[NoteAnswer, ForgetWarning, Disarm(Timer::Tolerance), QUIET, PROVED_ANEW]),
    row("27", &[InFlight], Refusal, &[], &[NoteAnswer, Warn, Disarm(Timer::Tolerance), QUIET, PROVED_ANEW]),
    row("28.1", &[InFlight], Ambiguous, &[ProvedSince], &[ForgetFailures, QUIET]),
    row("28.2", &[InFlight], Ambiguous, &[Decides], &[QUESTION_FAILED]),
    row("28.3", &[InFlight], Ambiguous, &[LastFailure], &[QUESTION_FAILED]),
    row("28.4", &[InFlight], Ambiguous, &[Hinted], &[ASK_AGAIN]),
    row("28.5", &[InFlight], Ambiguous, &[], &[RECHECK]),
    row("28.1", &[InFlight], Due(Timer::Question), &[ProvedSince], &[ForgetFailures, QUIET]),
    row("28.2", &[InFlight], Due(Timer::Question), &[Decides], &[Overdue, QUESTION_FAILED]),
    row("28.3", &[InFlight], Due(Timer::Question), &[LastFailure], &[Overdue, QUESTION_FAILED]),
    row("28.4", &[InFlight], Due(Timer::Question), &[Hinted], &[Overdue, ASK_AGAIN]),
    row("28.5", &[InFlight], Due(Timer::Question), &[], &[Overdue, RECHECK]),
    row("29", &[InFlight], Definitive, &[], &[QUESTION_FAILED]),
    row("30", &[InFlight], Partial, &[NoTolerance], &[QUESTION_FAILED]),
    row("30", &[InFlight], Partial, &[], &[
        ForgetQuestion, Disarm(Timer::Question), Enter(Idle), ForgetHint, ForgetFailures, Warn,
        ArmOnce(Timer::Tolerance, Until::Tolerance), Arm(Timer::Lease, Until::Lease), Arm(Timer::Ask, Until::Silence), Tell]),
    row("31", &[Idle], Evidence, &[Warned], &[NoteEvidence, ExtendTolerance, PROVED_ANEW]),
    row("31", &[Idle], Evidence, &[], &[NoteEvidence, QUIET, PROVED_ANEW]),
    row("31", &[Suspected, RetryPending], Evidence, &[NewerThanDoubt], &[NoteEvidence, ExtendTolerance, QUIET, PROVED_ANEW]),
    row("31", &[InFlight], Evidence, &[NewerThanDoubt], &[NoteEvidence, ExtendTolerance, ForgetHint, DecideNot, NotHinted, RENEW]),
    row("31", &[Suspected, InFlight, RetryPending], Evidence, &[], &[NoteEvidence, ExtendTolerance, RENEW]),
    row("33", &[Idle, Suspected], Due(Timer::Lease), &[], &[BlameStarvation, ASK_IN_TIME, NOT_LIVE]),
    row("33", &[RetryPending], Due(Timer::Lease), &[], &[LastFailed, QUESTION_FAILED]),
    row("33", &[InFlight], Due(Timer::Lease), &[QuestionIsOver, ProvedSince], &[BlameStarvation, ASK_IN_TIME, NOT_LIVE]),
    row("33", &[InFlight], Due(Timer::Lease), &[ProvedSince], &[BlameStarvation, NOT_LIVE_ASKING]),
    row("33", &[InFlight], Due(Timer::Lease), &[QuestionIsOver], &[TheHint, QUESTION_FAILED]),
    row("33", &[InFlight], Due(Timer::Lease), &[], &[TheHint, BlameLiveness, NOT_LIVE_ASKING]),
    row("34", &[InFlight], Due(Timer::Tolerance), &[QuestionIsOver], &[TheWarning, QUESTION_FAILED]),
    row("34", &[InFlight], Due(Timer::Tolerance), &[], &[TheWarning, BlameLiveness, NOT_LIVE_ASKING]),
    row("34", &[Idle, Suspected, RetryPending], Due(Timer::Tolerance), &[], &[TheWarning, QUESTION_FAILED]),

    // Suspicion.
    row("35", &[InFlight], Hint, &[HintsAreBelieved], &[RememberHint, BlameLiveness, NOT_LIVE_ASKING]),
    row("35", LIVE, Hint, &[HintsAreBelieved], &[RememberHint, QUESTION_FAILED]),
    row("35", &[InFlight], Hint, &[], &[RememberHint, ArmSooner(Timer::Question, Until::SuspicionTimeout)]),
    row("35", LIVE, Hint, &[], &[RememberHint, Enter(Suspected), ArmSooner(Timer::Ask, Until::Spacing)]),

    // The client is lost.
    row("37", STARTED, LostClient, &[LossIsTheEnd], &[
        BlameLoss, DisarmAll, ForgetQuestion, Enter(Failed), TellTheEnd(Ending::Failed), DiscardAllRegistrations, DiscardClient]),
    row("36", STARTED, LostClient, &[], &[BlameLoss, BACK_OFF, DiscardAllRegistrations, DiscardClient]),

    // Handlers.
    row("40", STARTED, Registered, &[], &[MarkRegistered, Tell]),
    row("41", STARTED, RegistrationFailed, &[], &[MarkNotRegistered, Tell]),
    row("41", STARTED, RegistrationOverdue, &[], &[Overdue, MarkNotRegistered, Tell, DiscardRegistration]),
    row("42", STARTED, RegistrationDue, &[], &[SendRegistration]),

    // Shutdown.
    row("43", UNENDED, Shutdown, &[DrainIsLeft], &[
        DisarmAll, Arm(Timer::Drain, Until::Drain), SHUT_DOWN, Enter(Draining)]),
    row("43", UNENDED, Shutdown, &[], &[DisarmAll, SHUT_DOWN, Enter(Stopping), Arm(Timer::Stop, Until::StopTimeout), SendStop]),
    row("43", &[Draining], Due(Timer::Drain), &[], &[
        DisarmAll, Enter(Stopping), Arm(Timer::Stop, Until::StopTimeout), SendStop]),
    row("44", &[Stopping], StopSucceeded, &[], &[DisarmAll, Enter(Stopped), TellTheEnd(Ending::ShutDown)]),
    row("44", &[Stopping], StopFailed, &[], &[DisarmAll, Enter(Stopped), TellTheEnd(Ending::ForcedStop)]),
    row("44", &[Stopping], Due(Timer::Stop), &[], &[DisarmAll, Enter(Stopped), TellTheEnd(Ending::ForcedStop)]),
];

// What several rows do.

const FORGET_ALL: Effect = Do(&[
    ForgetWarning,
    RaiseFloor,
    ForgetFailures,
    ForgetProofs,
    ForgetIntervals,
    MarkNotProved,
]);

/// Rules 16, 21, 36.
const BACK_OFF: Effect = Do(&[
    DisarmAll,
    ForgetQuestion,
    ForgetHint,
    ForgetWarning,
    Enter(BackingOff),
    Arm(Timer::Backoff, Until::StartBackoff),
    Tell,
]);

/// Rule 18.
const OPEN_INTERVAL: Effect = Do(&[
    MarkNotProved,
    DoubtFromNow,
    Arm(Timer::Question, Until::NotLiveInterval),
    SendLiveness,
]);

/// Rule 19.
const INTERVAL_FAILED: Effect = Do(&[
    ForgetQuestion,
    ForgetProofs,
    CountInterval,
    BlameLiveness,
    Tell,
]);

/// Rule 23: a proof that is not enough.
const LESSER: Effect = Do(&[
    ForgetHint,
    ForgetIntervals,
    Arm(Timer::Replace, Until::RecreateAfterProof),
]);
const FIRST_PROOF: Effect = Do(&[CountProof, MarkProved]);

/// Rules 24 and 25.
const GO_LIVE: Effect = Do(&[
    Disarm(Timer::Replace),
    ProvedGood,
    ForgetFailures,
    ForgetHint,
    Arm(Timer::Lease, Until::Lease),
]);

/// Rule 26.
const QUIET: Effect = Do(&[
    ForgetQuestion,
    Disarm(Timer::Question),
    Enter(Idle),
    Arm(Timer::Ask, Until::Silence),
]);

/// Rule 10.
const RENEW: Effect = Do(&[Arm(Timer::Lease, Until::Lease), TellOrRenew]);
const PROVED_ANEW: Effect = Do(&[ForgetFailures, ForgetHint, RENEW]);

/// Rule 28.4.
const ASK_AGAIN: Effect = Do(&[
    ForgetQuestion,
    Disarm(Timer::Question),
    CountFailure,
    RememberFailure,
    Enter(Suspected),
    Arm(Timer::Ask, Until::Spacing),
]);

/// Rule 28.5.
const RECHECK: Effect = Do(&[
    ForgetQuestion,
    Disarm(Timer::Question),
    CountFailure,
    RememberFailure,
    Enter(RetryPending),
    Arm(Timer::Ask, Until::RecheckDelay),
]);

/// Rule 32.
const NOT_LIVE: Effect = Do(&[
    Disarm(Timer::Ask),
    Disarm(Timer::Lease),
    Disarm(Timer::Tolerance),
    Enter(NotLive),
    FORGET_ALL,
    Arm(Timer::Replace, Until::RecreateAfter),
    Tell,
]);
const NOT_LIVE_ASKING: Effect = Do(&[NOT_LIVE, ArmSooner(Timer::Question, Until::NotLiveInterval)]);
const ASK_IN_TIME: Effect = Do(&[
    ForgetQuestion,
    Arm(Timer::Question, Until::IntervalOfQuestion),
]);
const QUESTION_FAILED: Effect = Do(&[ASK_IN_TIME, BlameLiveness, NOT_LIVE]);

/// Rule 43.
const SHUT_DOWN: Effect = Do(&[
    ForgetQuestion,
    TellTheEnd(Ending::ShuttingDown),
    DiscardAllRegistrations,
]);
