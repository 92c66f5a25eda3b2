//! The decisions of livebus: whether a service may call itself ready, given what its message bus did.
//!
//! Sans-IO: this crate has no clock, no thread, no socket and no client library, and depends on nothing. It receives what
//! happened and when, and returns what to do and until when. A *runner* reads the clock, does the IO, and delivers the
//! results; there are two, for tokio and for async-std, and this page shows a complete one.
//!
//! - [`Supervisor`] is the state machine for one bus: [`Event`]s in, [`Action`]s out.
//! - [`Config`] holds its [`Settings`], once they were checked, and its [`Handler`]s.
//! - [`Report`] is what is known at one instant, with the lease that Running has. `livebus-readiness` shows it to a process.
//!
//! # What it decides
//!
//! **Start.** Preparing, Prepared, then [`Action::Start`]. A start that fails or times out is NotReady with its cause,
//! and is tried again after a back-off.
//!
//! **Evidence.** Ordinary traffic proves that the bus works ([`Event::Live`]). Only after
//! [`live_interval`](Settings::live_interval) of silence does a *liveness message* go out
//! ([`Action::SendLiveness`]). Without evidence the status is never Running: the first message goes out right after the start.
//!
//! **Failures.** A failure is of one of four [kinds](FailureKind). *Definitive*: NotReady at once. *Ambiguous*: NotReady after
//! [`failures_to_not_ready`](Settings::failures_to_not_ready) in a row. *Partial* (a part of the bus answers: leaders are
//! missing, or wait for their replicas): Running with a warning, for [`partial_tolerance`](Settings::partial_tolerance). *Rejected* (the bus
//! answers, and rejects the request): Running with a warning that stays.
//!
//! **Suspicion.** What a client library reports about its connections is often wrong, so it decides nothing
//! ([`Event::Suspicion`]): it sends a liveness message as soon as the spacing allows, with a short deadline, and that outcome
//! decides alone. A suspicion of a partial failure only brings the next ordinary message forward.
//!
//! **While NotReady** a liveness message goes out each [`not_live_interval`](Settings::not_live_interval), doubling to its
//! maximum, and stays open until the next: the first evidence of any kind makes the service Running again. The cause is the most specific failure or suspicion since the
//! newest proof. A later, vaguer one does not replace it, unless it was not seen again for twice `not_live_interval_max`.
//!
//! **Handlers** are registered after each start, each with its own retries. Running needs a live bus *and* all required
//! handlers.
//!
//! **The lease.** Running is granted until the newest evidence plus the [detection bound](Config::detection_bound), and
//! readers compare it with the clock. If the runner dies or starves, the lease ends on its own. While a part of the bus
//! is missing, the bound is longer by [`partial_tolerance`](Settings::partial_tolerance).
//!
//! **Shutdown.** NotReady first, then the drain, then [`Action::Stop`], then Stopped: from any state, within
//! [`Config::shutdown_bound`].
//!
//! # The four calls
//!
//! 1. [`handle_event`](Supervisor::handle_event) takes what happened;
//! 2. [`handle_timeout`](Supervisor::handle_timeout) lets time pass;
//! 3. [`poll_action`](Supervisor::poll_action) returns what must be done, one action at a time, until `None`;
//! 4. [`poll_timeout`](Supervisor::poll_timeout) returns when time must pass next.
//!
//! > After `new`, and after every call of the first two: poll actions until `None`, then poll the timeout, then wait for
//! > that instant or an event, whichever comes first.
//!
//! # The nine rules
//!
//! 1. While actions are queued, `poll_timeout` is already due. A runner that forgets to poll them loses no time.
//! 2. Once all actions are polled, `poll_timeout` is strictly after the newest instant that was received. No busy loop.
//! 3. Every operation carries an id and is answered once, by the event with that id; a second answer, or one to an
//!    operation that is over, is stale: counted, and ignored.
//! 4. At most one start, one liveness message and one registration per handler are in flight. The supervisor keeps each
//!    deadline itself: an answer that never comes is a failure at that deadline.
//! 5. A deadline lives inside the state that needs it, and is counted from an instant that happened, never from the end of
//!    the deadline before it. Durations that are zero or absurd are refused when the configuration is made.
//! 6. When `now` goes back, no time has passed. A jump of days leads to one liveness message, not to a burst.
//! 7. Nothing here fails: a failure is an event. No match on a state, an event or a timer has a wildcard arm.
//! 8. [`Action`] is exhaustive on purpose: a new action must break the build of every runner.
//! 9. Same inputs, same outputs. Jitter comes from a [seed](Settings::seed).
//!
//! No call panics, provided that a few years can be added to the instants of the clock.
//!
//! # How it is proved
//!
//! `docs/verification.md` in the repository names, for each claim on this page and each of the nine rules, the checker that fails
//! when it is false: every state of small configurations, explored by two searches; a second implementation, written from the
//! rules in prose; a simulation; faulty cores, each of which must be noticed. It also says what is not proved.
//!
//! # A complete runner
//!
//! Threads for operations, a channel for their answers, the standard library's clock. A runner on an async runtime is the
//! same loop, with that runtime's way to spawn and to wait.
//!
//! ```
//! use livebus_core::{Action, Config, Event, Failure, FailureClass, Report, Settings, Status, Supervisor};
//! use std::sync::mpsc::{RecvTimeoutError, channel};
//! use std::thread;
//! use std::time::{Duration, Instant};
//!
//! // What the actions mean on your bus. This one refuses its first start and works from then on.
//! fn start(attempt: u32) -> Result<(), Failure> {
//!     if attempt > 1 { Ok(()) } else { Err(FailureClass::Unreachable.into()) }
//! }
//! fn send_liveness() -> Result<(), Failure> {
//!     Ok(())
//! }
//!
//! let mut settings = Settings::fast();
//! settings.start_backoff.first = Duration::from_millis(10);
//! settings.drain = Duration::ZERO;
//!
//! // What readers see. They compare the lease with the clock, since the loop may not get to run.
//! let mut shown = Report::unreported(Instant::now());
//! let mut supervisor = Supervisor::new(Config::new(settings)?, Instant::now());
//! let (answer, answers) = channel::<(Instant, Event)>();
//! let operation = |work: Box<dyn FnOnce() -> Event + Send>| {
//!     let answer = answer.clone();
//!     thread::spawn(move || answer.send((Instant::now(), work())));
//! };
//!
//! let mut seen = Vec::new();
//! loop {
//!     // 3. What must be done? Operations are spawned, never waited for here.
//!     while let Some(action) = supervisor.poll_action() {
//!         match action {
//!             Action::Start { id, attempt, .. } => {
//!                 operation(Box::new(move || Event::StartAnswered { id, result: start(attempt) }));
//!             }
//!             Action::SendLiveness { id, .. } => {
//!                 operation(Box::new(move || Event::LivenessAnswered { id, result: send_liveness() }));
//!             }
//!             Action::RegisterHandler { id, .. } => {
//!                 operation(Box::new(move || Event::RegistrationAnswered { id, result: Ok(()) }));
//!             }
//!             Action::Stop { id, .. } => {
//!                 operation(Box::new(move || Event::StopAnswered { id, result: Ok(()) }));
//!             }
//!             Action::DiscardClient { .. } | Action::DiscardRegistration { .. } => {}
//!             Action::SetStatus(report) => {
//!                 seen.push(report.status);
//!                 shown = report;
//!                 if report.status == Status::Running {
//!                     assert_eq!(shown.status_at(Instant::now()), Status::Running);
//!                     answer.send((Instant::now(), Event::Shutdown))?;
//!                 }
//!             }
//!             Action::Renew { evidence, lease } => {
//!                 shown = Report { evidence: Some(evidence), lease: Some(lease), ..shown };
//!             }
//!         }
//!     }
//!     // 4. Until when may we wait?
//!     let wait = match supervisor.poll_timeout() {
//!         Some(deadline) => deadline.saturating_duration_since(Instant::now()),
//!         None if supervisor.is_stopped() => break,
//!         None => Duration::MAX,
//!     };
//!     // 1. and 2. What happened, and what time is it? The clock is read on every wake.
//!     match answers.recv_timeout(wait) {
//!         Ok((at, event)) => supervisor.handle_event(at, event),
//!         Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
//!     }
//!     supervisor.handle_timeout(Instant::now());
//! }
//!
//! use Status::{NotReady, Prepared, Preparing, Running, Stopped};
//! // NotReady twice in a row: the start failed; the next one succeeded, and there is no evidence yet.
//! assert_eq!(seen, [Preparing, Prepared, NotReady, NotReady, Running, NotReady, Stopped]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to read on
//!
//! `supervisor.rs` has the lifecycle, each event in each state, and each timer; it composes `liveness.rs`, which judges the bus,
//! `registrations.rs`, which registers the handlers, and `published.rs`, which knows what readers know. `diagnosis.rs` keeps what the
//! cause will say. `inspect/` shows a supervisor to people, recordings and model checkers. The style follows quinn's protocol crate (three kinds of methods), str0m (the driving calls as a list) and h11 (one file has all
//! transitions); the behaviour follows the supervision in the VOLTHA core.

mod action;
mod backoff;
pub mod calls;
mod config;
mod context;
mod diagnosis;
pub mod dispatch;
mod event;
mod failure;
mod handler;
mod ids;
mod inspect;
mod liveness;
mod published;
mod registrations;
mod settings;
mod status;
mod supervisor;

pub use action::Action;
pub use backoff::Backoff;
pub use config::{Config, ConfigError};
pub use event::Event;
pub use failure::{Failure, FailureClass, FailureKind};
pub use handler::Handler;
pub use ids::{ClientId, HandlerId, LivenessId, OpId, RegistrationId, StopId};
pub use inspect::phase::Phase;
pub use settings::{OnClientLost, OnSuspicion, RejectionPolicy, Settings};
pub use status::{Cause, Report, Status};
pub use supervisor::Supervisor;
