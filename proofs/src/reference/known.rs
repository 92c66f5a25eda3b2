//! Where the core is known to do otherwise than its documentation says, and the model follows it for the time being.
//!
//! To see that the core does as documented, take the line out of `KNOWN`: the differential must find nothing.

/// One such place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// "Of several pieces of bad news the most telling is kept": while live, the newest hint is.
    HintsReplaceEachOther,
    /// The same: of several liveness messages that failed while not live, the newest is the cause.
    AnswersAreForgotten,
    /// `Report::evidence` is "the newest proof": it is not, while proofs come and are not enough of them in a row.
    LesserProofsAreNotReported,
    /// Bad news is kept "until there is proof of the contrary": a second proof in the same interval is none.
    SecondProofsAreIgnored,
}

/// What is followed.
const KNOWN: &[Known] = &[
    Known::HintsReplaceEachOther,
    Known::AnswersAreForgotten,
    Known::LesserProofsAreNotReported,
    Known::SecondProofsAreIgnored,
];

pub(super) fn has(known: Known) -> bool {
    KNOWN.contains(&known)
}
