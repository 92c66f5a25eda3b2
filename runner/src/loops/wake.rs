//! Wakes a loop that has a thread of its own.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

/// Wakes the loop of a handler or a caller, from any thread. Costs nothing while the loop is awake.
#[derive(Clone)]
pub struct Wake(Arc<dyn Fn() + Send + Sync>);

impl Wake {
    /// Returns what calls `wake`.
    #[must_use]
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(wake))
    }

    /// Lets the loop look at everything again, soon.
    pub fn wake(&self) {
        (self.0)();
    }

    /// Returns what wakes a thread, once it is known. Before that, the thread has not looked at anything.
    pub(crate) fn of_thread(thread: &Arc<OnceLock<Thread>>) -> Self {
        let thread = Arc::clone(thread);
        Self::new(move || {
            if let Some(thread) = thread.get() {
                thread.unpark();
            }
        })
    }
}

impl fmt::Debug for Wake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wake").finish_non_exhaustive()
    }
}
