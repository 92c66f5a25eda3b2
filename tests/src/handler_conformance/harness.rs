//! The harness: plays a script to a handler on a real runner, in virtual time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::channel::oneshot;
use livebus_core::Settings;
use livebus_core::dispatch::{self, RecordFailure};
use livebus_recording::Epoch;
use livebus_runner::handlers::{Batch, Failed, Input, Numbered, Record, RequestHandler};
use livebus_runner::{
    Builder, DispatchObserver, Entry, Handle, Observations, Observer, ObserverError, Runtime, Time,
};

use super::clock::Clock;
use super::consumer::{Shared, State, WorkingBus};
use super::reference::{Lines, MemoryRecorder, drive, length};
use super::script::{AT_ONCE, Step, TOPIC, settings};
use crate::WAIT_LIMIT;
use crate::conformance::Executor;

/// Plays a script to a handler on a runner, and compares its recording with that of the core, byte for byte.
///
/// # Errors
///
/// The first line that differs, or what the runner failed to do.
pub fn play<E: Executor<Runner: Runtime>>(executor: &E, script: &[Step]) -> Result<(), String> {
    let expected = drive(script)?;
    let mut harness = Harness {
        shared: Shared::default(),
        clock: Clock::new(),
        lines: Lines::default(),
        handle: None,
        assigned: HashMap::new(),
    };
    let mut before = 0;
    for (step, lines) in script.iter().zip(&expected) {
        harness
            .deliver(executor, step, length(script))
            .and_then(|()| harness.wait_for(before + lines.len()))
            .and_then(|()| harness.compare(before, lines))
            .map_err(|error| format!("{step:?}: {error}"))?;
        before += lines.len();
    }
    let all: Vec<String> = expected.into_iter().flatten().collect();
    harness.handle = None;
    harness.compare(0, &all)
}

struct Harness {
    shared: Shared,
    clock: Clock,
    lines: Lines,
    handle: Option<Handle<WorkingBus>>,
    assigned: HashMap<i32, Numbered>,
}

/// Gives the handler a recorder in memory.
struct HandlerRecorder(Lines);

impl Observer for HandlerRecorder {
    fn begin_handler(
        &mut self,
        _handler: &str,
        _config: &dispatch::Config,
        now: Instant,
    ) -> Result<Option<Box<dyn DispatchObserver>>, ObserverError> {
        Ok(Some(Box::new(MemoryRecorder {
            lines: self.0.clone(),
            epoch: Epoch::new(now),
            name: None,
        })))
    }

    fn observe(&mut self, _at: Instant, _entry: Entry) {}
}

impl Harness {
    fn deliver<E: Executor<Runner: Runtime>>(
        &mut self,
        executor: &E,
        step: &Step,
        length: Duration,
    ) -> Result<(), String> {
        match step {
            Step::Start => return self.start(executor, length),
            Step::Join => self.input(Input::Joined)?,
            Step::Assign(number, start) => {
                let numbers = self.shared.lock().numbers.clone();
                let numbers = numbers.ok_or("no consumer was made")?;
                let assigned = numbers.assign(TOPIC, *number);
                self.assigned.insert(*number, assigned.clone());
                let (start, done) = (*start, Vec::new());
                self.input(Input::Assigned {
                    assigned,
                    start,
                    done,
                })?;
            }
            Step::Fetch(number, records) => {
                let assigned = self.of(*number)?;
                let mut batch = Batch::new(Arc::clone(&assigned.topic), *number);
                for &(offset, waits) in records {
                    let payload = if waits { "" } else { AT_ONCE };
                    let payload = Some(payload.as_bytes());
                    batch.push(offset, Some(offset), None, payload, [].into_iter());
                }
                self.input(Input::Fetched {
                    partition: assigned.partition,
                    generation: assigned.generation,
                    batch,
                })?;
            }
            Step::End(number, offset, end) => {
                let function = self.take(|state| state.waiting.remove(&(*number, *offset)))?;
                // Fails only if the function was cancelled, which the recording shows.
                let _ended = function.send(*end);
            }
            Step::AnswerCommit => {
                let (id, partitions) = self.take(|state| state.commits.pop_front())?;
                let results = partitions.into_iter().map(|partition| (partition, Ok(())));
                let results = results.collect();
                self.input(Input::CommitAnswered { id, results })?;
            }
            Step::AnswerDeadLetter => {
                let id = self.take(|state| state.letters.pop_front())?;
                let result = Ok(());
                self.input(Input::DeadLetterAnswered { id, result })?;
            }
            Step::Revoke(number) => {
                let Numbered {
                    partition,
                    generation,
                    ..
                } = self.of(*number)?;
                self.input(Input::Revoked {
                    partition,
                    generation,
                })?;
            }
            Step::Lose(number) => {
                let Numbered {
                    partition,
                    generation,
                    ..
                } = self.of(*number)?;
                self.input(Input::Lost {
                    partition,
                    generation,
                })?;
            }
            Step::Remove(number, from, to) => {
                let Numbered {
                    partition,
                    generation,
                    ..
                } = self.of(*number)?;
                self.input(Input::Removed {
                    partition,
                    generation,
                    from: *from,
                    to: *to,
                })?;
            }
            Step::Advance(time) => {
                self.clock.advance(*time);
            }
            Step::Shutdown => {
                let handle = self.handle.as_ref().ok_or("it was not started")?;
                handle.begin_shutdown();
            }
        }
        Ok(())
    }

    fn start<E: Executor<Runner: Runtime>>(
        &mut self,
        executor: &E,
        length: Duration,
    ) -> Result<(), String> {
        let shared = self.shared.clone();
        let function = move |record: Record, _| {
            let ended = (record.payload() != Some(AT_ONCE.as_bytes())).then(|| {
                let (end, ended) = oneshot::channel();
                let place = (record.partition(), record.offset());
                shared.lock().waiting.insert(place, end);
                ended
            });
            async move {
                let Some(ended) = ended else { return Ok(()) };
                let end = ended.await.unwrap_or(Ok(()));
                end.map_err(|class| match class {
                    RecordFailure::Permanent => Failed::permanent("on purpose"),
                    RecordFailure::Transient
                    | RecordFailure::TimedOut
                    | RecordFailure::Panicked => Failed::transient("on purpose"),
                })
            }
        };
        let handler = RequestHandler::new("orders")
            .topics([TOPIC])
            .group("billing")
            .dead_letter_topic("orders.dead")
            .settings(settings())
            .run(function);
        let bus = WorkingBus {
            shared: self.shared.clone(),
            observations: Observations::new(),
        };
        // No liveness message after the first, and no stop before the end of the script.
        let supervisor = Settings {
            live_interval: length + Duration::from_hours(1),
            drain: length + Duration::from_hours(1),
            registration_timeout: length + Duration::from_hours(1),
            ..Settings::default()
        };
        let builder = Builder::<E::Runner, _>::new(bus)
            .settings(supervisor)
            .observer(HandlerRecorder(self.lines.clone()))
            .time(Arc::new(self.clock.clone()) as Arc<dyn Time>)
            .request_handler(handler);
        let (sender, started) = channel();
        let start = async move {
            // Fails only if the receiver has stopped waiting.
            let _ = sender.send(builder.start().await);
        };
        executor.spawn(start.boxed());
        let handle = started
            .recv_timeout(WAIT_LIMIT)
            .map_err(|_| "the executor does not run the task that it was to spawn".to_owned())?;
        self.handle = Some(handle.map_err(|error| error.to_string())?);
        Ok(())
    }

    fn of(&self, number: i32) -> Result<Numbered, String> {
        let assigned = self.assigned.get(&number).cloned();
        assigned.ok_or_else(|| "it was never assigned".to_owned())
    }

    fn input(&self, input: Input) -> Result<(), String> {
        let wake = self.take(|state| state.wake.clone())?;
        self.shared.lock().inputs.push(input);
        wake.wake();
        Ok(())
    }

    /// Waits until there is what is to be taken.
    fn take<T>(&self, mut take: impl FnMut(&mut State) -> Option<T>) -> Result<T, String> {
        let deadline = Instant::now() + WAIT_LIMIT;
        loop {
            if let Some(taken) = take(&mut self.shared.lock()) {
                return Ok(taken);
            }
            if Instant::now() > deadline {
                return Err("what the step needs did not come".to_owned());
            }
            thread::yield_now();
        }
    }

    /// Waits until the recording has so many lines.
    fn wait_for(&self, count: usize) -> Result<(), String> {
        let deadline = Instant::now() + WAIT_LIMIT;
        loop {
            let lines = self.lines.0.lock().expect("no thread panics").len();
            if lines >= count {
                return Ok(());
            }
            if Instant::now() > deadline {
                let lines = self.lines.0.lock().expect("no thread panics").clone();
                return Err(format!("{} of {count} lines: {lines:#?}", lines.len()));
            }
            thread::yield_now();
        }
    }

    fn compare(&self, before: usize, expected: &[String]) -> Result<(), String> {
        let lines = self.lines.0.lock().expect("no thread panics");
        let new = &lines[before.min(lines.len())..];
        for (index, line) in expected.iter().enumerate() {
            if new.get(index) != Some(line) {
                let other = new.get(index).map_or("nothing", String::as_str);
                return Err(format!(
                    "line {}\n  expected: {line}  recorded: {other}",
                    before + index + 1
                ));
            }
        }
        match new.get(expected.len()) {
            Some(more) => Err(format!("recorded as well: {more}")),
            None => Ok(()),
        }
    }
}
