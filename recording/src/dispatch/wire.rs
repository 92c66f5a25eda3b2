//! A line as JSON.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::dispatch::columns::{Column, Offset};

/// A line as JSON. It has the fields of all kinds of lines, and each kind has some of them.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wire<'a> {
    pub(super) ns: i64,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<&'a str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) action: Option<&'a str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) end: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) partition: Option<u32>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) topic: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) number: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) generation: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) committed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resolved: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) offset: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) records: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) offsets: Option<Column<Offset>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes: Option<Column<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fingerprints: Option<Column<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) keys: Option<Column<Option<u64>>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) outcome: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) done: Option<u32>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) class: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) positions: Option<Vec<PositionWire>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) acknowledged: Option<Vec<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deadline: Option<i64>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usable: Option<bool>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) pace: Option<&'a str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) health: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) duplicates: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) queued: Option<u64>,
}

/// A position that is committed.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PositionWire {
    pub(super) partition: u32,
    pub(super) generation: u64,
    pub(super) offset: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) offsets: Option<Column<Offset>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) fingerprints: Option<Column<u32>>,
}
