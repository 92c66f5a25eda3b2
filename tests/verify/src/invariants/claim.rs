//! The claims about every supervisor, one name for each.

use crate::claims::claims;

claims! {
    /// One claim about every supervisor. The numbers of the safety properties S1 to S15 are those of `docs/verification.md`.

    ProofBeforeRunning "S1" "Never Running before a start has succeeded and enough proofs came after it and after the last loss."
    EvidenceIsYoung "S2" "Running implies that the newest evidence is younger than the bound, and the lease says so exactly."
    DefinitiveFirst "S3" "A definitive failure while Running: the report that ends Running is the first action of that step."
    FailedIsFinal "S4" "Failed is left only by a shutdown."
    OneLivenessMessage "S5" "At most one liveness message is in flight."
    OneStart "S6" "No start before the answer or the deadline of the one before it."
    AlwaysADeadline "S7" "Every state but Stopped and Failed has a deadline, and those have none."
    NoHotLoop "S8" "A bounded number of actions a step, the next deadline strictly later, the liveness messages of a client spaced."
    ReportsAddUp "S9" "Each report says something new, and the reports add up to what is known."
    StaleDoesNothing "S10" "The answer to anything but an operation in flight is counted and has no effect; the first answer to one in flight is accepted."
    ShutdownInOrder "S11" "A shutdown: NotReady, then the drain, then one stop, then Stopped, then nothing."
    EarlyCallDoesNothing "S12" "When the clock goes back, or a wake-up comes early, nothing happens."
    BackoffIsKept "S13" "Each retry comes after exactly its back-off, which starts again at its minimum after a success."
    NeverGivesUp "S15" "However many suspicions come, the next start or liveness message is sent in time."
    QueuedIsDue "rule 1" "While actions are queued, the timeout is due."
    DeadlinesFromNow "rule 5" "Every deadline is counted from now, by its own setting."
    IdsCountUp "rule 3" "Operations have the ids 1, 2, 3; no id is used twice, and each operation is discarded at most once."
    OneRegistrationPerHandler "rule 4" "At most one registration of each handler is in flight, and none without a client."
    TimePassesFirst "handle_event" "An event at a later instant is the same as time passing to it, and then the event."
    FailsOnlyAsConfigured "on_client_lost" "Failed follows only the loss of a client, and only if the settings say so."
    FirstMessageAtOnce "start" "After a start, the first liveness message is sent and all registrations begin immediately."
    NoFalseAlarm "verdict" "Running ends only for a reason that the rules name."
    SuspicionDecides "suspicion" "A suspicion that nothing refutes ends Running within the spacing and two suspicion timeouts."
    PartialSuspicion "partial suspicion" "A suspicion of a part of the bus brings the next ordinary liveness message of an idle bus forward, and nothing else."
    PartialEnds "partial" "While a part of the bus is missing, Running ends when the tolerance has passed, and not before."
    HandlersRequired "handlers" "Running implies that every required handler is registered and does not report that it fails."
    ReplacedInTime "recreate" "A client that has had no proof for `recreate_after` is replaced at once, and not before."
    CauseIsKnown "cause" "The cause is the most specific failure or suspicion that nothing has refuted, and that was seen within twice `not_live_interval_max`."
    WakesForEvidence "evidence" "When evidence is not wanted, it changes nothing but the lease."
    RunsWhenProved "proof" "With enough proofs and all required handlers registered and working, the service is Running immediately."
}
