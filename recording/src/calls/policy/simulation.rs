//! Another `Calls`, driven through the inputs of a recording.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use livebus_core::calls::{
    Action, CallId, Calls, Config, Correlation, Event, Identity, Outcome, Reply, Request, Sent,
};

use crate::calls::policy::change::Change;
use crate::calls::policy::facts::Facts;
use crate::calls::policy::report::Report;

/// Returns what would have become of the calls.
pub(super) fn simulate(
    facts: &Facts,
    identity: Identity,
    config: Config,
    change: &Change,
) -> Report {
    let calls = Calls::new(config, identity, facts.began);
    let inputs = facts.inputs.iter();
    let ended = facts.report.without_reply.iter();
    let mut simulation = Simulation {
        facts,
        identity,
        change: *change,
        calls,
        due: inputs
            .map(|&(at, number, event)| ((at, number, 0), event))
            .collect(),
        count: 0,
        assumed_reply_time: facts.median_reply_time(),
        report: Report::default(),
        unanswered: BTreeSet::new(),
        ended: ended.map(|ended| (ended.call, ended.at)).collect(),
    };
    simulation.run();
    simulation.report
}

/// When an input comes, the number of its line, and a number of its own.
type Key = (Instant, u64, u64);

struct Simulation<'a> {
    facts: &'a Facts,
    identity: Identity,
    change: Change,
    calls: Calls,
    due: BTreeMap<Key, Event>,
    count: u64,
    assumed_reply_time: Option<Duration>,
    report: Report,
    /// Calls of which the recording has a send and no reply.
    unanswered: BTreeSet<CallId>,
    /// When the calls without a reply ended in the recording.
    ended: BTreeMap<CallId, Instant>,
}

impl Simulation<'_> {
    fn run(&mut self) {
        let end = self.facts.newest;
        loop {
            let input = self.due.first_key_value().map(|(key, _)| *key);
            let timer = self.calls.poll_timeout();
            match (input, timer) {
                // An input lets what is due at its instant pass before.
                (Some(key), timer) if key.0 <= end && timer.is_none_or(|timer| key.0 <= timer) => {
                    if let Some(event) = self.due.remove(&key) {
                        self.give(key.0, event);
                    }
                }
                (_, Some(timer)) if timer <= end => {
                    self.calls.handle_timeout(timer);
                    self.follow(timer);
                }
                (Some(_) | None, Some(_) | None) => break,
            }
        }
    }

    fn give(&mut self, now: Instant, event: Event) {
        let event = if let Event::Called { call, request } = event {
            self.report.on_called(call, now);
            let deadline = self.change.deadline(now, request.deadline);
            let request = Request {
                deadline,
                ..request
            };
            Event::Called { call, request }
        } else {
            event
        };
        self.calls.handle_event(now, event);
        self.follow(now);
    }

    /// Takes what came out, and lets the environment answer.
    fn follow(&mut self, now: Instant) {
        while let Some(action) = self.calls.poll_action() {
            match action {
                Action::Send {
                    correlation,
                    attempt,
                    ..
                } => self.on_send(now, correlation, attempt),
                Action::AssignReplies { id, .. } => {
                    let known = self.facts.assignments.get(&id);
                    if let Some((after, number, result)) = known.and_then(|it| it.answered) {
                        self.schedule(now, after, number, Event::RepliesAssigned { id, result });
                    }
                }
                Action::End { call, outcome } => {
                    if outcome == Outcome::Expired && self.unanswered.contains(&call) {
                        self.note_missing_reply(call, now);
                    }
                    self.report.on_end(call, now, outcome);
                }
                Action::SendCancel { .. } | Action::SetHealth(_) | Action::Stopped => {}
            }
        }
        self.report.take(&self.calls);
    }

    fn on_send(&mut self, now: Instant, to: Correlation, attempt: u32) {
        let call = to.call;
        let attempts = self.facts.calls.get(&call).map(|facts| &facts.attempts);
        let Some(attempts) = attempts else {
            self.report.unknown.calls.insert(call);
            self.acknowledge(now, call, attempt);
            if let Some(after) = self.assumed_reply_time {
                let reply = Reply::Done;
                self.schedule(now, after, u64::MAX, Event::ReplyFetched { to, reply });
            }
            return;
        };
        if attempts.iter().all(|attempt| attempt.replies.is_empty()) {
            self.unanswered.insert(call);
        }
        let index = usize::try_from(attempt)
            .ok()
            .and_then(|it| it.checked_sub(1));
        let Some(known) = index.and_then(|index| attempts.get(index)) else {
            self.report.unknown.attempts.insert(call);
            self.acknowledge(now, call, attempt);
            return;
        };
        if let Some((after, number, result)) = known.answered {
            let answered = Event::SendAnswered {
                call,
                attempt,
                result,
            };
            self.schedule(now, after, number, answered);
        }
        for &(after, number, reply) in &known.replies {
            let from = self.identity;
            let to = Correlation { from, call };
            self.schedule(now, after, number, Event::ReplyFetched { to, reply });
        }
    }

    fn acknowledge(&mut self, now: Instant, call: CallId, attempt: u32) {
        let answered = Event::SendAnswered {
            call,
            attempt,
            result: Sent::Acknowledged,
        };
        self.schedule(now, Duration::ZERO, u64::MAX, answered);
    }

    /// It had more time than in the recording, and nobody knows whether a reply would have come.
    fn note_missing_reply(&mut self, call: CallId, now: Instant) {
        if self.ended.get(&call).is_some_and(|ended| *ended < now) {
            self.report.unknown.replies.insert(call);
        }
    }

    fn schedule(&mut self, now: Instant, after: Duration, number: u64, event: Event) {
        if let Some(at) = now.checked_add(after) {
            self.count += 1;
            self.due.insert((at, number, self.count), event);
        }
    }
}
