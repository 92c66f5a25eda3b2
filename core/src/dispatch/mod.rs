//! Request handlers: which record runs when, what its verdict leads to, and which position is committed.
//!
//! A [`Dispatcher`] is the second state machine of this crate. It has the four calls of the [`Supervisor`](crate::Supervisor), no clock
//! and no IO, and payloads never enter it: it receives that partitions were assigned and records were fetched ([`Event`]), and returns
//! which of them to run, which positions to commit and how fast to fetch ([`Action`]). There is one for each request handler.
//!
//! # What it decides
//!
//! **No fetched record is lost.** A position that is committed never passes a record without a final verdict: done, skipped by a policy
//! that somebody wrote down, or written to the dead-letter topic and acknowledged.
//!
//! **Order.** By partition, by key, or none: no record runs before the one before it has its final verdict. A function that was cancelled
//! may still run, so its key is free only when its run has ended.
//!
//! **Bounds.** Runs in flight, records and bytes in memory, and the distance from the acknowledged position to the newest record that runs.
//!
//! **Generations.** What belongs to an earlier assignment changes nothing. A revoked partition is released when its functions have ended, or
//! the drain has, and its last commit was answered; after a loss nothing is committed.
//!
//! **Failures.** A record that fails is retried after a back-off, then its partition stops, or it is skipped, or it becomes a dead letter. No
//! attempt counts while the bus cannot be used.
//!
//! **Health.** A partition that stopped, and a record that waits for too long, are shown: the supervisor makes the service `NotReady` by it.

mod action;
#[cfg(feature = "__verify")]
mod canonical;
mod commits;
mod config;
mod counters;
mod dispatcher;
mod event;
mod held_back;
mod ids;
mod lanes;
mod pace;
mod partition;
mod progress;
mod runs;
mod settings;
mod snapshot;
#[cfg(test)]
mod tests;
mod window;

pub use action::{Action, Health, Pace, Position, Run};
pub use config::Config;
pub use counters::Counters;
pub use dispatcher::Dispatcher;
pub use event::{DoneRecord, Event, Record, RecordFailure, RunEnd, Start};
pub use ids::{CommitId, DeadLetterId, Generation, PartitionId, RunId};
pub use pace::Room;
pub use progress::Progress;
pub use settings::{Delivery, FailurePolicy, Limits, OnRemoved, Order, Settings, Then};
