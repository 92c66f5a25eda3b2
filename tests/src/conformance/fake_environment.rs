//! What a scripted world and a real runner share: the clock that the stage turns, and a board where everything is noted that
//! the runner does.

use std::cell::Cell;
use std::future::pending;
use std::panic::resume_unwind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use livebus_core::{ClientId, Failure};
use livebus_runner::{Bus, Entry, Observations, Observer, Time, Timer};

use super::environment::Outcome;
use super::trace::Writer;

/// How long anything may take that a runner owes. No test waits so long unless it fails.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// The world as a runner sees it: its bus, its clock and its timer. Clones share it.
#[derive(Clone)]
pub(super) struct FakeEnvironment {
    shared: Arc<Shared>,
}

struct Shared {
    began: Instant,
    observations: Observations,
    board: Mutex<Board>,
    changed: Condvar,
}

/// All that is known of the runner, under one lock.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says one thing that somebody waits for"
)]
pub(super) struct Board {
    pub(super) now: Instant,
    pub(super) entries: Vec<(Instant, Entry)>,
    /// The operations that were called and neither ended nor were dropped.
    calls: Vec<Call>,
    pub(super) discarded: Vec<ClientId>,
    /// The loop waits, and nothing that came before would wake it.
    pub(super) parked: bool,
    /// The loop is gone, and all that it held.
    pub(super) ended: bool,
    /// The first thing that is noted waits until this is taken away: nobody must miss it.
    pub(super) curtain: bool,
    /// Who waits in the timer keeps its thread until this is taken away.
    pub(super) hold: bool,
    pub(super) held: bool,
    /// Whoever waits by [`FakeEnvironment::waker`] is to look again.
    pub(super) woken: bool,
    sleeper: Option<Waker>,
    called: u64,
}

impl Board {
    /// The names of the operations under way, in their order.
    pub(super) fn under_way(&self) -> Vec<String> {
        let mut names: Vec<String> = self.calls.iter().map(|call| call.name.clone()).collect();
        names.sort();
        names
    }
}

/// An operation under way.
struct Call {
    number: u64,
    name: String,
    end: oneshot::Sender<End>,
}

/// How the stage ends an operation; with an instant of its own when the loop is to learn it later.
struct End {
    outcome: Outcome,
    at: Option<Instant>,
}

thread_local! {
    /// What the clock says to an operation that just ended, if it is not what it says to the loop.
    static ENDED_AT: Cell<Option<Instant>> = const { Cell::new(None) };
}

impl FakeEnvironment {
    pub(super) fn new() -> Self {
        let observations = Observations::new();
        // Not before the observations' own beginning: they know of nothing that was earlier.
        let began = Instant::now();
        Self {
            shared: Arc::new(Shared {
                began,
                observations,
                board: Mutex::new(Board {
                    now: began,
                    entries: Vec::new(),
                    calls: Vec::new(),
                    discarded: Vec::new(),
                    parked: false,
                    ended: true,
                    curtain: false,
                    hold: false,
                    held: false,
                    woken: false,
                    sleeper: None,
                    called: 0,
                }),
                changed: Condvar::new(),
            }),
        }
    }

    pub(super) fn writer(&self) -> Writer {
        let began = self.shared.began;
        Writer { began }
    }

    pub(super) fn board(&self) -> MutexGuard<'_, Board> {
        self.shared
            .board
            .lock()
            .expect("nobody panics over the board")
    }

    /// Changes something on the board and tells everyone who waits.
    pub(super) fn change(&self, change: impl FnOnce(&mut Board)) {
        change(&mut self.board());
        self.shared.changed.notify_all();
    }

    /// Waits until the board is so; false when patience ended before.
    pub(super) fn wait(&self, mut so: impl FnMut(&Board) -> bool) -> bool {
        let waited = self
            .shared
            .changed
            .wait_timeout_while(self.board(), PATIENCE, |board| !so(board));
        let (_board, timeout) = waited.expect("nobody panics over the board");
        !timeout.timed_out()
    }

    pub(super) fn waker(&self) -> Waker {
        Arc::clone(&self.shared).into()
    }

    /// Wakes the loop at its timer, due or not.
    pub(super) fn wake_sleeper(&self) {
        let sleeper = self.board().sleeper.take();
        if let Some(waker) = sleeper {
            waker.wake();
        }
    }

    /// Ends an operation; false when it is not under way.
    pub(super) fn end(&self, name: &str, outcome: Outcome, at: Option<Instant>) -> bool {
        let mut board = self.board();
        let Some(index) = board.calls.iter().position(|call| call.name == name) else {
            return false;
        };
        let call = board.calls.swap_remove(index);
        drop(board);
        call.end.send(End { outcome, at }).is_ok()
    }

    /// An operation that the stage ends, or that is dropped.
    pub(super) async fn operation(&self, name: String) -> Result<(), Failure> {
        let (ended, _until_then) = self.call(name);
        let Ok(End { outcome, at }) = ended.await else {
            return pending().await;
        };
        // The runner's very next look at the clock, in this poll, stamps the answer.
        ENDED_AT.set(at);
        match outcome {
            Outcome::Returns(result) => result,
            // Without the panic hook, which would write to the standard error.
            Outcome::Panics => resume_unwind(Box::new("as the script asked")),
        }
    }

    fn call(&self, name: String) -> (oneshot::Receiver<End>, UnderWay<'_>) {
        let (end, ended) = oneshot::channel();
        let mut number = 0;
        self.change(|board| {
            board.called += 1;
            number = board.called;
            board.calls.push(Call { number, name, end });
        });
        let fake = self;
        (ended, UnderWay { fake, number })
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        let board = self.board.lock();
        board.expect("nobody panics over the board").woken = true;
        self.changed.notify_all();
    }
}

/// Takes the operation off the board, however it ends.
struct UnderWay<'a> {
    fake: &'a FakeEnvironment,
    number: u64,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.fake
            .change(|board| board.calls.retain(|call| call.number != self.number));
    }
}

impl Bus for FakeEnvironment {
    async fn start(&self, client: ClientId, deadline: Instant) -> Result<(), Failure> {
        let (client, deadline) = (client.number(), self.writer().at(deadline));
        self.operation(format!("start #{client} by {deadline}"))
            .await
    }

    async fn send_liveness(&self, deadline: Instant) -> Result<(), Failure> {
        let deadline = self.writer().at(deadline);
        self.operation(format!("liveness by {deadline}")).await
    }

    fn discard_client(&self, client: ClientId) {
        self.board().discarded.push(client);
    }

    async fn stop(&self, deadline: Instant) -> Result<(), Failure> {
        let deadline = self.writer().at(deadline);
        self.operation(format!("stop by {deadline}")).await
    }

    fn observations(&self) -> &Observations {
        &self.shared.observations
    }
}

impl Time for FakeEnvironment {
    fn now(&self) -> Instant {
        ENDED_AT.take().unwrap_or_else(|| self.board().now)
    }

    fn timer(&self) -> Box<dyn Timer> {
        Box::new(LoopTimer {
            fake: self.clone(),
            deadline: None,
            polls: 0,
        })
    }
}

/// The timer of the loop.
///
/// When it is polled once after it was set, its loop may still find something else that is ready. So it wakes its loop again: when it is
/// polled a second time, all that the loop waits for was not ready, and nothing was given to it since.
struct LoopTimer {
    fake: FakeEnvironment,
    deadline: Option<Instant>,
    polls: u32,
}

impl Timer for LoopTimer {
    fn set(&mut self, deadline: Option<Instant>) {
        self.fake.board().parked = false;
        (self.deadline, self.polls) = (deadline, 0);
    }

    fn poll_elapsed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let fake = self.fake.clone();
        if fake.board().hold {
            fake.change(|board| board.held = true);
            fake.wait(|board| !board.hold);
        }
        let mut board = fake.board();
        if self.deadline.is_some_and(|deadline| deadline <= board.now) {
            return Poll::Ready(());
        }
        board.sleeper = Some(context.waker().clone());
        board.parked = self.polls > 0;
        drop(board);
        if self.polls == 0 {
            context.waker().wake_by_ref();
        } else {
            fake.shared.changed.notify_all();
        }
        self.polls = self.polls.saturating_add(1);
        Poll::Pending
    }
}

/// Notes what goes into a supervisor and comes out, and when it is gone.
pub(super) struct Recorder(pub(super) FakeEnvironment);

impl Observer for Recorder {
    fn observe(&mut self, at: Instant, entry: Entry) {
        if self.0.board().curtain {
            self.0.wait(|board| !board.curtain);
        }
        self.0.change(|board| {
            board.entries.push((at, entry));
            board.parked = false;
        });
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.0.change(|board| {
            board.ended = true;
            board.parked = false;
        });
    }
}
