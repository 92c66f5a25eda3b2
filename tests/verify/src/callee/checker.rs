//! The invariant checker: it knows what every owner of a partition was given, over crashes and rebalances, and sees only what the callees
//! answer.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use livebus_core::calls::{
    Arrival, Callee, CalleeConfig, CalleeCounters, CalleeSettings, Correlation, Decision, RequestId,
};
use livebus_core::dispatch::Generation;

use super::claim::{Claim, Coverage, Situation};

/// What is known of all owners of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Checker {
    config: CalleeConfig,
    assignments: BTreeMap<Generation, Given>,
    /// The requests that were begun, in any assignment.
    began: BTreeSet<i64>,
}

/// What one assignment was given, and what it answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Given {
    requests: BTreeMap<i64, Request>,
    /// The newest position that was acknowledged to it.
    acknowledged: i64,
    /// The keys whose replies are kept, the oldest first.
    kept: VecDeque<(u64, i64)>,
    /// The requests whose replies the runner holds.
    payloads: BTreeSet<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Request {
    arrival: Arrival,
    at: Instant,
    /// Requests that were fetched before it.
    before: usize,
    is_cancelled: bool,
    step: Step,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    Waits,
    Commits,
    Runs,
    Over,
}

impl Checker {
    /// Returns one for a partition that had no owner.
    pub(super) const fn new(config: CalleeConfig) -> Self {
        Self {
            config,
            assignments: BTreeMap::new(),
            began: BTreeSet::new(),
        }
    }

    /// Returns whether a request was begun by any owner.
    pub(super) fn has_begun(&self, offset: i64) -> bool {
        self.began.contains(&offset)
    }

    pub(super) fn on_assigned(&mut self, generation: Generation, position: i64) {
        let given = Given {
            acknowledged: position,
            ..Given::default()
        };
        self.assignments.insert(generation, given);
    }

    /// The assignment is over for its owner, or its owner is gone.
    pub(super) fn on_ended(&mut self, generation: Generation, coverage: &mut Coverage) {
        let Some(given) = self.assignments.remove(&generation) else {
            return;
        };
        for request in given.requests.values() {
            let runs = request.step == Step::Runs;
            coverage.note_if(runs, Situation::EndedWhileRunning);
            let waits = matches!(request.step, Step::Waits | Step::Commits);
            coverage.note_if(waits, Situation::EndedWhileWaiting);
        }
    }

    pub(super) fn on_fetched(&mut self, id: RequestId, arrival: Arrival, at: Instant) {
        if let Some(given) = self.assignments.get_mut(&id.generation) {
            let request = Request {
                arrival,
                at,
                before: given.requests.len(),
                is_cancelled: false,
                step: Step::Waits,
            };
            given.requests.insert(id.offset, request);
        }
    }

    /// Returns whether the cancel came late: it found nothing that waits, or something that runs.
    pub(super) fn on_cancel(
        &mut self,
        id: RequestId,
        call: Correlation,
        answer: Option<RequestId>,
        coverage: &mut Coverage,
    ) -> Result<bool, Claim> {
        let Some(given) = self.assignments.get_mut(&id.generation) else {
            return Ok(true);
        };
        let mut running = None;
        let mut is_known = false;
        for (&offset, request) in &mut given.requests {
            if request.arrival.correlation != call {
                continue;
            }
            match request.step {
                Step::Waits | Step::Commits => {
                    is_known |= !request.is_cancelled;
                    let commits = request.step == Step::Commits;
                    coverage.note_if(commits, Situation::CancelledWhileCommitting);
                    request.is_cancelled = true;
                }
                Step::Runs => running = Some(RequestId { offset, ..id }),
                Step::Over => {}
            }
        }
        coverage.note_if(running.is_some(), Situation::CancelledRunning);
        coverage.note_if(running.is_none() && !is_known, Situation::CancelledUnknown);
        check(answer == running, Claim::NotInVain)?;
        Ok(running.is_some() || !is_known)
    }

    pub(super) fn on_committed(&mut self, generation: Generation, position: i64) {
        if let Some(given) = self.assignments.get_mut(&generation) {
            given.acknowledged = given.acknowledged.max(position);
        }
    }

    pub(super) fn on_ran(
        &mut self,
        id: RequestId,
        is_replied: bool,
        answer: Option<RequestId>,
        coverage: &mut Coverage,
    ) -> Result<(), Claim> {
        let max = self.config.settings().old_replies as usize;
        let Some(given) = self.assignments.get_mut(&id.generation) else {
            return check(answer == Some(id), Claim::NothingLeaks);
        };
        let Some(request) = given.requests.get_mut(&id.offset) else {
            return Ok(());
        };
        request.step = Step::Over;
        if let Some(key) = request.arrival.key.filter(|_| is_replied && max > 0) {
            match given.kept.iter_mut().find(|(of, _)| *of == key) {
                Some(known) => {
                    coverage.note(Situation::ReplyReplaced);
                    known.1 = id.offset;
                }
                None => given.kept.push_back((key, id.offset)),
            }
            if given.kept.len() > max {
                coverage.note(Situation::ReplyDropped);
                given.kept.pop_front();
            }
        }
        given.payloads.insert(id.offset);
        if let Some(dropped) = answer {
            given.payloads.remove(&dropped.offset);
        }
        let kept: BTreeSet<i64> = given.kept.iter().map(|(_, of)| *of).collect();
        check(given.payloads == kept, Claim::NothingLeaks)
    }

    /// `is_former` is whether the partition was taken from the owner, and it does not know it.
    pub(super) fn on_begin(
        &mut self,
        id: RequestId,
        now: Instant,
        decision: Decision,
        is_former: bool,
        coverage: &mut Coverage,
    ) -> Result<(), Claim> {
        let settings = self.config.settings();
        let Some(given) = self.assignments.get_mut(&id.generation) else {
            return check(decision == Decision::Stale, Claim::DroppedForAReason);
        };
        let request = given.requests.get(&id.offset).copied();
        let Some(request) = request.filter(|it| it.step != Step::Over) else {
            return check(decision == Decision::Stale, Claim::RunsOnce);
        };
        let facts = Facts {
            settings,
            request,
            now,
            has_begun: self.began.contains(&id.offset),
            is_former,
            is_acknowledged: given.acknowledged > id.offset,
            reply: given.reply_to(&request),
            other_runs: given.other_runs(&request),
        };
        let step = facts.check(id, decision, coverage)?;
        if step == Step::Runs {
            self.began.insert(id.offset);
        }
        if let Some(request) = given.requests.get_mut(&id.offset) {
            request.step = step;
        }
        Ok(())
    }

    /// Checks what a callee says of itself that owns this assignment, or none.
    pub(super) fn check_held(
        &self,
        generation: Option<Generation>,
        callee: &Callee,
    ) -> Result<(), Claim> {
        let given = generation.and_then(|generation| self.assignments.get(&generation));
        let open = given.map_or(0, |given| {
            let all = given.requests.values();
            all.filter(|request| request.step != Step::Over).count()
        });
        check(callee.requests_held() == open, Claim::NothingLeaks)
    }
}

/// Counts decisions again.
pub(super) fn count(counters: &mut CalleeCounters, decision: Decision) {
    match decision {
        Decision::Run { .. } => counters.runs += 1,
        Decision::CommitFirst => {}
        Decision::TooLate { age, .. } => {
            counters.too_late += 1;
            counters.max_age = counters.max_age.max(age);
        }
        Decision::Cancelled => counters.cancelled += 1,
        Decision::Replay(_) | Decision::Running => counters.repeated += 1,
        Decision::Stale => counters.stale += 1,
    }
}

impl Given {
    /// Returns the request whose reply is kept for the key of this one.
    fn reply_to(&self, request: &Request) -> Option<i64> {
        let mut kept = self.kept.iter();
        kept.find(|(key, _)| Some(*key) == request.arrival.key)
            .map(|(_, of)| *of)
    }

    /// Returns whether another attempt of a call that has a key runs.
    fn other_runs(&self, request: &Request) -> bool {
        let call = request.arrival.correlation;
        let mut all = self.requests.values();
        request.arrival.key.is_some()
            && all.any(|it| it.step == Step::Runs && it.arrival.correlation == call)
    }
}

/// What is known when a request is decided.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and all combinations occur"
)]
struct Facts<'a> {
    settings: &'a CalleeSettings,
    request: Request,
    now: Instant,
    has_begun: bool,
    is_former: bool,
    is_acknowledged: bool,
    reply: Option<i64>,
    other_runs: bool,
}

impl Facts<'_> {
    fn age(&self) -> Duration {
        self.request.arrival.age + self.now.saturating_duration_since(self.request.at)
    }

    fn until(&self) -> Duration {
        self.request.arrival.time + self.settings.tolerance
    }

    fn is_too_late(&self) -> bool {
        self.age() >= self.until()
    }

    fn check_refusal(&self, never_began: bool, coverage: &mut Coverage) -> Result<(), Claim> {
        let first = self.settings.max_duplicates as usize;
        let is_sure = self.settings.at_most_once || self.request.before >= first;
        let is_wrong = never_began && self.has_begun;
        // Nobody else runs what was committed first.
        let is_own = self.settings.at_most_once && self.is_acknowledged;
        let is_excused = self.is_former && !is_own;
        coverage.note_if(is_wrong && is_excused, Situation::FormerIsWrong);
        let is_true = never_began == is_sure && (!is_wrong || is_excused);
        check(is_true, Claim::RefusalIsTrue)
    }

    /// Checks a decision, and returns what becomes of the request.
    fn check(
        &self,
        id: RequestId,
        decision: Decision,
        coverage: &mut Coverage,
    ) -> Result<Step, Claim> {
        let request = &self.request;
        let is_wanted = !request.is_cancelled && !self.is_too_late();
        Ok(match decision {
            Decision::Run {
                deadline,
                never_began,
            } => {
                self.check_run(deadline, coverage)?;
                self.check_refusal(never_began, coverage)?;
                coverage.note_if(never_began, Situation::NeverBegan);
                let is_open = !self.has_begun && !never_began;
                coverage.note_if(is_open, Situation::MayHaveBegun);
                Step::Runs
            }
            Decision::CommitFirst => {
                let is_next = self.reply.is_none() && !self.other_runs;
                let is_first = self.settings.at_most_once && request.step == Step::Waits;
                check(is_wanted && is_next && is_first, Claim::CommitsOnce)?;
                Step::Commits
            }
            Decision::TooLate { age, never_began } => {
                let is_true = self.is_too_late() && age == self.age();
                check(is_true, Claim::DroppedForAReason)?;
                self.check_refusal(never_began, coverage)?;
                let in_queue = request.arrival.age < self.until();
                coverage.note_if(in_queue, Situation::TooLateInTheQueue);
                coverage.note_if(!in_queue, Situation::TooLate);
                Step::Over
            }
            Decision::Cancelled => {
                check(request.is_cancelled, Claim::DroppedForAReason)?;
                coverage.note(Situation::Cancelled);
                Step::Over
            }
            Decision::Replay(of) => {
                let offset = self.reply.ok_or(Claim::RepliesAreOwn)?;
                check(of == RequestId { offset, ..id }, Claim::RepliesAreOwn)?;
                coverage.note(Situation::Replayed);
                Step::Over
            }
            Decision::Running => {
                check(self.other_runs, Claim::DroppedForAReason)?;
                coverage.note(Situation::OtherAttemptRuns);
                Step::Over
            }
            Decision::Stale => {
                let is_unanswered = request.step == Step::Commits && !self.is_acknowledged;
                let waits = is_unanswered && !request.is_cancelled;
                let is_known = waits || request.step == Step::Runs;
                check(is_known, Claim::DroppedForAReason)?;
                request.step
            }
        })
    }

    fn check_run(&self, deadline: Instant, coverage: &mut Coverage) -> Result<(), Claim> {
        let at_most_once = self.settings.at_most_once;
        check(self.request.step != Step::Runs, Claim::RunsOnce)?;
        let is_first = self.is_acknowledged && !self.has_begun;
        check(!at_most_once || is_first, Claim::AtMostOnce)?;
        check(!self.request.is_cancelled, Claim::NotInVain)?;
        let left = self.until().checked_sub(self.age());
        let left = left.filter(|left| !left.is_zero());
        let is_in_time = left.is_some_and(|left| deadline == self.now + left);
        check(is_in_time, Claim::NotInVain)?;
        check(self.reply.is_none(), Claim::RepliesAreOwn)?;
        check(!self.other_runs, Claim::AttemptsWait)?;
        coverage.note(Situation::Ran);
        coverage.note_if(self.has_begun, Situation::RanAgain);
        let is_late = self.age() >= self.request.arrival.time;
        coverage.note_if(is_late, Situation::Tolerated);
        coverage.note_if(at_most_once, Situation::CommittedFirst);
        Ok(())
    }
}

const fn check(is_true: bool, claim: Claim) -> Result<(), Claim> {
    if is_true { Ok(()) } else { Err(claim) }
}
