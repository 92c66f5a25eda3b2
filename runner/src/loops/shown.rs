//! Numbers that a part shows of itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::lock::lock;

/// The minimum time between two updates of what a loop shows.
pub(crate) const SHOW_INTERVAL: Duration = Duration::from_millis(100);

/// Reads the numbers where they are.
pub(crate) type Read<T> = Arc<dyn Fn() -> T + Send + Sync>;

/// Numbers that are read where they are while the part runs, and kept after its end.
pub(crate) struct Shown<T>(Mutex<Numbers<T>>);

enum Numbers<T> {
    Nothing,
    Live(Read<T>),
    Kept(T),
}

impl<T: Clone> Shown<T> {
    /// Shows these from now on.
    pub(crate) fn show(&self, read: Read<T>) {
        *lock(&self.0) = Numbers::Live(read);
    }

    /// Keeps the newest numbers, and lets go what they are read from.
    pub(crate) fn keep(&self) {
        if let Some(newest) = self.newest() {
            *lock(&self.0) = Numbers::Kept(newest);
        }
    }

    /// Returns the newest numbers; `None` for a part that has none.
    pub(crate) fn newest(&self) -> Option<T> {
        let read = match &*lock(&self.0) {
            Numbers::Nothing => return None,
            Numbers::Live(read) => Arc::clone(read),
            Numbers::Kept(newest) => return Some(newest.clone()),
        };
        Some(read())
    }
}

impl<T> Default for Shown<T> {
    fn default() -> Self {
        Self(Mutex::new(Numbers::Nothing))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn numbers_are_live_until_they_are_kept() {
        let shown = Shown::default();
        shown.keep();
        assert_eq!(shown.newest(), None);
        let count = Arc::new(AtomicU32::new(1));
        let counted = Arc::clone(&count);
        shown.show(Arc::new(move || counted.load(Ordering::Relaxed)));
        assert_eq!(shown.newest(), Some(1));
        count.store(2, Ordering::Relaxed);
        assert_eq!(shown.newest(), Some(2));
        shown.keep();
        count.store(3, Ordering::Relaxed);
        assert_eq!(shown.newest(), Some(2));
        assert_eq!(Arc::strong_count(&count), 1, "what was read is let go");
    }
}
