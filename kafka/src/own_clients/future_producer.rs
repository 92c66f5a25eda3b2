//! A `FutureProducer` whose deliveries are evidence.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::channel::oneshot::Canceled;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{Message as _, ToBytes};
use rdkafka::producer::future_producer::{DeliveryFuture, OwnedDeliveryResult};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::{AsyncRuntime, Timeout};

use super::context::OwnContext;
use super::link::{Answered, Link};

/// rdkafka's [`FutureProducer`], with deliveries that are evidence. `send` and `send_result` are the same; everything else is that of
/// the `FutureProducer` inside.
///
/// The result of a delivery is taken when its future is awaited, and evidence of the instant at which it can have arrived at the
/// latest while it was still awaited. A future that is dropped is no evidence, and its failure is not counted.
pub struct OwnFutureProducer<C, R>
where
    C: ClientContext + 'static,
{
    producer: FutureProducer<OwnContext<C>, R>,
    link: Arc<Link>,
}

impl<C: ClientContext + 'static, R: AsyncRuntime> OwnFutureProducer<C, R> {
    pub(super) fn new(config: &ClientConfig, context: OwnContext<C>) -> KafkaResult<Self> {
        let link = Arc::clone(context.link());
        let producer = FutureProducer::from_config_and_context(config, context)?;
        Ok(Self { producer, link })
    }

    /// As [`FutureProducer::send`].
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn send<K, P, T>(
        &self,
        record: FutureRecord<'_, K, P>,
        queue_timeout: T,
    ) -> OwnedDeliveryResult
    where
        K: ToBytes + ?Sized,
        P: ToBytes + ?Sized,
        T: Into<Timeout>,
    {
        let topic = record.topic;
        let mut sent = pin!(self.producer.send(record, queue_timeout));
        let mut answered = self.link.answered();
        let result = std::future::poll_fn(|context| {
            poll_result(&self.link, &mut answered, || sent.as_mut().poll(context))
        })
        .await;
        self.link.take(&result, answered, Some(topic));
        result
    }

    /// As [`FutureProducer::send_result`].
    ///
    /// # Errors
    ///
    /// The same.
    #[expect(clippy::result_large_err, reason = "it is that of rdkafka")]
    #[inline]
    pub fn send_result<'a, K, P>(
        &self,
        record: FutureRecord<'a, K, P>,
    ) -> Result<OwnDelivery, (KafkaError, FutureRecord<'a, K, P>)>
    where
        K: ToBytes + ?Sized,
        P: ToBytes + ?Sized,
    {
        // Whether the topic works again is asked only while it does not.
        let is_asked = self.link.has_failed_deliveries();
        let topic = is_asked.then(|| Box::from(record.topic));
        let answered = self.link.answered();
        match self.producer.send_result(record) {
            Ok(sent) => Ok(OwnDelivery {
                sent,
                link: Arc::clone(&self.link),
                answered,
                topic,
            }),
            Err((error, record)) => {
                self.link.on_failed(&error, record.topic);
                Err((error, record))
            }
        }
    }
}

#[cfg(test)]
impl<C: ClientContext, R> OwnFutureProducer<C, R> {
    pub(super) fn link(&self) -> &Link {
        &self.link
    }
}

impl<C: ClientContext + 'static, R> Deref for OwnFutureProducer<C, R> {
    type Target = FutureProducer<OwnContext<C>, R>;

    fn deref(&self) -> &Self::Target {
        &self.producer
    }
}

impl<C: ClientContext + 'static, R> Clone for OwnFutureProducer<C, R> {
    fn clone(&self) -> Self {
        Self {
            producer: self.producer.clone(),
            link: Arc::clone(&self.link),
        }
    }
}

impl<C: ClientContext + 'static, R> fmt::Debug for OwnFutureProducer<C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnFutureProducer").finish_non_exhaustive()
    }
}

/// The result of a delivery, in the future. As rdkafka's [`DeliveryFuture`].
#[must_use = "a delivery that nobody awaits is no evidence, and its failure is not counted"]
pub struct OwnDelivery {
    sent: DeliveryFuture,
    link: Arc<Link>,
    answered: Answered,
    topic: Option<Box<str>>,
}

impl Future for OwnDelivery {
    type Output = Result<OwnedDeliveryResult, Canceled>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let sent = &mut this.sent;
        let polled = poll_result(&this.link, &mut this.answered, || {
            Pin::new(sent).poll(context)
        });
        if let Poll::Ready(Ok(result)) = &polled {
            let topic = this.topic.as_deref();
            this.link.take(result, this.answered, topic);
        }
        polled
    }
}

impl fmt::Debug for OwnDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnDelivery").finish_non_exhaustive()
    }
}

/// Polls a result that was not there when a broker had answered at `answered`, and moves that forward while it is not there.
#[inline]
fn poll_result<T>(link: &Link, answered: &mut Answered, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
    // Read first: what is read after the poll may be newer than a result that comes in between.
    let known = link.answered();
    let polled = poll();
    if polled.is_pending() {
        *answered = known;
    }
    polled
}

impl Link {
    #[inline]
    fn take(&self, result: &OwnedDeliveryResult, answered: Answered, topic: Option<&str>) {
        match result {
            Ok(delivery) => {
                self.on_acknowledged(delivery.offset, answered);
                if let Some(topic) = topic {
                    self.on_delivered(|| topic);
                }
            }
            Err((error, message)) => self.on_failed(error, message.topic()),
        }
    }
}
