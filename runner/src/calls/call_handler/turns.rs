//! When requests run whose positions were committed first: the dispatcher is done with them by then.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use futures::channel::oneshot;

use crate::lock::lock;

/// Keeps the order and the concurrency of requests after their commits. Clones share them.
#[derive(Clone)]
pub(super) struct Turns(Arc<Mutex<State>>);

struct State {
    /// How many may run at once.
    max: usize,
    running: usize,
    /// Those that wait for one that runs to end.
    waiting: VecDeque<oneshot::Sender<Permit>>,
    /// How many were committed and have not ended.
    committed: usize,
    /// Those that wait until fewer are.
    held_back: Vec<oneshot::Sender<()>>,
    /// The newest request of each lane, by its number.
    lanes: HashMap<u64, (u64, oneshot::Receiver<()>)>,
    newest: u64,
}

/// Requests of one lane run one after the other.
pub(super) type Lane = u64;

/// The place of a request in its lane. On drop, the next one may run.
pub(super) struct Turn {
    turns: Turns,
    lane: Option<(Lane, u64)>,
    before: Option<oneshot::Receiver<()>>,
    _over: oneshot::Sender<()>,
}

/// Lets one request run, until it is dropped.
pub(super) struct Permit(Turns);

/// Counts a request that was committed, until it is dropped.
pub(super) struct Committed(Turns);

impl Turns {
    pub(super) fn new(max: u32) -> Self {
        Self(Arc::new(Mutex::new(State {
            max: max as usize,
            running: 0,
            waiting: VecDeque::new(),
            committed: 0,
            held_back: Vec::new(),
            lanes: HashMap::new(),
            newest: 0,
        })))
    }

    /// Waits while as many requests were committed and have not ended as may run at once. Those that were not committed yet do not count: their
    /// commits may wait for this one.
    pub(super) async fn hold_back(&self) {
        loop {
            let room = {
                let mut state = lock(&self.0);
                if state.committed < state.max {
                    return;
                }
                let (sender, room) = oneshot::channel();
                state.held_back.push(sender);
                room
            };
            // Its sender is dropped when there is room.
            let _ = room.await;
        }
    }

    /// Takes the next place in a lane; without one, the request waits for no other.
    pub(super) fn next(&self, lane: Option<Lane>) -> Turn {
        let (over, is_over) = oneshot::channel();
        let mut state = lock(&self.0);
        state.newest += 1;
        let number = state.newest;
        let before = lane.and_then(|lane| state.lanes.insert(lane, (number, is_over)));
        Turn {
            turns: self.clone(),
            lane: lane.map(|lane| (lane, number)),
            before: before.map(|(_, is_over)| is_over),
            _over: over,
        }
    }

    pub(super) fn committed(&self) -> Committed {
        lock(&self.0).committed += 1;
        Committed(self.clone())
    }

    /// Waits until one more may run.
    pub(super) async fn permit(&self) -> Permit {
        let permit = {
            let mut state = lock(&self.0);
            if state.running < state.max {
                state.running += 1;
                return Permit(self.clone());
            }
            let (sender, permit) = oneshot::channel();
            state.waiting.push_back(sender);
            permit
        };
        // Each permit that is dropped goes to the first that waits.
        permit.await.unwrap_or_else(|_| Permit(self.clone()))
    }

    /// Returns how many were committed and have not ended.
    pub(super) fn unfinished(&self) -> usize {
        lock(&self.0).committed
    }
}

impl Turn {
    /// Waits until the request before it in its lane has ended.
    pub(super) async fn comes(&mut self) {
        if let Some(before) = self.before.take() {
            // Its sender is dropped at the end.
            let _ = before.await;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some((lane, number)) = self.lane else {
            return;
        };
        let mut state = lock(&self.turns.0);
        if state
            .lanes
            .get(&lane)
            .is_some_and(|(newest, _)| *newest == number)
        {
            state.lanes.remove(&lane);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let next = lock(&self.0.0).waiting.pop_front();
        match next {
            // What does not wait any more drops it again, and so gives it to the next.
            Some(next) => drop(next.send(Self(self.0.clone()))),
            None => lock(&self.0.0).running -= 1,
        }
    }
}

impl Drop for Committed {
    fn drop(&mut self) {
        let held_back = {
            let mut state = lock(&self.0.0);
            state.committed -= 1;
            std::mem::take(&mut state.held_back)
        };
        drop(held_back);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn as_many_run_at_once_as_may() {
        let turns = Turns::new(2);
        let first = turns.permit().now_or_never().expect("there is room");
        let _second = turns.permit().now_or_never().expect("there is room");
        let mut third = Box::pin(turns.permit());
        let mut fourth = Box::pin(turns.permit());
        assert!(third.as_mut().now_or_never().is_none());
        assert!(fourth.as_mut().now_or_never().is_none());
        drop(third);
        drop(first);
        assert!(
            fourth.now_or_never().is_some(),
            "the third does not wait any more"
        );
        assert!(turns.permit().now_or_never().is_some());
    }

    #[test]
    fn requests_of_a_lane_run_one_after_the_other() {
        let turns = Turns::new(9);
        let mut first = turns.next(Some(7));
        let mut second = turns.next(Some(7));
        let mut other = turns.next(Some(8));
        let mut free = turns.next(None);
        assert!(first.comes().now_or_never().is_some());
        assert!(other.comes().now_or_never().is_some());
        assert!(free.comes().now_or_never().is_some());
        let mut third = turns.next(Some(7));
        let mut comes = Box::pin(second.comes());
        assert!(comes.as_mut().now_or_never().is_none());
        drop(first);
        assert!(comes.now_or_never().is_some());
        assert!(third.comes().now_or_never().is_none());
        drop((second, third, other));
        assert!(lock(&turns.0).lanes.is_empty(), "nothing is left");
    }

    #[test]
    fn new_ones_are_held_back_while_committed_ones_wait() {
        let turns = Turns::new(1);
        assert!(turns.hold_back().now_or_never().is_some());
        let committed = turns.committed();
        let mut held_back = Box::pin(turns.hold_back());
        assert!(held_back.as_mut().now_or_never().is_none());
        assert_eq!(turns.unfinished(), 1);
        drop(committed);
        assert!(held_back.now_or_never().is_some());
    }
}
