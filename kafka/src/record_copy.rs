//! Copies records from librdkafka into batches.

use livebus_runner::handlers::{Batch, Header};
use rdkafka::Message as _;
use rdkafka::message::{BorrowedMessage, Headers as _};

/// Copies a record, with its headers or without. Returns the bytes by which the batch grew.
pub(crate) fn copy(batch: &mut Batch, message: &BorrowedMessage<'_>, with_headers: bool) -> usize {
    let before = batch.bytes_held();
    let headers = if with_headers {
        message.headers()
    } else {
        None
    };
    let count = headers.map_or(0, rdkafka::message::Headers::count);
    let headers = (0..count).filter_map(|index| {
        let header = headers?.try_get(index)?;
        Some(Header {
            name: header.key,
            value: header.value,
        })
    });
    let timestamp = message.timestamp().to_millis();
    let is_added = batch.push(
        message.offset(),
        timestamp,
        message.key(),
        message.payload(),
        headers,
    );
    // A batch is taken long before it has 4 GiB.
    debug_assert!(is_added, "the batch is full");
    batch.bytes_held() - before
}
