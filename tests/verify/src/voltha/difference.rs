//! The intended differences.

/// A situation in which the preset intentionally differs from VOLTHA.
///
/// [`voltha`](Self::voltha) and [`preset`](Self::preset) are its row in `docs/differences.md`; a test compares them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Difference {
    /// A start succeeded.
    RunningWithoutProof,
    /// A start got no answer.
    StartWithoutDeadline,
    /// A liveness message got no answer, and the status depends on it.
    MessageWithoutDeadline,
    /// A liveness message was answered after the next one was sent, or after its deadline.
    LateAnswer,
    /// An error whose text is not known, where a known one would change something.
    UnknownText,
    /// Evidence, soon after other evidence.
    EvidenceHeldBack,
    /// A failure while live, with no liveness message in flight.
    IntervalAfterLoss,
    /// A failure while live, with a liveness message in flight.
    FailureDuringMessage,
    /// An ambiguous failure of a liveness message, and something succeeded since it was sent.
    NewerSuccess,
    /// A suspicion before the first proof.
    SuspicionBeforeProof,
    /// A failure while not live.
    FailureWhileNotLive,
    /// The client is lost.
    ClientLost,
    /// The service shuts down.
    Shutdown,
}

impl Difference {
    /// All differences, in the order of their declaration.
    pub const ALL: [Self; 13] = [
        Self::RunningWithoutProof,
        Self::StartWithoutDeadline,
        Self::MessageWithoutDeadline,
        Self::LateAnswer,
        Self::UnknownText,
        Self::EvidenceHeldBack,
        Self::IntervalAfterLoss,
        Self::FailureDuringMessage,
        Self::NewerSuccess,
        Self::SuspicionBeforeProof,
        Self::FailureWhileNotLive,
        Self::ClientLost,
        Self::Shutdown,
    ];

    /// Returns what VOLTHA does.
    #[must_use]
    pub const fn voltha(self) -> &'static str {
        match self {
            Self::RunningWithoutProof => {
                "Running as soon as it is started; the first message a minute later"
            }
            Self::StartWithoutDeadline => "a start may take forever",
            Self::MessageWithoutDeadline => {
                "a liveness message may take forever, and another is sent beside it"
            }
            Self::LateAnswer => "the answer to any message counts, however old it is",
            Self::UnknownText => "an error whose text is not in the list changes nothing",
            Self::EvidenceHeldBack => {
                "evidence within 30 s of the last does not restart the minute of silence"
            }
            Self::IntervalAfterLoss => "after a loss the next message is sent 5 s later",
            Self::FailureDuringMessage => {
                "a failure while a message is in flight: another one follows 5 s later"
            }
            Self::NewerSuccess => {
                "a message that fails is a loss, whatever succeeded since it was sent"
            }
            Self::SuspicionBeforeProof => "a suspicion before the first proof is NotReady",
            Self::FailureWhileNotLive => {
                "while not live, a failure restarts the 5 s, at most every 30 s"
            }
            Self::ClientLost => "a client that is closed for good is an error like any other",
            Self::Shutdown => "the status stays what it was when the service ends",
        }
    }

    /// Returns what the preset does.
    #[must_use]
    pub const fn preset(self) -> &'static str {
        match self {
            Self::RunningWithoutProof => {
                "Running with the first proof; the first message is sent at once"
            }
            Self::StartWithoutDeadline => "NotReady after 10 s, then another start",
            Self::MessageWithoutDeadline => {
                "one in flight, for 60 s while live and 5 s while not; then it is a failure, and the next is sent"
            }
            Self::LateAnswer => "an answer after the message's time is stale, and ignored",
            Self::UnknownText => "every failure counts, whatever its text",
            Self::EvidenceHeldBack => "the minute counts from the newest evidence",
            Self::IntervalAfterLoss => "as soon as 5 s have passed since the last message",
            Self::FailureDuringMessage => {
                "when the time of that message is over, if that is sooner"
            }
            Self::NewerSuccess => "an ambiguous failure does not count against a newer success",
            Self::SuspicionBeforeProof => {
                "a suspicion is not a verdict: the message in flight decides"
            }
            Self::FailureWhileNotLive => "a message every 5 s, whatever fails",
            Self::ClientLost => "Failed, forever",
            Self::Shutdown => "NotReady at once, Stopped at the end",
        }
    }
}
