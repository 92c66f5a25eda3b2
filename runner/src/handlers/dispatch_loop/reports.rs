//! What a person is shown: the bounds, and the health.

use livebus_core::dispatch::{Delivery, Health, PartitionId, RecordFailure};
use livebus_core::{Failure, FailureClass};

use super::HandlerLoop;
use crate::loops::Source;

impl HandlerLoop {
    /// Logs the bounds that follow from the configuration.
    pub(super) fn log_bounds(&self) {
        let config = self.dispatcher.dispatcher().config();
        let subscription = &self.spec.subscription;
        let max_duplicates = match config.settings().delivery {
            Delivery::Group => Some(config.max_duplicates()),
            Delivery::Broadcast => None,
        };
        tracing::info!(
            topics = %subscription.topics,
            group = subscription.group.as_deref(),
            max_duplicates,
            revocation_bound_ms = config.revocation_bound().as_millis(),
            shutdown_bound_ms = config.shutdown_bound().as_millis(),
            max_hold_up_ms = config.max_hold_up().map(|it| it.as_millis()),
            "handling"
        );
    }

    pub(super) fn log_removed(&self, partition: PartitionId, from: i64, to: i64) {
        let at = self.names.get(&partition);
        tracing::warn!(
            topic = at.map(|it| &*it.topic),
            partition = at.map(|it| it.number),
            from,
            to,
            "records were removed before they were fetched"
        );
    }

    pub(super) fn log_commit_failed(&self, partition: PartitionId, failure: Failure) {
        let at = self.names.get(&partition);
        tracing::warn!(
            topic = at.map(|it| &*it.topic),
            partition = at.map(|it| it.number),
            %failure,
            "a position was not committed"
        );
    }

    /// Reports the health to the supervisor, and logs it.
    pub(super) fn on_health(&self, health: Health) {
        let report = |class: FailureClass, partition, offset, what: &str| {
            let at = self.names.get(&partition);
            let (topic, number) = at.map_or(("?", -1), |it| (&*it.topic, it.number));
            let reason = format!("{topic} [{number}] at offset {offset}: {what}");
            let handler = &*self.spec.subscription.handler;
            tracing::error!(topic, partition = number, offset, %class, what, "the handler fails");
            Some((class.into(), format!("handler {handler}: {reason}")))
        };
        let failure = match health {
            Health::Working => {
                tracing::info!("the handler works");
                None
            }
            Health::Stopped {
                partition,
                offset,
                class,
            } => report(
                FailureClass::RecordFailed,
                partition,
                offset,
                described(class),
            ),
            Health::RecordsRemoved { partition, offset } => report(
                FailureClass::RecordsRemoved,
                partition,
                offset,
                "the records from here on were removed before they were fetched",
            ),
            Health::DeadLetterFailed { partition, offset } => report(
                FailureClass::RecordFailed,
                partition,
                offset,
                "its dead letter cannot be written",
            ),
            Health::Stalled { partition, offset } => report(
                FailureClass::HandlerStalled,
                partition,
                offset,
                "the record has waited for too long",
            ),
        };
        self.registration.health.set(Source::Records, failure);
    }

    /// Reports that the consumer does not do its work.
    pub(super) fn report_consumer(&self, failure: Failure, what: &str) {
        let handler = &*self.spec.subscription.handler;
        let topics = &self.spec.subscription.topics;
        tracing::error!(%topics, %failure, what, "the consumer of the handler fails");
        let reason = format!("handler {handler} of {topics}: {what}");
        let health = &self.registration.health;
        health.set(Source::Consumer, Some((failure, reason)));
    }
}

/// Returns how a function failed, in words.
const fn described(class: RecordFailure) -> &'static str {
    match class {
        RecordFailure::Transient => "the function fails, and may succeed later",
        RecordFailure::Permanent => "the function fails each time",
        RecordFailure::TimedOut => "the function does not finish in time",
        RecordFailure::Panicked => "the function panics",
    }
}
