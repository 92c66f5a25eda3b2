//! The suite of livebus: a real Apache Kafka for tests, and what needs more than one crate.

pub mod apache_kafka;
