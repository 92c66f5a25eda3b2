//! The claims about every `Callee`, one name for each, and the situations that a complete search must have reached.

use crate::claims::{claims, situations};

claims! {
    /// One claim about every `Callee`.

    RunsOnce "C1" "A request runs at most once in each assignment in which it is fetched."
    AtMostOnce "C2" "With `at_most_once` a request runs only after its position was acknowledged to its owner, and at most once over all owners and crashes."
    NotInVain "C3" "A request that was cancelled while it waited, or that is too old, does not run; one that runs has the time that is left."
    RefusalIsTrue "C4" "An owner that has the partition says that no earlier run began only where none did, at any owner; and it says so wherever that can be known."
    RepliesAreOwn "C5" "A request is answered with an old reply only if that is one of the newest replies of its assignment and has its key, and it does not run then."
    AttemptsWait "C6" "Two attempts of one call that has a key do not run at once in one assignment."
    DroppedForAReason "C7" "A request is dropped only for a reason that is true: too old, with its age; cancelled; another attempt runs; not known."
    CommitsOnce "C8" "A request is to be committed first only with `at_most_once`, once, and only if nothing else drops it."
    NothingLeaks "C9" "What is held is what was fetched in an assignment that is not over and is not decided or runs; old replies are within their limit, and each that is dropped is named."
    CountsAreTrue "C10" "What is counted is what was decided."
}

situations! {
    Ran "A request runs."
    RanAgain "A request runs that an earlier owner began."
    NeverBegan "It is known that no earlier run began."
    MayHaveBegun "It is not known whether an earlier run began, and none did."
    TooLate "A request is too late."
    TooLateInTheQueue "A request becomes too late while it waits."
    Tolerated "A request runs after its deadline, within the tolerance."
    Cancelled "A request that waits is cancelled."
    CancelledWhileCommitting "A request is cancelled while its position is committed."
    CancelledRunning "A cancel finds a request that runs."
    CancelledUnknown "A cancel finds no request."
    Replayed "A request is answered with an old reply."
    ReplyDropped "An old reply is dropped for a newer one."
    ReplyReplaced "A reply replaces an old one of its key."
    OtherAttemptRuns "A request is dropped because another attempt runs."
    CommittedFirst "A request runs after its position was committed."
    LostByACrash "With `at_most_once` a request whose position was committed is lost."
    RunsAtAFormerOwner "A request runs at an owner whose partition was taken, and that does not know it."
    FormerIsWrong "A former owner says that no earlier run began, and the new one began it."
    CommitRefused "The commit of a former owner is refused."
    CommitUnknown "A commit is applied, and its owner does not learn it."
    EndedWhileRunning "An assignment ends while a request runs."
    EndedWhileWaiting "An assignment ends while a request waits."
    Crashed "An owner crashes with requests."
}
