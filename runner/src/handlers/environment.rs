//! What a handler takes from the outside.

use std::sync::Arc;
use std::time::Instant;

use crate::loops::Clock;
use crate::runtime::Spawn;

/// What a handler takes from the outside: where its functions run, its clock, and when it began.
#[derive(Clone)]
pub(crate) struct Environment {
    pub(crate) spawn: Arc<dyn Spawn>,
    pub(crate) clock: Clock,
    pub(crate) began: Instant,
}
