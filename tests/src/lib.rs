//! x

pub mod apache_kafka;
