//! Where the core was seen to do otherwise than its documentation says. The model follows the core in these places alone.
//!
//! Who mends the core takes the line out of `KNOWN`; the differential must find nothing again. `docs/rules.md` has the
//! same list, at its end.

/// One such place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// "Of several pieces of bad news the most telling is kept": while live, the newest hint is.
    HintsReplaceEachOther,
    /// The same: what was told as the cause is replaced by a less telling failure while it stays not live.
    FailuresAreForgotten,
    /// `Report::evidence` is "the newest proof": not, where proofs came that were not enough of them in a row.
    LesserProofsAreNotReported,
    /// Bad news is kept "until there is proof of the contrary", a client is replaced "when nothing proved it to be of any
    /// use for so long": evidence is no such proof, where the interval was proved before.
    SecondEvidenceIsIgnored,
}

const KNOWN: &[Known] = &[
    Known::HintsReplaceEachOther,
    Known::FailuresAreForgotten,
    Known::LesserProofsAreNotReported,
    Known::SecondEvidenceIsIgnored,
];

pub(super) fn has(known: Known) -> bool {
    KNOWN.contains(&known)
}
