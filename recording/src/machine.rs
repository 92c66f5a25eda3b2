//! What differs between the recordings of the state machines.

use std::fmt;
use std::time::Instant;

use livebus_runner::{Entry, StateMachine};

/// A state machine that can be recorded and replayed: the supervisor of a bus, the dispatcher of a request handler, or the calls of a caller.
///
/// The crate implements it for these; nothing else can be recorded.
pub trait Recorded: StateMachine + Clone + fmt::Debug + Eq + Send + 'static {
    /// What its recording begins with.
    type Config: Clone + fmt::Debug + Eq + Send + 'static;
    /// An event that owns its parts.
    type OwnedEvent: Clone + fmt::Debug + Eq + Send + 'static;

    /// What a person calls it.
    const NAME: &'static str;
    /// The maximum length of a line, in bytes.
    const MAX_LINE_BYTES: usize;

    /// Makes it.
    fn make(config: &Self::Config, began: Instant) -> Self;

    /// Returns its whole state as numbers.
    fn state(&self, epoch: Instant) -> Vec<u64>;

    /// Makes it with a state. `None` if that is no state of it.
    fn with_state(config: &Self::Config, epoch: Instant, state: &[u64]) -> Option<Self>;

    /// Returns the event as the state machine takes it.
    fn event(owned: &Self::OwnedEvent) -> Self::Event<'_>;

    /// Returns whether this is the last action that there can be.
    fn is_last(action: &Self::Action) -> bool;

    /// Returns for how many records of Kafka an entry stands: they take memory while it waits for the disk.
    fn records_in(entry: &OwnedEntry<Self>) -> usize;

    /// Takes over what the next file must know beside the state.
    fn remember(config: &mut Self::Config, event: &Self::OwnedEvent);

    /// Returns how long a first line can become that has this length at the beginning.
    fn max_first_line(length: usize, config: &Self::Config) -> usize;
}

/// An entry that owns its parts.
pub type OwnedEntry<M> = Entry<<M as Recorded>::OwnedEvent, <M as StateMachine>::Action>;
