//! The differences that are meant.

/// Where the preset does something else than the original, on purpose.
///
/// `there` and `here` are the words of its row in `docs/differences.md`; a test compares them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Difference {
    /// A start succeeded.
    RunningWithoutProof,
    /// A start got no answer.
    StartWithoutDeadline,
    /// A liveness message got no answer, and the status depends on it.
    MessageWithoutDeadline,
    /// A liveness message was answered after the next one went out, or after its deadline.
    LateAnswer,
    /// An error whose text is not known, where a known one would change something.
    UnknownText,
    /// Good liveness_of, soon after other good liveness_of.
    EvidenceHeldBack,
    /// Bad liveness_of while live, with no liveness message under way.
    IntervalAfterLoss,
    /// Bad liveness_of while live, with a liveness message under way.
    FailureDuringMessage,
    /// A liveness message failed by bad luck, and something succeeded since it was sent.
    NewerSuccess,
    /// Bad liveness_of before anything was proved.
    SuspicionBeforeProof,
    /// Bad liveness_of while not live.
    FailureWhileNotLive,
    /// The client is beyond repair.
    ClientLost,
    /// The service wants to end.
    Shutdown,
}

impl Difference {
    /// Every difference, in the order of their declaration.
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

    /// What the original does.
    #[must_use]
    pub const fn there(self) -> &'static str {
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
                "good liveness_of within 30 s of the last does not begin the minute of silence anew"
            }
            Self::IntervalAfterLoss => "after a loss the next message goes out 5 s later",
            Self::FailureDuringMessage => {
                "bad liveness_of while a message is under way: another one follows 5 s later"
            }
            Self::NewerSuccess => {
                "a message that fails is a loss, whatever succeeded since it was sent"
            }
            Self::SuspicionBeforeProof => "bad liveness_of before the first proof is NotReady",
            Self::FailureWhileNotLive => {
                "while not live, bad liveness_of begins the 5 s anew, at most every 30 s"
            }
            Self::ClientLost => "a client that is closed for good is an error like any other",
            Self::Shutdown => "the status stays what it was when the service ends",
        }
    }

    /// What the preset does.
    #[must_use]
    pub const fn here(self) -> &'static str {
        match self {
            Self::RunningWithoutProof => {
                "Running with the first proof; the first message goes out at once"
            }
            Self::StartWithoutDeadline => "NotReady after 10 s, and tried again",
            Self::MessageWithoutDeadline => {
                "one in flight, for 60 s while live and 5 s while not; then it is a failure, and the next goes out"
            }
            Self::LateAnswer => "an answer after the message's time is stale, and ignored",
            Self::UnknownText => "every failure counts, whatever it is called",
            Self::EvidenceHeldBack => "the minute counts from the newest good liveness_of",
            Self::IntervalAfterLoss => "as soon as 5 s have passed since the last message",
            Self::FailureDuringMessage => {
                "when the time of that message is over, if that is sooner"
            }
            Self::NewerSuccess => "an ambiguous failure does not count against a newer success",
            Self::SuspicionBeforeProof => "a hint is not a verdict: the message under way decides",
            Self::FailureWhileNotLive => "a message every 5 s, whatever the liveness_of",
            Self::ClientLost => "Failed, forever",
            Self::Shutdown => "NotReady at once, Stopped at the end",
        }
    }
}
