//! The levels of librdkafka's log lines.

use rdkafka::config::RDKafkaLogLevel;

/// Returns whether a line of this level is logged at `debug`. The others are logged at `trace`.
pub(crate) const fn is_notable(level: RDKafkaLogLevel) -> bool {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
        | RDKafkaLogLevel::Warning
        | RDKafkaLogLevel::Notice => true,
        RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => false,
    }
}
