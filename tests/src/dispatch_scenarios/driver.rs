//! Drives a dispatcher through a script, without a runner.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use livebus_core::dispatch::{Action, CommitId, Dispatcher, PartitionId};

use super::inputs::{Acknowledged, Input};
use super::results::{Words, counted};
use super::script::{Answer, Occurrence, Script};
use crate::scenario_files::Line;

/// What a dispatcher did in a script.
pub(super) struct Run {
    pub(super) lines: Vec<Line>,
    pub(super) actions: Vec<Action>,
    /// The kinds of the inputs.
    pub(super) inputs: Vec<&'static str>,
}

/// Runs the script from its beginning to its end.
pub(super) fn drive(script: &Script) -> Run {
    let began = Instant::now();
    let mut driver = Driver {
        dispatcher: Dispatcher::new(script.config.clone(), began),
        words: Words { began },
        now: Duration::ZERO,
        blocked_until: Duration::ZERO,
        commits: Answers::new(&script.commits),
        dead_letters: Answers::new(&script.dead_letters),
        in_commit: BTreeMap::new(),
        answers: Vec::new(),
        run: Run {
            lines: Vec::new(),
            actions: Vec::new(),
            inputs: Vec::new(),
        },
    };
    let mut occurrences: VecDeque<_> = script.occurrences.iter().collect();
    while driver.step(&mut occurrences, script.until) {}
    driver.finish(script.until)
}

struct Driver {
    dispatcher: Dispatcher,
    words: Words,
    now: Duration,
    /// No timer fires before.
    blocked_until: Duration,
    commits: Answers,
    dead_letters: Answers,
    /// The partitions of each commit.
    in_commit: BTreeMap<CommitId, Vec<PartitionId>>,
    /// The answers that will come.
    answers: Vec<(Duration, String, Input)>,
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
        let answer = self.answers.iter().map(|(at, ..)| *at).min();
        let timer = self.dispatcher.poll_timeout();
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
        } else if let Some(index) = self.answers.iter().position(|(at, ..)| *at == now) {
            let (_, text, input) = self.answers.remove(index);
            self.input(&text, None, &input);
        } else {
            self.input("timeout", None, &Input::Time);
        }
        true
    }

    fn play(&mut self, occurrence: &Occurrence) {
        match occurrence {
            Occurrence::Input { text, as_of, input } => self.input(text, *as_of, input),
            Occurrence::Blocked(duration) => self.blocked_until = self.now + *duration,
            Occurrence::Read(query) => {
                let text = self.words.query(&self.dispatcher, *query);
                self.line(text);
            }
        }
    }

    fn input(&mut self, text: &str, as_of: Option<Duration>, input: &Input) {
        let at = self.words.began + as_of.unwrap_or(self.now);
        let stale = self.dispatcher.counters().stale;
        let kinds = input.kinds();
        let resolved = self.resolved(input);
        match resolved.as_ref().unwrap_or(input).event() {
            Some(event) => self.dispatcher.handle_event(at, event),
            None => self.dispatcher.handle_timeout(at),
        }
        let is_stale = self.dispatcher.counters().stale > stale;
        self.run.inputs.push(kinds[usize::from(is_stale)]);
        self.line(format!(
            "input: {text}{}",
            if is_stale { " (stale)" } else { "" }
        ));
        while let Some(action) = self.next_action() {
            self.line(format!("  {}", self.words.action(&action)));
            self.answer(&action);
            self.run.actions.push(action);
        }
        let timeout = self.dispatcher.poll_timeout();
        let now = self.words.began + self.now;
        if timeout.is_some_and(|timeout| timeout <= now) {
            self.line(
                "error: once all actions are polled, the deadline is not later than now".to_owned(),
            );
        }
    }

    /// Returns an answer to a commit for all of its positions as one that names them.
    fn resolved(&self, input: &Input) -> Option<Input> {
        let Input::CommitAnswered(id, Acknowledged::All) = input else {
            return None;
        };
        let all = self.in_commit.get(id).cloned().unwrap_or_default();
        Some(Input::CommitAnswered(*id, Acknowledged::Only(all)))
    }

    fn next_action(&mut self) -> Option<Action> {
        let timeout = self.dispatcher.poll_timeout();
        let action = self.dispatcher.poll_action()?;
        let now = self.words.began + self.now;
        if timeout.is_none_or(|timeout| timeout > now) {
            self.line("error: while actions are queued, the deadline is not now".to_owned());
        }
        Some(action)
    }

    /// Prepares the answer to an action.
    fn answer(&mut self, action: &Action) {
        let (answer, text) = match action {
            Action::Commit { id, positions, .. } => {
                let partitions = positions.iter().map(|it| it.partition);
                self.in_commit.insert(*id, partitions.collect());
                let answer = self.commits.next();
                let is_ok = answer.is_some_and(|(_, result)| result.is_ok());
                let how = if is_ok { "acknowledged" } else { "failed" };
                (answer, format!("commit #{} {how}", id.number()))
            }
            Action::WriteDeadLetter { id, .. } => {
                let answer = self.dead_letters.next();
                let failure = answer.and_then(|(_, result)| result.err());
                let how = failure.map_or_else(|| "ok".to_owned(), |it| it.to_string());
                (
                    answer,
                    format!("dead letter #{} answered {how}", id.number()),
                )
            }
            Action::Run(_)
            | Action::Cancel { .. }
            | Action::Forget { .. }
            | Action::SetPace(_)
            | Action::Seek { .. }
            | Action::Release { .. }
            | Action::SetHealth(_)
            | Action::Stopped { .. } => return,
        };
        let Some((takes, _)) = answer else { return };
        let input = super::inputs::input(&text).expect("the text of an answer is an input");
        self.answers.push((self.now + takes, text, input));
    }

    fn line(&mut self, text: String) {
        self.run.lines.push((self.now, text));
    }

    fn finish(mut self, until: Duration) -> Run {
        self.now = until;
        let text = counted(self.dispatcher.counters());
        self.line(text);
        self.run
    }
}

/// The answers of one kind of operation: the last one repeats.
struct Answers {
    left: VecDeque<Answer>,
}

impl Answers {
    fn new(answers: &[Answer]) -> Self {
        Self {
            left: answers.iter().copied().collect(),
        }
    }

    fn next(&mut self) -> Answer {
        match self.left.len() {
            0 | 1 => self.left.front().copied().flatten(),
            _ => self.left.pop_front().flatten(),
        }
    }
}
