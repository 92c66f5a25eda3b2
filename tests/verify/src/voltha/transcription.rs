//! VOLTHA's loop, transcribed with its faults: a state machine in virtual time that shares no code with the core.
//!
//! Three parts are one state machine here, because a bus observes them together:
//! - the *start*: Preparing, Prepared, then start after start, a fixed delay apart, until one succeeds;
//! - the *client*, as far as it concerns liveness: whether it considers itself alive, which results it posts to its channel, and
//!   which errors it considers a loss;
//! - the *monitor*: reads the channel, sets the status, and sends a liveness message when its timer fires.
//!
//! The text that was given is partial. Where it leaves something open, this was decided, for these reasons:
//! - A failed start ends with its delay and the next start; a successful one leaves the loop. (Closing braces and `continue` are
//!   missing in the text; its comments say so.)
//! - The intervals are the defaults of the program's configuration: 2 s between starts, 60 s live, 5 s not live.
//! - The client begins alive, and enabling the channel posts that at once; the channel has a capacity of ten. An unchanged state
//!   is posted again only when more than half a live interval has passed since the last post, or nothing was posted yet; the
//!   first post does not count as one. (From the client library and from how the core sets it up.)
//! - A sender that finds the channel full waits forever; its state is not recorded before it is posted.
//! - Seven texts are a loss of liveness, two of them as the end of a longer text; every other error changes nothing.
//! - Neither a start nor a liveness message has a deadline.
//! - The result of any liveness message counts, whichever call receives it: that makes no difference to the channel.
//! - When the context ends while the monitor could also read its channel, Go picks at random; here the monitor ends. A timer
//!   and a result at the same instant are random too; the environments have no such instants.
//! - A start in flight does not notice the end of the context; it is noticed after the start.
//! - The loop never sets Stopped or Failed.
//!
//! Not transcribed: the registration of handlers (when it fails it ends the process, and the preset has no handlers), and the
//! stop of the client after the monitor's end (nothing that is compared follows from it).

use std::collections::VecDeque;
use std::time::Duration;

/// An instant: the time since the environment began.
pub type At = Duration;

/// The error of an operation: its text.
pub type Text = &'static str;

pub(super) const RETRY: Duration = Duration::from_secs(2);
pub(super) const LIVE: Duration = Duration::from_mins(1);
pub(super) const NOT_LIVE: Duration = Duration::from_secs(5);
const POST_INTERVAL: Duration = Duration::from_secs(30);
const CHANNEL_CAPACITY: usize = 10;

/// The status of the service "message-bus".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the seven names are self-explanatory")]
pub enum ServiceStatus {
    Unknown,
    Preparing,
    Prepared,
    Running,
    Stopped,
    Failed,
    NotReady,
}

/// An input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The start in flight returned.
    StartReturned(Result<(), Text>),
    /// A liveness message returned.
    LivenessReturned(Result<(), Text>),
    /// A message of the service itself was sent or received, or failed.
    Traffic(Result<(), Text>),
    /// The context ended.
    ContextDone,
}

/// An output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Starts the client.
    Start,
    /// Sends a liveness message.
    SendLiveness,
    /// Sets another status.
    Status(ServiceStatus),
}

/// The state machine: the start, the client and the monitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcription {
    pub(super) status: ServiceStatus,
    pub(super) state: LoopState,
    pub(super) client: Client,
    cancelled: bool,
    pub(super) outputs: Vec<Output>,
}

/// The state of the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoopState {
    Starting,
    Delaying { until: At },
    Monitoring { timeout: Duration, timer: At },
    Exited,
}

/// The client library, as far as it concerns liveness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) alive: bool,
    pub(super) last_post: Option<At>,
    channel: Option<VecDeque<bool>>,
    blocked: VecDeque<bool>,
}

impl Transcription {
    /// Returns a loop that was Preparing, is Prepared, and has sent its first start.
    #[must_use]
    pub fn new() -> Self {
        let mut created = Self {
            status: ServiceStatus::Unknown,
            state: LoopState::Starting,
            client: Client {
                alive: true,
                last_post: None,
                channel: None,
                blocked: VecDeque::new(),
            },
            cancelled: false,
            outputs: Vec::new(),
        };
        created.set_status(ServiceStatus::Preparing);
        created.set_status(ServiceStatus::Prepared);
        created.outputs.push(Output::Start);
        created
    }

    /// Handles an input at `now`.
    pub fn handle(&mut self, now: At, input: Input) {
        match input {
            Input::StartReturned(result) => self.start_returned(now, result),
            Input::LivenessReturned(result) | Input::Traffic(result) => {
                if let Some(alive) = liveness_of(result) {
                    self.client.update_liveness(now, alive);
                }
            }
            Input::ContextDone => {
                self.cancelled = true;
                if self.state != LoopState::Starting {
                    self.state = LoopState::Exited;
                }
            }
        }
        self.read_channel(now);
    }

    /// Advances the time to `now`.
    pub fn advance_to(&mut self, now: At) {
        match self.state {
            LoopState::Delaying { until } if until <= now => {
                self.state = LoopState::Starting;
                self.outputs.push(Output::Start);
            }
            LoopState::Monitoring { timeout, timer } if timer <= now => {
                self.outputs.push(Output::SendLiveness);
                self.state = LoopState::Monitoring {
                    timeout,
                    timer: now + timeout,
                };
            }
            LoopState::Delaying { .. }
            | LoopState::Monitoring { .. }
            | LoopState::Starting
            | LoopState::Exited => {}
        }
    }

    /// Returns the instant of the next timer.
    #[must_use]
    pub fn due(&self) -> Option<At> {
        match self.state {
            LoopState::Delaying { until } => Some(until),
            LoopState::Monitoring { timer, .. } => Some(timer),
            LoopState::Starting | LoopState::Exited => None,
        }
    }

    /// Returns the outputs since the last call.
    pub fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> ServiceStatus {
        self.status
    }

    /// Returns the number of senders that wait because the channel is full.
    #[must_use]
    pub fn blocked_senders(&self) -> usize {
        self.client.blocked.len()
    }

    /// Returns whether both have the same status and will do the same without input.
    pub(super) fn does_the_same_as(&self, other: &Self) -> bool {
        (self.status, self.state, self.client.alive)
            == (other.status, other.state, other.client.alive)
    }

    fn start_returned(&mut self, now: At, result: Result<(), Text>) {
        if self.state != LoopState::Starting {
            return;
        }
        if result.is_ok() {
            self.client.enable_channel();
            self.monitor(now, LIVE);
        } else {
            self.set_status(ServiceStatus::NotReady);
            self.state = LoopState::Delaying { until: now + RETRY };
        }
        if self.cancelled {
            self.state = LoopState::Exited;
        }
    }

    pub(super) fn monitor(&mut self, now: At, timeout: Duration) {
        self.state = LoopState::Monitoring {
            timeout,
            timer: now + timeout,
        };
    }

    fn read_channel(&mut self, now: At) {
        while let LoopState::Monitoring { .. } = self.state
            && let Some(alive) = self.client.receive(now)
        {
            if alive {
                self.set_status(ServiceStatus::Running);
                self.monitor(now, LIVE);
            } else {
                self.set_status(ServiceStatus::NotReady);
                self.monitor(now, NOT_LIVE);
            }
        }
    }

    pub(super) fn set_status(&mut self, status: ServiceStatus) {
        if self.status != status {
            self.status = status;
            self.outputs.push(Output::Status(status));
        }
    }
}

impl Default for Transcription {
    fn default() -> Self {
        Self::new()
    }
}

impl Client {
    fn enable_channel(&mut self) {
        self.channel
            .get_or_insert_with(|| VecDeque::from([self.alive]));
    }

    fn update_liveness(&mut self, now: At, alive: bool) {
        if self.would_post(now, alive)
            && let Some(channel) = &mut self.channel
        {
            if channel.len() == CHANNEL_CAPACITY {
                self.blocked.push_back(alive);
                return;
            }
            channel.push_back(alive);
            self.last_post = Some(now);
        }
        self.alive = alive;
    }

    /// Returns whether this state is posted to the channel: a change is, and an unchanged state once per interval.
    pub(super) fn would_post(&self, now: At, alive: bool) -> bool {
        self.alive != alive
            || self
                .last_post
                .is_none_or(|last| now.saturating_sub(last) > POST_INTERVAL)
    }

    fn receive(&mut self, now: At) -> Option<bool> {
        let channel = self.channel.as_mut()?;
        let alive = channel.pop_front()?;
        if let Some(waiting) = self.blocked.pop_front() {
            channel.push_back(waiting);
            self.last_post = Some(now);
            self.alive = waiting;
        }
        Some(alive)
    }
}

/// Returns whether a result means alive or not; `None` for errors whose text is not known.
fn liveness_of(result: Result<(), Text>) -> Option<bool> {
    match result {
        Ok(()) => Some(true),
        Err(text) => is_liveness_error(text).then_some(false),
    }
}

/// Returns whether an error with this text is a loss of liveness.
pub(super) fn is_liveness_error(text: Text) -> bool {
    const WHOLE: [&str; 5] = [
        "context deadline exceeded",
        "kafka: client has run out of available brokers to talk to (Is your cluster reachable?)",
        "kafka: message received by producer in process of shutting down",
        "kafka: controller is not available",
        "circuit breaker is open",
    ];
    const ENDINGS: [&str; 2] = ["connection refused", "i/o timeout"];
    WHOLE.contains(&text) || ENDINGS.iter().any(|ending| text.ends_with(ending))
}
