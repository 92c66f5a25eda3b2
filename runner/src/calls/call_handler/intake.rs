//! Reads requests when they are fetched: what is cancelled or known already must not run.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use livebus_core::calls::{Arrival, RequestId};
use livebus_core::dispatch::{Generation, PartitionId};
use livebus_readiness::CalleeProgress;
use tracing::Span;

use crate::calls::call_handler::answering::Answering;
use crate::calls::wire::{Incoming, IncomingRequest};
use crate::handlers::{Batch, Intake, Record, hash_of_key};

/// The intake of a call handler.
pub(super) struct CallIntake(Arc<Answering>);

impl CallIntake {
    pub(super) const fn new(answering: Arc<Answering>) -> Self {
        Self(answering)
    }

    fn arrival(&self, record: &Record, request: &IncomingRequest) -> Arrival {
        let sent_at = request.timestamp.or_else(|| record.timestamp());
        // A clock that is ahead of this one makes no request younger than new.
        let age = sent_at.and_then(|at| SystemTime::now().duration_since(at).ok());
        Arrival {
            correlation: request.correlation,
            key: request.idempotency_key.as_deref().map(hash_of_key),
            time: request.time.unwrap_or(self.0.default_deadline()),
            age: age.unwrap_or_default(),
        }
    }
}

impl Intake for CallIntake {
    fn log_in(&self, span: &Span) {
        self.0.log().log_in(span);
    }

    fn assigned(&self, partition: PartitionId, generation: Generation) {
        self.0.state().assigned(partition, generation);
    }

    fn ended(&self, partition: PartitionId, generation: Generation) {
        self.0.state().ended(partition, generation);
    }

    fn fetched(
        &self,
        now: Instant,
        partition: PartitionId,
        generation: Generation,
        batch: &Arc<Batch>,
        first: usize,
    ) {
        for index in first..batch.len() {
            let record = batch.record(index);
            let id = RequestId {
                partition,
                generation,
                offset: record.offset(),
            };
            match self.0.wire().read_request(&record) {
                Ok(Incoming::Request(request)) => {
                    let arrival = self.arrival(&record, &request);
                    self.0.state().request_fetched(now, id, arrival, *request);
                }
                Ok(Incoming::Cancel(cancels)) => self.0.state().cancel_fetched(id, cancels),
                Err(error) => self.0.state().unreadable_fetched(id, error.to_string()),
            }
        }
    }

    fn committed(&self, partition: PartitionId, generation: Generation, position: i64) {
        self.0.state().committed(partition, generation, position);
    }

    fn progress(&self) -> CalleeProgress {
        self.0.progress()
    }

    fn close(&self, deadline: Instant) {
        self.0.close(deadline);
    }
}
