//! The cases, by subject.
#![expect(
    clippy::too_many_lines,
    reason = "a function here is a list of cases, however long"
)]

mod bad_news;
mod blocked;
mod dropped;
mod handlers;
mod life;
mod live;
mod lost;
mod not_live;
mod shutdown;
mod start;

use super::case::Case;

pub use life::life;

/// Every case, in the order in which a supervision lives.
#[must_use]
pub fn cases() -> Vec<Case> {
    [
        start::cases(),
        live::cases(),
        not_live::cases(),
        bad_news::cases(),
        lost::cases(),
        handlers::cases(),
        blocked::cases(),
        shutdown::cases(),
        dropped::cases(),
        vec![life()],
    ]
    .concat()
}
