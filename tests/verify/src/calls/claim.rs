//! The claims about every `Calls`, one name for each, and the situations that a complete search must have reached.

use crate::claims::{claims, situations};

claims! {
    /// One claim about every `Calls`.

    EndsOnce "K1" "Each call ends exactly once, and no call ends that was not made."
    NeverLate "K2" "No call is in flight at or after its deadline."
    SuccessWasGiven "K3" "A call ends as replied only when a reply that names its instance, its epoch and it is delivered after its request was sent."
    OutcomeIsTrue "K4" "A call ends as not sent or refused only if none of its requests may have been executed; every other outcome names what happened."
    FailsAtOnce "K5" "While requests cannot be sent, a call whose request did not leave ends at once with the reason."
    LimitsHold "K6" "Calls in flight and their bytes are within their limits; over them a call is refused at once, with a hint, and under them it is not."
    GateIsKept "K7" "Nothing is sent before the reply partition is assigned, while the bus or the partition cannot be used, or during a shutdown."
    NoHiddenRetry "K8" "A request is sent once; one of an idempotent call again, after a failure or a timeout, not before its time, one at a time, and at most as often as its limit."
    WorkIsDone "K9" "What may be sent is sent at once, and a call that cannot succeed any more does not wait."
    CancelIsSent "K10" "A call that is cancelled sends one cancel record if its request may have left and the bus can be used, and no other call sends one."
    AssignedFirst "K11" "The reply partition is assigned once at a time, by its deadline, after the back-off, while the bus can be used."
    HealthIsTrue "K12" "The health is that of the reply partition, and is reported when it changes."
    StraysAreCounted "K13" "A foreign, former, late or duplicate reply changes nothing and is counted as what it is."
    NothingLeaks "K14" "What is held is what is in flight: calls, bytes and timers."
    ShutdownEnds "K15" "A shutdown ends every call within its bound, then reports once that it stopped."
    DeadlinesAreKept "K16" "Once all actions are polled the timeout is strictly later than now, and not after any deadline; an early call changes nothing."
}

situations! {
    Replied "A call is replied."
    RepliedBeforeAcknowledged "A reply comes before the acknowledgement of its request."
    Refused "A call is refused."
    RefusedUnknown "A call is refused, and an attempt of it may have been executed."
    NotSentBus "A call fails with the cause of the bus."
    NotSentReplies "A call fails with the failure of the reply partition."
    NotSentSend "A send fails, and the request did not leave."
    NotSentDeadline "A deadline passes before the request could be sent."
    NotSentTooLarge "A request is too large."
    NotSentOverloaded "A call is over a limit."
    NotSentShutdown "A call comes, or waits, at a shutdown."
    WaitedInVain "A call that waited for the assignment fails."
    SentUnknown "It is not known whether a request left."
    Expired "A call expires."
    Cancelled "A call is cancelled."
    ShuttingDown "A call in flight ends with the shutdown."
    WaitedForAssignment "A call waits for the assignment, and is sent."
    Retried "A request is sent again."
    RetriedAfterOutage "A request is sent again that was due while nothing could be sent."
    LastAttemptFailed "The last attempt fails, and the reply to an earlier one is waited for."
    LateAnswer "A send is answered after its call ended."
    AssignFailed "An assignment fails."
    AssignTimedOut "An assignment is not answered in time."
    Lost "The assignment is lost while calls are in flight."
    Unreachable "The reply partition cannot be read while it is assigned."
    Foreign "A reply belongs to another instance."
    Former "A reply belongs to an earlier epoch."
    Late "A reply is late."
    Duplicate "A reply is a duplicate."
    StoppedEarly "The shutdown ends before its bound."
    StoppedByBound "The shutdown ends at its bound."
    CalledAfterStop "A call comes after the stop."
}
