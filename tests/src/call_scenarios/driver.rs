//! Drives `Calls` through a script, without a runner.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use livebus_core::calls::{Action, Calls};

use super::inputs::{IDENTITY, Input, input};
use super::results::{Words, counted};
use super::script::{Answer, Occurrence, Script};
use crate::scenario_files::Line;

/// What `Calls` did in a script.
pub(super) struct Run {
    pub(super) lines: Vec<Line>,
    pub(super) actions: Vec<Action>,
    /// The kinds of the inputs.
    pub(super) inputs: Vec<String>,
}

/// Runs the script from its beginning to its end.
pub(super) fn drive(script: &Script) -> Run {
    let began = Instant::now();
    let mut driver = Driver {
        calls: Calls::new(script.config.clone(), IDENTITY, began),
        words: Words { began },
        now: Duration::ZERO,
        blocked_until: Duration::ZERO,
        assignments: script.assignments.iter().copied().collect(),
        sends: script.sends.iter().copied().collect(),
        answers: Vec::new(),
        run: Run {
            lines: Vec::new(),
            actions: Vec::new(),
            inputs: Vec::new(),
        },
    };
    let mut occurrences: VecDeque<_> = script.occurrences.iter().collect();
    while driver.step(&mut occurrences, script.until) {}
    driver.now = script.until;
    let text = counted(driver.calls.counters());
    driver.line(text);
    driver.run
}

struct Driver {
    calls: Calls,
    words: Words,
    now: Duration,
    /// No timer fires before.
    blocked_until: Duration,
    assignments: VecDeque<Answer>,
    sends: VecDeque<Answer>,
    /// The answers that will come.
    answers: Vec<(Duration, String)>,
    run: Run,
}

impl Driver {
    /// Does what comes next; returns false at the end.
    fn step(
        &mut self,
        occurrences: &mut VecDeque<&(Duration, Occurrence)>,
        until: Duration,
    ) -> bool {
        let occurrence = occurrences.front().map(|(at, _)| *at);
        let answer = self.answers.iter().map(|(at, _)| *at).min();
        let timer = self.calls.poll_timeout();
        let timer = timer.map(|at| (at - self.words.began).max(self.blocked_until));
        let instants = [occurrence, answer, timer];
        let Some(now) = instants.into_iter().flatten().min() else {
            return false;
        };
        if now > until {
            return false;
        }
        self.now = now;
        if occurrence == Some(now) {
            if let Some((_, occurrence)) = occurrences.pop_front() {
                self.play(occurrence);
            }
        } else if let Some(index) = self.answers.iter().position(|(at, _)| *at == now) {
            let (_, text) = self.answers.remove(index);
            let answer = input(&text).expect("the text of an answer is an input");
            self.input(&text, None, answer);
        } else {
            self.input("timeout", None, Input::Time);
        }
        true
    }

    fn play(&mut self, occurrence: &Occurrence) {
        match occurrence {
            Occurrence::Input { text, as_of, input } => self.input(text, *as_of, *input),
            Occurrence::Blocked(duration) => self.blocked_until = self.now + *duration,
            Occurrence::Read(query) => {
                let text = self.words.query(&self.calls, *query);
                self.line(text);
            }
        }
    }

    fn input(&mut self, text: &str, as_of: Option<Duration>, input: Input) {
        let at = self.words.began + as_of.unwrap_or(self.now);
        let stale = self.calls.counters().stale;
        match input.event(self.words.began) {
            Some(event) => self.calls.handle_event(at, event),
            None => self.calls.handle_timeout(at),
        }
        let is_stale = self.calls.counters().stale > stale;
        let (before, after) = if is_stale {
            ("stale ", " (stale)")
        } else {
            ("", "")
        };
        self.run.inputs.push(format!("{before}{}", input.kind()));
        self.line(format!("input: {text}{after}"));
        while let Some(action) = self.next_action() {
            self.line(format!("  {}", self.words.action(&action)));
            self.answer(&action);
            self.run.actions.push(action);
        }
        let timeout = self.calls.poll_timeout();
        let now = self.words.began + self.now;
        if timeout.is_some_and(|timeout| timeout <= now) {
            self.line(
                "error: once all actions are polled, the deadline is not later than now".to_owned(),
            );
        }
    }

    fn next_action(&mut self) -> Option<Action> {
        let timeout = self.calls.poll_timeout();
        let action = self.calls.poll_action()?;
        let now = self.words.began + self.now;
        if timeout.is_none_or(|timeout| timeout > now) {
            self.line("error: while actions are queued, the deadline is not now".to_owned());
        }
        Some(action)
    }

    /// Prepares the answer to an action.
    fn answer(&mut self, action: &Action) {
        let (answer, text) = match action {
            Action::AssignReplies { id, .. } => {
                let answer = next(&mut self.assignments);
                let failure = answer.and_then(|(_, result)| result.err());
                let how = failure.map_or_else(|| "ok".to_owned(), |it| format!("failed {it}"));
                (answer, format!("assignment #{} {how}", id.number()))
            }
            Action::Send {
                correlation,
                attempt,
                ..
            } => {
                let answer = next(&mut self.sends);
                let failure = answer.and_then(|(_, result)| result.err());
                let how = failure.map_or_else(
                    || "acknowledged".to_owned(),
                    |failure| format!("not sent {failure}"),
                );
                (
                    answer,
                    format!("send #{}/{attempt} {how}", correlation.call.0),
                )
            }
            Action::SendCancel { .. }
            | Action::End { .. }
            | Action::SetHealth(_)
            | Action::Stopped => return,
        };
        if let Some((takes, _)) = answer {
            self.answers.push((self.now + takes, text));
        }
    }

    fn line(&mut self, text: String) {
        self.run.lines.push((self.now, text));
    }
}

/// Returns the next answer of one kind of operation: the last one repeats.
fn next(answers: &mut VecDeque<Answer>) -> Answer {
    match answers.len() {
        0 | 1 => answers.front().copied().flatten(),
        _ => answers.pop_front().flatten(),
    }
}
