//! The records that all consumers read.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::rows::Row;

/// The keys of the row [`Row::Keys`].
const KEYS: u64 = 1_000;

/// Writes the records of a row.
pub(crate) fn fill(servers: &str, row: Row, records: u64) -> anyhow::Result<()> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("linger.ms", "20")
        .set("batch.num.messages", "10000")
        .create()?;
    let payload = vec![b'x'; row.bytes()];
    for number in 0..records {
        let key = (number % KEYS).to_string();
        loop {
            let record = BaseRecord::to(row.topic()).payload(&payload);
            let record = if row == Row::Keys {
                record.key(&key)
            } else {
                record
            };
            match producer.send(record) {
                Ok(()) => break,
                Err((error, _))
                    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) =>
                {
                    producer.poll(Duration::from_millis(5));
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }
    producer.flush(Duration::from_mins(5))?;
    Ok(())
}
