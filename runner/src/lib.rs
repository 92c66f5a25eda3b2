//! What every runner of livebus shares, and no runtime decides.
//!
//! - [`Builder`] and [`Handle`]: what a service calls, and what it holds. Runners give them out with their runtime filled in.
//! - [`Runner`]: what a runner brings. `docs/write-a-runner.md` writes one, on plain threads.
//! - [`Supervision`]: what a runner is handed: the supervisor, and everything that its loop waits for.
//! - [`Effects`]: what each action means, as futures to spawn and as things to do at once.
//! - [`Time`]: the clock and the timer of a loop, so that a test can turn them.
//!
//! The loop itself is not here. It is some twenty lines, and whoever wants to know what a runner does should read them in
//! one piece, with the words of a runtime that they know.

mod builder;
mod effects;
mod handle;
mod owner;
mod publish;
mod runner;
mod serve;
mod time;

pub use builder::{BuildError, Builder};
pub use effects::{Effects, Message, Operation};
pub use handle::{EndedError, Handle};
pub use livebus_core::{
    Answers, Backoff, Cause, Config, ConfigError, Failure, FailureClass, FailureKind, Handler,
    HandlerId, OnClientLost, OnSuspicion, OpId, Predicate, Readiness, ReadinessBuilder, Report,
    ServiceHandle, ServiceNameError, ServiceView, Services, Settings, Status, UnknownService,
};
pub use livebus_endpoints::http::{Limits, Server};
pub use livebus_endpoints::{Changes, StatusChange};
pub use livebus_kafka::{
    AddressError, BootstrapServers, Bus, EmbeddedCluster, EmbeddedError, KafkaBus, KafkaConfig,
    LivenessBy, News, Observations, Properties, PropertyError, RoundTally, Runtime, code_name,
};
pub use livebus_recording::{
    End, Entry, Record, RecordError, RecordOptions, RecordedSupervisor, Recorder, Recording,
};
pub use owner::OwnerGone;
pub use runner::{Runner, Supervision};
pub use serve::{Serve, ServeError};
pub use time::Time;
