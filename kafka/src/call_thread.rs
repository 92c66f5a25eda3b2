//! Threads for calls that wait for a broker, and what they answer to the loop that gave them.

use std::sync::{Arc, Mutex};
use std::thread;

use livebus_runner::handlers::Wake;

use crate::lock::lock;

/// The answers that the loop has not taken yet. Clones share them.
#[derive(Debug)]
pub(crate) struct Answers<A> {
    queue: Arc<Mutex<Vec<A>>>,
    wake: Wake,
}

impl<A> Clone for Answers<A> {
    fn clone(&self) -> Self {
        Self {
            queue: Arc::clone(&self.queue),
            wake: self.wake.clone(),
        }
    }
}

impl<A> Answers<A> {
    pub(crate) fn new(wake: Wake) -> Self {
        Self {
            queue: Arc::default(),
            wake,
        }
    }

    pub(crate) fn send(&self, answer: A) {
        lock(&self.queue).push(answer);
        self.wake.wake();
    }

    /// Lets the loop look again.
    pub(crate) fn wake(&self) {
        self.wake.wake();
    }

    pub(crate) fn take(&self) -> Vec<A> {
        std::mem::take(&mut *lock(&self.queue))
    }
}

/// A thread for calls that wait for a broker, one after the other. It ends after the one in progress when this is dropped.
#[derive(Debug)]
pub(crate) struct CallThread<J> {
    jobs: std::sync::mpsc::Sender<J>,
    thread: thread::JoinHandle<()>,
}

impl<J: Send + 'static> CallThread<J> {
    pub(crate) fn start<A: Send + 'static>(
        name: &str,
        answers: Answers<A>,
        mut work: impl FnMut(J) -> A + Send + 'static,
    ) -> std::io::Result<Self> {
        let (jobs, queue) = std::sync::mpsc::channel();
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                for job in queue {
                    answers.send(work(job));
                }
            })?;
        Ok(Self { jobs, thread })
    }

    pub(crate) fn send(&self, job: J) {
        // It ends only after the sender is dropped, or by a panic: then no answer comes, and the loop has a deadline for each.
        let _ = self.jobs.send(job);
    }

    /// Waits until the call in progress is over.
    pub(crate) fn join(self) {
        drop(self.jobs);
        let _ = self.thread.join();
    }
}
