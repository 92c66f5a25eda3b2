//! Searches on all cores.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::thread;

/// Searches for each of `all`, on one thread per core, and returns the results in their order. The result of a search does not depend
/// on its thread.
pub(crate) fn search_each<T: Send, R: Send>(
    all: impl IntoIterator<Item = T>,
    search: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let rest: Mutex<VecDeque<_>> = Mutex::new(all.into_iter().enumerate().collect());
    let rows = Mutex::new(Vec::new());
    let work = || {
        loop {
            let next = rest.lock().expect("no search panics").pop_front();
            let Some((index, item)) = next else { return };
            let row = search(item);
            rows.lock().expect("no search panics").push((index, row));
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let mut rows = rows.into_inner().expect("no search panics");
    rows.sort_by_key(|(index, _)| *index);
    rows.into_iter().map(|(_, row)| row).collect()
}
