//! The table. A row's number is that of the rule in `docs/rules.md`.

use livebus_core::Phase::{
    self, Asking, BackingOff, Draining, Failed, NotLive, Quiet, Rechecking, Starting, Stopped,
    Stopping, Suspected,
};

use super::known::Known;
use super::record::Timer;
use super::table::Cue::{self, *};
use super::table::Effect::{self, *};
use super::table::Ending;
use super::table::Guard::{self, *};
use super::table::{Row, Until};

/// How many rows there are.
pub(crate) const ROWS: usize = TABLE.len();

const LIVE: &[Phase] = &[Quiet, Suspected, Asking, Rechecking];
const STARTED: &[Phase] = &[NotLive, Quiet, Suspected, Asking, Rechecking];
const UNENDED: &[Phase] = &[
    Starting, BackingOff, NotLive, Quiet, Suspected, Asking, Rechecking, Failed,
];

const fn row(
    rule: &'static str,
    phases: &'static [Phase],
    cue: Cue,
    when: &'static [Guard],
    then: &'static [Effect],
) -> Row {
    Row { rule, phases, cue, when, then }
}

/// Another start comes after a back-off.
const BACK_OFF: Effect = Do(&[
    DisarmAll, ForgetQuestion, ForgetHint, ForgetWarning, Enter(BackingOff),
    Arm(Timer::Backoff, Until::StartBackoff), Tell,
]);

/// The first question of an interval.
const OPEN_INTERVAL: Effect = Do(&[
    MarkNotProved, Arm(Timer::Question, Until::NotLiveInterval), SendLiveness,
]);

/// It fell silent, or failed, for this reason.
const NOT_LIVE: Effect = Do(&[
    BlameLiveness, ENTER_NOT_LIVE,
]);
const ENTER_NOT_LIVE: Effect = Do(&[
    Disarm(Timer::Ask), Disarm(Timer::Lease), Disarm(Timer::Tolerance),
    Enter(NotLive), ForgetHintForNow, ForgetWarning, RaiseFloor, ForgetFailures, ForgetProofs, ForgetIntervals, MarkNotProved,
    Arm(Timer::Replace, Until::RecreateAfter), Tell,
]);
/// The question that was under way failed.
const QUESTION_FAILED: Effect = Do(&[ForgetQuestion, Arm(Timer::Question, Until::IntervalOfQuestion), NOT_LIVE]);

const FAIL_INTERVAL: &[Effect] = &[ForgetQuestion, ForgetProofs, CountInterval, BlameLiveness, Tell];

const QUIET: Effect = Do(&[
    ForgetQuestion, Disarm(Timer::Question), Enter(Quiet), Arm(Timer::Ask, Until::Silence),
]);
const PROVED_ANEW: Effect = Do(&[
    ForgetFailures, ForgetHint, Arm(Timer::Lease, Until::Lease), TellOrRenew,
]);
const GO_LIVE: Effect = Do(&[
    Disarm(Timer::Replace), ProvedGood,  ForgetFailures, ForgetHint, Arm(Timer::Lease, Until::Lease),
]);

const RECHECK: &[Effect] = &[
    ForgetQuestion, Disarm(Timer::Question), CountFailure, RememberFailure, Enter(Rechecking),
    Arm(Timer::Ask, Until::RecheckDelay),
];

const ASK_AGAIN: &[Effect] = &[
    ForgetQuestion, Disarm(Timer::Question), CountFailure, RememberFailure, Enter(Suspected),
    Arm(Timer::Ask, Until::Spacing),
];

const PARTIAL: &[Effect] = &[
    ForgetQuestion, ForgetHint, Disarm(Timer::Question), ForgetFailures, Warn, ArmOnce(Timer::Tolerance, Until::Tolerance),
    Arm(Timer::Lease, Until::Lease), Enter(Quiet), Arm(Timer::Ask, Until::PartialInterval), Tell,
];

const LOST: Effect = Do(&[DisarmAll, ForgetQuestion, ForgetHint, ForgetWarning, BlameLoss]);

#[rustfmt::skip] // A table: one row, a line or two.
pub(super) const TABLE: &[Row] = &[
    // Start.
    row("2", &[Starting], StartSucceeded, &[], &[
        Disarm(Timer::Start), Enter(NotLive), BlameStarting, ForgetHint, RaiseFloor, ForgetFailures, ForgetProofs, ForgetIntervals,
        Arm(Timer::Replace, Until::RecreateAfter), Tell, OPEN_INTERVAL, SendAllRegistrations]),
    row("3", &[Starting], StartFailed, &[], &[BlameStart, BACK_OFF]),
    row("3", &[Starting], Due(Timer::Start), &[], &[Overdue, BlameStart, BACK_OFF, DiscardClient]),
    row("4", &[BackingOff], Due(Timer::Backoff), &[], &[
        Disarm(Timer::Backoff), Enter(Starting), SendStart]),
    // Not live.
    row("5", &[NotLive], Proof, &[Proved], &[NoteLesserAnswer, Arm(Timer::Replace, Until::RecreateAfterProof), ForgetHint, ForgetQuestion]),
    row("5", &[NotLive], Proof, &[LastProof], &[NoteAnswer, GO_LIVE, ForgetWarning, QUIET, Tell]),
    row("5", &[NotLive], Proof, &[], &[NoteLesserAnswer, Arm(Timer::Replace, Until::RecreateAfterProof), ForgetHint, ForgetQuestion, CountProof, MarkProved, ForgetIntervals]),
    row("5", &[NotLive], Refusal, &[Proved], &[NoteLesserAnswer, Arm(Timer::Replace, Until::RecreateAfterProof), ForgetHint, ForgetQuestion]),
    row("5", &[NotLive], Refusal, &[LastProof], &[NoteAnswer, GO_LIVE, Warn, QUIET, Tell]),
    row("5", &[NotLive], Refusal, &[], &[NoteLesserAnswer, Arm(Timer::Replace, Until::RecreateAfterProof), ForgetHint, ForgetQuestion, CountProof, MarkProved, ForgetIntervals]),
    row("5", &[NotLive], Evidence, &[TooOld], &[]),
    row("5", &[NotLive], Evidence, &[Proved, Follow(Known::SecondProofsAreIgnored)], &[]),
    row("5", &[NotLive], Evidence, &[Proved], &[NoteLesserEvidence, Arm(Timer::Replace, Until::RecreateAfterProof), ForgetHint]),
    row("5", &[NotLive], Evidence, &[LastProof, Guard::Asking], &[
        NoteEvidence, GO_LIVE, DecideNot, NotHinted, Enter(Phase::Asking), ArmSooner(Timer::Question, Until::LivenessTimeout), Tell]),
    row("5", &[NotLive], Evidence, &[LastProof], &[NoteEvidence, GO_LIVE, QUIET, Tell]),
    row("5", &[NotLive], Evidence, &[], &[NoteLesserEvidence, Arm(Timer::Replace, Until::RecreateAfterProof), ForgetHint, CountProof, MarkProved, ForgetIntervals]),
    row("6", &[NotLive], Definitive, &[], FAIL_INTERVAL),
    row("6", &[NotLive], Ambiguous, &[Proved], &[ForgetQuestion]),
    row("6", &[NotLive], Ambiguous, &[], FAIL_INTERVAL),
    row("6", &[NotLive], Partial, &[], FAIL_INTERVAL),
    row("7", &[NotLive], Due(Timer::Question), &[Proved], &[ForgetQuestion, OPEN_INTERVAL]),
    row("7", &[NotLive], Due(Timer::Question), &[Guard::Asking], &[Overdue, Do(FAIL_INTERVAL), OPEN_INTERVAL]),
    row("7", &[NotLive], Due(Timer::Question), &[], &[OPEN_INTERVAL]),
    row("7", &[NotLive], Due(Timer::Replace), &[], &[DiscardAllRegistrations, BACK_OFF, DiscardClient]),
    row("7", &[NotLive], Hint, &[], &[RememberHint]),
    // Live.
    row("8", &[Phase::Asking], Proof, &[], &[NoteAnswer, ForgetWarning, Disarm(Timer::Tolerance), QUIET, PROVED_ANEW]),
    row("8", &[Phase::Asking], Refusal, &[], &[NoteAnswer, Warn, Disarm(Timer::Tolerance), QUIET, PROVED_ANEW]),
    row("8", &[Phase::Asking], Evidence, &[NewerThanDoubt], &[
        NoteEvidence, ExtendTolerance, ForgetHint, Arm(Timer::Lease, Until::Lease), TellOrRenew]),
    row("8", &[Quiet], Evidence, &[Warned], &[NoteEvidence, ExtendTolerance, PROVED_ANEW]),
    row("8", &[Quiet], Evidence, &[], &[NoteEvidence, ExtendTolerance, QUIET, PROVED_ANEW]),
    row("8", &[Suspected, Rechecking], Evidence, &[NewerThanDoubt], &[NoteEvidence, ExtendTolerance, QUIET, PROVED_ANEW]),
    row("8", &[Suspected, Phase::Asking, Rechecking], Evidence, &[], &[NoteEvidence, ExtendTolerance, Arm(Timer::Lease, Until::Lease), TellOrRenew]),
    row("9", &[Phase::Asking], Definitive, &[], &[QUESTION_FAILED]),
    row("9", &[Phase::Asking], Ambiguous, &[ProvedSince], &[ForgetFailures, QUIET]),
    row("9", &[Phase::Asking], Ambiguous, &[Decides], &[QUESTION_FAILED]),
    row("9", &[Phase::Asking], Ambiguous, &[LastFailure], &[QUESTION_FAILED]),
    row("9", &[Phase::Asking], Ambiguous, &[Hinted], ASK_AGAIN),
    row("9", &[Phase::Asking], Ambiguous, &[], RECHECK),
    row("9", &[Phase::Asking], Partial, &[NoTolerance], &[QUESTION_FAILED]),
    row("9", &[Phase::Asking], Partial, &[], PARTIAL),
    row("10", &[Phase::Asking], Due(Timer::Question), &[ProvedSince], &[ForgetFailures, QUIET]),
    row("10", &[Phase::Asking], Due(Timer::Question), &[Decides], &[Overdue, QUESTION_FAILED]),
    row("10", &[Phase::Asking], Due(Timer::Question), &[LastFailure], &[Overdue, QUESTION_FAILED]),
    row("10", &[Phase::Asking], Due(Timer::Question), &[Hinted], &[Overdue, Do(ASK_AGAIN)]),
    row("10", &[Phase::Asking], Due(Timer::Question), &[], &[Overdue, Do(RECHECK)]),
    row("11", &[Quiet, Rechecking], Due(Timer::Ask), &[], &[
        Disarm(Timer::Ask), Enter(Phase::Asking), DecideNot, NotHinted, Arm(Timer::Question, Until::LivenessTimeout), SendLiveness]),
    row("11", &[Suspected], Due(Timer::Ask), &[], &[
        Disarm(Timer::Ask), Enter(Phase::Asking), Decide, NotHinted, Arm(Timer::Question, Until::SuspicionTimeout), SendLiveness]),
    row("12", &[Quiet, Suspected], Due(Timer::Lease), &[], &[
        BlameStarvation, Arm(Timer::Question, Until::IntervalOfQuestion), ENTER_NOT_LIVE]),
    row("12", &[Rechecking], Due(Timer::Lease), &[], &[LastKnown, QUESTION_FAILED]),
    row("12", &[Phase::Asking], Due(Timer::Lease), &[QuestionIsOver, ProvedSince], &[
        BlameStarvation, ForgetQuestion, Arm(Timer::Question, Until::IntervalOfQuestion), ENTER_NOT_LIVE]),
    row("12", &[Phase::Asking], Due(Timer::Lease), &[ProvedSince], &[BlameStarvation, ENTER_NOT_LIVE]),
    row("12", &[Phase::Asking], Due(Timer::Lease), &[QuestionIsOver], &[Silent, QUESTION_FAILED]),
    row("12", &[Phase::Asking], Due(Timer::Lease), &[], &[Silent, NOT_LIVE]),
    row("13", &[Phase::Asking], Due(Timer::Tolerance), &[QuestionIsOver], &[TheWarning, QUESTION_FAILED]),
    row("13", &[Phase::Asking], Due(Timer::Tolerance), &[], &[TheWarning, NOT_LIVE]),
    row("13", LIVE, Due(Timer::Tolerance), &[], &[TheWarning, QUESTION_FAILED]),
    // Suspicion.
    row("14", &[Phase::Asking], Hint, &[HintsAreBelieved], &[NOT_LIVE]),
    row("14", LIVE, Hint, &[HintsAreBelieved], &[QUESTION_FAILED]),
    row("15", &[Quiet, Suspected, Rechecking], Hint, &[], &[RememberHint, Enter(Suspected), ArmSooner(Timer::Ask, Until::Spacing)]),
    row("15", &[Phase::Asking], Hint, &[], &[RememberHint, ArmSooner(Timer::Question, Until::SuspicionTimeout)]),
    // The client is lost.
    row("16", STARTED, Cue::ClientLost, &[LossIsTheEnd], &[
        LOST, Enter(Failed), TellTheEnd(Ending::Failed), DiscardAllRegistrations, DiscardClient]),
    row("16", STARTED, Cue::ClientLost, &[], &[BlameLoss, BACK_OFF, DiscardAllRegistrations, DiscardClient]),
    // Handlers.
    row("17", STARTED, Registered, &[], &[MarkRegistered, Tell]),
    row("17", STARTED, RegistrationFailed, &[], &[MarkNotRegistered, RegistrationBackoff, Tell]),
    row("17", STARTED, RegistrationOverdue, &[], &[Overdue, MarkNotRegistered, RegistrationBackoff, Tell, DiscardRegistration]),
    row("17", STARTED, RegistrationDue, &[], &[SendRegistration]),
    // Shutdown.
    row("18", UNENDED, Shutdown, &[DrainIsLeft], &[
        DisarmAll, ForgetQuestion, ForgetWarning, Enter(Draining), TellTheEnd(Ending::ShuttingDown), DiscardAllRegistrations,
        Arm(Timer::Drain, Until::Drain)]),
    row("18", UNENDED, Shutdown, &[], &[
        DisarmAll, ForgetQuestion, ForgetWarning, Enter(Stopping), TellTheEnd(Ending::ShuttingDown), DiscardAllRegistrations,
        Arm(Timer::Stop, Until::StopTimeout), SendStop]),
    row("18", &[Draining], Due(Timer::Drain), &[], &[
        DisarmAll, Enter(Stopping), Arm(Timer::Stop, Until::StopTimeout), SendStop]),
    row("19", &[Stopping], StopSucceeded, &[], &[DisarmAll, Enter(Stopped), TellTheEnd(Ending::ShutDown)]),
    row("19", &[Stopping], StopFailed, &[], &[DisarmAll, Enter(Stopped), TellTheEnd(Ending::CutOff)]),
    row("19", &[Stopping], Due(Timer::Stop), &[], &[DisarmAll, Enter(Stopped), TellTheEnd(Ending::CutOff)]),
];
