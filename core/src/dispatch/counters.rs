//! What a dispatcher counts.

/// No count of a dispatcher comes near it, however long it goes on.
pub(super) const MAX_COUNT: u64 = 1 << 62;

/// What was counted since a dispatcher began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Counters {
    /// Records that are done.
    pub done: u64,
    /// Failures of the function.
    pub failed: u64,
    /// Runs that were cancelled at their deadline.
    pub timed_out: u64,
    /// Records that were skipped by a policy.
    pub skipped: u64,
    /// Dead letters that were acknowledged.
    pub dead_letters: u64,
    /// Records that were removed before they were fetched, and passed over by a policy.
    pub removed: u64,
    /// Records that an earlier owner of their partition had finished.
    pub done_before: u64,
    /// Records whose offset was fetched already.
    pub repeated: u64,
    /// Records that were begun and whose verdicts the group did not have when their assignment ended.
    pub duplicates: u64,
    /// Runs that ended after their assignment.
    pub late_verdicts: u64,
    /// Commits of which every position was acknowledged.
    pub commits: u64,
    /// Commits of which a position failed.
    pub failed_commits: u64,
    /// Events that were ignored because what they name is over, or never was.
    pub stale: u64,
}

impl Counters {
    /// Returns whether none of them can overflow.
    pub(super) fn fit(&self) -> bool {
        let Self {
            done,
            failed,
            timed_out,
            skipped,
            dead_letters,
            removed,
            done_before,
            repeated,
            duplicates,
            late_verdicts,
            commits,
            failed_commits,
            stale,
        } = *self;
        let all = [
            done,
            failed,
            timed_out,
            skipped,
            dead_letters,
            removed,
            done_before,
            repeated,
            duplicates,
            late_verdicts,
            commits,
            failed_commits,
            stale,
        ];
        all.into_iter().all(|count| count <= MAX_COUNT)
    }
}
