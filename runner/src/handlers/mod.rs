//! Request handlers: what the author of a service writes, and the loop that drives it.
//!
//! - [`RequestHandler`]: topics, a group, an order, policies, and the function that is called with each [`Record`].
//! - [`Failed`], [`Context`]: what the function returns for a record that it cannot handle, and what it knows of the call.
//! - [`ConsumerBus`], [`Consumer`]: the interface traits of a client library. `livebus-kafka` implements them for Kafka.
//! - [`test_kit`]: drives a handler without a bus, in the tests of a service.
//!
//! Which record runs when is decided by [`livebus_core::dispatch`]. There is one loop for each handler, on a thread of its own: it owns the
//! dispatcher and the consumer, and gives runs to the runtime. It waits for the client library, for the ends of runs, and for deadlines.

mod batch;
mod batch_memory;
mod consumer;
mod control;
mod dispatch_loop;
mod environment;
mod executor;
mod failed;
mod function;
mod intake;
mod key_hash;
mod mailbox;
mod numbers;
mod record;
mod request_handler;
mod store;
mod subscription;
pub mod test_kit;

pub use crate::loops::Wake;
pub use batch::{Batch, Header, fingerprint};
pub use batch_memory::BatchMemory;
pub use consumer::{Consumer, ConsumerBus, DeadLetter, Input, Polled};
pub use control::Context;
pub(crate) use dispatch_loop::{HandlerLoop, Open};
pub(crate) use environment::Environment;
pub use failed::Failed;
pub use function::HandleRecord;
pub(crate) use intake::Intake;
pub(crate) use key_hash::hash_of_key;
pub use numbers::{Numbered, PartitionNumbers};
pub use record::Record;
pub(crate) use request_handler::Spec;
pub use request_handler::{RequestHandler, RunnableHandler};
pub(crate) use subscription::check_together;
pub use subscription::{Begin, HandlerError, Subscription, Topics};
