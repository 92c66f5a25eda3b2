//! A second dispatcher, written from `docs/dispatch-rules.md` in another style: tables of facts that only grow, and queries over them.
//!
//! Nothing is kept that can be computed: no window, no lanes, no counts, no armed deadline. It is slow, and shares no code with the core.
//! `rule N` names a rule of that page.

mod queries;
mod tables;
mod updates;

pub(crate) use tables::Reference;
