//! Doubt: records have waited for a while, and brokers are asked whether they are alive.

use std::sync::Arc;
use std::time::Duration;

use crate::count::Finding;
use crate::inquiry::{Answer, Inquiry};

/// How many counts in a row must find too few replicas: one alone may have met a slow connection.
pub(crate) const COUNTS: u32 = 2;

/// How many counts in a row may find nobody before no more are made: nothing is learnt from them, and the client costs.
const MAX_SILENT_COUNTS: u32 = 4;

/// What earlier counts have found, and the client that asks.
#[derive(Debug)]
pub(crate) struct Doubt {
    /// For how long too few replicas must be found: as long as a leader waits for them.
    min_too_few_for: Duration,
    /// Kept from the first count until the doubt is over.
    pub(crate) inquiry: Option<Arc<Inquiry>>,
    /// The topic's `min.insync.replicas`, from the newest answer that had it.
    min_in_sync: Option<usize>,
    too_few_in_a_row: u32,
    /// How long the counts in a row took that found too few replicas.
    too_few_for: Duration,
    silent_in_a_row: u32,
}

impl Doubt {
    /// Nothing is doubted yet.
    pub(crate) const fn new(min_too_few_for: Duration) -> Self {
        Self {
            min_too_few_for,
            inquiry: None,
            min_in_sync: None,
            too_few_in_a_row: 0,
            too_few_for: Duration::ZERO,
            silent_in_a_row: 0,
        }
    }

    /// Returns whether it makes sense to ask: somebody may answer.
    pub(crate) const fn may_ask(&self) -> bool {
        self.silent_in_a_row < MAX_SILENT_COUNTS
    }

    /// Takes the end of the doubt: a broker has acknowledged a record. Returns whether there was any.
    ///
    /// The client is closed; what the topic's configuration is stays known.
    pub(crate) fn end(&mut self) -> bool {
        let inquiry = self.inquiry.take();
        self.too_few_in_a_row = 0;
        self.too_few_for = Duration::ZERO;
        self.silent_in_a_row = 0;
        inquiry.is_some()
    }

    /// Takes an answer of a broker on the liveness client: somebody may answer again.
    pub(crate) const fn on_answer(&mut self) {
        self.silent_in_a_row = 0;
    }

    pub(crate) fn learn<'a>(
        &mut self,
        answers: impl IntoIterator<Item = &'a Answer>,
    ) -> Option<usize> {
        let newest = answers.into_iter().find_map(|answer| answer.min_in_sync);
        self.min_in_sync = newest.or(self.min_in_sync);
        self.min_in_sync
    }

    /// Takes what one count has found, and how long it took. Too few replicas are a finding only when they were found [`COUNTS`]
    /// times in a row, and for long enough: short checks make short counts.
    pub(crate) fn take(&mut self, found: Finding, took: Duration) -> Finding {
        if found.too_few {
            self.too_few_in_a_row = self.too_few_in_a_row.saturating_add(1);
            self.too_few_for = self.too_few_for.saturating_add(took);
        } else {
            self.too_few_in_a_row = 0;
            self.too_few_for = Duration::ZERO;
        }
        self.silent_in_a_row = if found.is_answered {
            0
        } else {
            self.silent_in_a_row.saturating_add(1)
        };
        if !self.may_ask() {
            self.inquiry = None;
        }
        Finding {
            too_few: self.too_few_in_a_row >= COUNTS && self.too_few_for >= self.min_too_few_for,
            ..found
        }
    }
}

#[cfg(test)]
mod tests {
    use livebus_core::FailureClass;

    use super::*;
    use crate::config::KafkaConfig;
    use crate::inquiry::Reach;
    use crate::properties::Properties;

    const SILENCE: Finding = Finding {
        is_answered: false,
        too_few: false,
        explanation: None,
    };
    const ENOUGH: Finding = Finding {
        is_answered: true,
        too_few: false,
        explanation: Some(FailureClass::ReplicasSilent),
    };
    const TOO_FEW: Finding = Finding {
        too_few: true,
        ..ENOUGH
    };

    const MIN_TIME: Duration = Duration::from_secs(1);
    /// The time of a count, two of which are long enough.
    const HALF: Duration = Duration::from_millis(500);

    #[test]
    fn too_few_replicas_must_be_found_twice_in_a_row() {
        let mut doubt = Doubt::new(MIN_TIME);
        for between in [ENOUGH, SILENCE] {
            assert!(!doubt.take(TOO_FEW, MIN_TIME).too_few);
            assert!(!doubt.take(between, MIN_TIME).too_few);
        }
        assert!(!doubt.take(TOO_FEW, HALF).too_few);
        assert!(doubt.take(TOO_FEW, HALF).too_few);
        assert!(doubt.take(TOO_FEW, HALF).too_few);
        doubt.end();
        assert!(!doubt.take(TOO_FEW, MIN_TIME).too_few);
    }

    #[test]
    fn too_few_replicas_must_be_found_for_long_enough() {
        let mut doubt = Doubt::new(MIN_TIME);
        for _ in 0..3 {
            assert!(!doubt.take(TOO_FEW, MIN_TIME / 4).too_few);
        }
        assert!(doubt.take(TOO_FEW, MIN_TIME / 4).too_few);
    }

    #[test]
    fn an_explanation_counts_at_once() {
        let found = Doubt::new(MIN_TIME).take(TOO_FEW, HALF);
        assert_eq!(found.explanation, ENOUGH.explanation);
    }

    #[test]
    fn nobody_is_asked_again_after_silence_until_somebody_answers() {
        let mut doubt = Doubt::new(MIN_TIME);
        for _ in 0..MAX_SILENT_COUNTS {
            assert!(doubt.may_ask());
            doubt.take(SILENCE, HALF);
        }
        assert!(!doubt.may_ask());
        doubt.on_answer();
        assert!(doubt.may_ask());
    }

    #[test]
    fn the_configuration_of_the_topic_stays_known_beyond_the_doubt() {
        let mut doubt = Doubt::new(MIN_TIME);
        let says = |min_in_sync| Answer { min_in_sync };
        assert_eq!(doubt.learn(&[says(None), says(Some(2))]), Some(2));
        doubt.end();
        assert_eq!(doubt.learn(&[says(None)]), Some(2));
        assert_eq!(doubt.learn(&[says(Some(1))]), Some(1));
    }

    #[test]
    fn the_client_that_asks_is_closed_when_nobody_answers() {
        let servers = "127.0.0.1:1".parse().expect("an address");
        let kafka = KafkaConfig::new(servers, Properties::new()).expect("valid");
        let inquiry = Inquiry::open(&kafka, [], Reach::AsNeeded).expect("a client");
        let mut doubt = Doubt::new(MIN_TIME);
        doubt.inquiry = Some(Arc::new(inquiry));
        for _ in 1..MAX_SILENT_COUNTS {
            doubt.take(SILENCE, HALF);
            assert!(doubt.inquiry.is_some());
        }
        doubt.take(SILENCE, HALF);
        assert!(doubt.inquiry.is_none());
    }
}
