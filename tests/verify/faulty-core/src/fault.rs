//! The switch: at most one fault is on at a time, per thread.

use std::cell::Cell;

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The name of its file.
    pub name: &'static str,
    /// What is wrong, as a sentence.
    pub sentence: &'static str,
    /// The project that had this fault, or the rule that it breaks.
    pub source: &'static str,
    number: usize,
}

/// Every fault, in the order of their names.
pub const FAULTS: &[Fault] = include!(concat!(env!("OUT_DIR"), "/faults.rs"));

thread_local! {
    static ON: Cell<usize> = const { Cell::new(NONE) };
}

/// The number that means no fault. The numbers of faults begin at 1.
const NONE: usize = 0;

/// Returns whether this fault is on.
pub(crate) fn is(number: usize) -> bool {
    ON.get() == number
}

/// Runs `work` with this fault on, or with none.
pub fn with<T>(fault: Option<&Fault>, work: impl FnOnce() -> T) -> T {
    struct Restore(usize);
    impl Drop for Restore {
        fn drop(&mut self) {
            ON.set(self.0);
        }
    }
    let _restore = Restore(ON.replace(fault.map_or(NONE, |it| it.number)));
    work()
}
