//! What a handle does, in front of a loop that the test plays.

mod by_hand;
mod inbox;
mod remedies;
mod waiting;
