//! The original's loop, transcribed with its faults: a machine of virtual time that shares no code with the core.
//!
//! Three things are one machine here, because together they are what a bus sees of that program:
//! - the *start*: Preparing, Prepared, then start after start, a fixed delay apart, until one succeeds;
//! - the *client*, as much of it as liveness goes through: whether it takes itself for alive, which liveness_of it lets through
//!   to its channel, and which errors it takes for a loss;
//! - the *monitor*: reads the channel, sets the status, and sends a liveness message when its timer runs out.
//!
//! The text that was given is partial. Where it leaves something open, this is what was decided, and on what ground:
//! - A failed start ends with its delay and the next start; a successful one leaves the loop. (Closing braces and `continue` are
//!   missing in the text; its comments say so.)
//! - The intervals are the defaults of the program's configuration: 2 s between starts, 60 s live, 5 s not live.
//! - The client begins alive, and enabling the channel posts that at once; the channel has ten places. An unchanged state
//!   is posted again only when more than half a live interval has passed since the last post, or nothing was posted yet; the
//!   first post does not count as one. (From the client library and from how the core sets it up.)
//! - A sender that finds the channel full waits forever; what it knew is not noted before it was posted.
//! - Seven texts are a loss of liveness, two of them as endings; every other error changes nothing.
//! - Neither a start nor a liveness message has a deadline.
//! - A liveness message's result is liveness_of, whoever's turn it was: who gets whose result makes no difference to the channel.
//! - When the context ends while the monitor could also read its channel, Go picks at random; here the monitor ends. A timer
//!   and liveness_of at the same instant are random too; the environments have no such instants.
//! - A start under way does not see the end of the context; it is noticed after the start.
//! - Nothing in the loop says Stopped or Failed.
//!
//! Not transcribed: the registration of handlers (it fails by ending the process, and the preset has no handlers), and the
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
#[expect(missing_docs, reason = "the seven names say it")]
pub enum ServiceStatus {
    Unknown,
    Preparing,
    Prepared,
    Running,
    Stopped,
    Failed,
    NotReady,
}

/// What happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The start under way returned.
    StartReturned(Result<(), Text>),
    /// A liveness message returned.
    LivenessReturned(Result<(), Text>),
    /// A message of the service itself was sent or received, or failed.
    Traffic(Result<(), Text>),
    /// The context ended.
    ContextDone,
}

/// What it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Starts the client.
    Start,
    /// Sends a liveness message.
    SendLiveness,
    /// Shows another status.
    Status(ServiceStatus),
}

/// The machine: the start, the client and the monitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcription {
    pub(super) status: ServiceStatus,
    pub(super) state: LoopState,
    pub(super) client: Client,
    cancelled: bool,
    pub(super) outputs: Vec<Output>,
}

/// Where the loop is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoopState {
    Starting,
    Delaying { until: At },
    Monitoring { timeout: Duration, timer: At },
    Exited,
}

/// The client library, as much of it as liveness goes through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) alive: bool,
    pub(super) last_post: Option<At>,
    channel: Option<VecDeque<bool>>,
    blocked: VecDeque<bool>,
}

impl Transcription {
    /// Begins: Preparing, Prepared, the first start.
    #[must_use]
    pub fn new() -> Self {
        let mut begun = Self {
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
        begun.set_status(ServiceStatus::Preparing);
        begun.set_status(ServiceStatus::Prepared);
        begun.outputs.push(Output::Start);
        begun
    }

    /// Takes what happened at `now`.
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

    /// Lets time advance_to to `now`.
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

    /// When time alone will do something.
    #[must_use]
    pub fn due(&self) -> Option<At> {
        match self.state {
            LoopState::Delaying { until } => Some(until),
            LoopState::Monitoring { timer, .. } => Some(timer),
            LoopState::Starting | LoopState::Exited => None,
        }
    }

    /// What it did since it was asked last.
    pub fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// The status that it shows.
    #[must_use]
    pub fn status(&self) -> ServiceStatus {
        self.status
    }

    /// Senders that wait for a state in the channel.
    #[must_use]
    pub fn blocked_senders(&self) -> usize {
        self.client.blocked.len()
    }

    /// Whether it shows the same and will do the same by itself.
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

    /// Whether this liveness_of reaches the channel: a change does, and one reminder per interval.
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

/// What a result says about liveness: errors whose text is not known say nothing.
fn liveness_of(result: Result<(), Text>) -> Option<bool> {
    match result {
        Ok(()) => Some(true),
        Err(text) => is_liveness_error(text).then_some(false),
    }
}

/// Whether an error with this text is a loss of liveness.
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
