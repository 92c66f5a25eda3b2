//! The functions that wait.

use std::sync::Mutex;
use std::task::{Context, Waker};

use futures::future::BoxFuture;

use crate::lock::lock;
use crate::runtime::Spawn;

/// The tasks that wait. They are polled again and again: nobody needs to wake them.
#[derive(Default)]
pub(super) struct Tasks(Mutex<Vec<BoxFuture<'static, ()>>>);

impl Tasks {
    pub(super) fn count(&self) -> usize {
        lock(&self.0).len()
    }

    /// Polls each. Returns whether one ended.
    pub(super) fn poll(&self) -> bool {
        let mut tasks = std::mem::take(&mut *lock(&self.0));
        let before = tasks.len();
        let mut context = Context::from_waker(Waker::noop());
        tasks.retain_mut(|task| task.as_mut().poll(&mut context).is_pending());
        let has_run = tasks.len() < before;
        lock(&self.0).append(&mut tasks);
        has_run
    }
}

impl Spawn for Tasks {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        lock(&self.0).push(task);
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }
}
