//! Writes dead letters.

use livebus_core::Failure;
use livebus_core::dispatch::DeadLetterId;
use livebus_runner::handlers::DeadLetter;
use rdkafka::ClientConfig;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, ProducerContext, ThreadedProducer};

use crate::consumer::answers::{Answer, Answers};
use crate::error_class::failure;
use crate::oauth::Tokens;

/// The producer of dead letters, which is made for the first one.
pub(crate) struct DeadLetters {
    config: ClientConfig,
    tokens: Tokens,
    answers: Answers,
    producer: Option<ThreadedProducer<DeadLetterContext>>,
}

pub(crate) struct DeadLetterContext {
    tokens: Tokens,
    answers: Answers,
}

impl DeadLetters {
    pub(crate) const fn new(config: ClientConfig, tokens: Tokens, answers: Answers) -> Self {
        Self {
            config,
            tokens,
            answers,
            producer: None,
        }
    }

    /// Writes a dead letter. The answer comes in any case.
    pub(crate) fn write(&mut self, letter: &DeadLetter) {
        if let Err(failure) = self.try_write(letter) {
            self.answers
                .send(Answer::DeadLetter(letter.id, Err(failure)));
        }
    }

    fn try_write(&mut self, letter: &DeadLetter) -> Result<(), Failure> {
        let producer = match &mut self.producer {
            Some(producer) => producer,
            none => none.insert(
                self.config
                    .create_with_context(DeadLetterContext {
                        tokens: self.tokens.clone(),
                        answers: self.answers.clone(),
                    })
                    .map_err(|error| failure(&error))?,
            ),
        };
        let (record, own) = (&letter.record, letter.headers());
        let mut headers = OwnedHeaders::new_with_capacity(record.headers().len() + own.len());
        for header in record.headers() {
            headers = headers.insert(Header {
                key: header.name,
                value: header.value,
            });
        }
        for (name, value) in &own {
            headers = headers.insert(Header {
                key: name,
                value: Some(value),
            });
        }
        let mut written =
            BaseRecord::<[u8], [u8], _>::with_opaque_to(&letter.topic, Box::new(letter.id))
                .headers(headers);
        written.key = record.key();
        written.payload = record.payload();
        producer.send(written).map_err(|(error, _)| failure(&error))
    }

    /// Closes the producer, if there is one. Blocks for a part of a second.
    pub(crate) fn close(self) {
        drop(self.producer);
    }
}

impl ClientContext for DeadLetterContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(
        &self,
        config: Option<&str>,
    ) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        self.tokens.make(config)
    }

    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "librdkafka", facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, reason);
    }
}

impl ProducerContext for DeadLetterContext {
    type DeliveryOpaque = Box<DeadLetterId>;

    fn delivery(&self, result: &DeliveryResult<'_>, id: Box<DeadLetterId>) {
        let result = match result {
            Ok(_) => Ok(()),
            Err((error, _)) => Err(failure(error)),
        };
        self.answers.send(Answer::DeadLetter(*id, result));
    }
}
