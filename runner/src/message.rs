//! What the loop of a supervision receives.

use std::time::Instant;

use livebus_core::Event;

/// An event, and the instant at which it happened.
pub type Message = (Instant, Event);
