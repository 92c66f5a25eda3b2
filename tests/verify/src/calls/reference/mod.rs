//! A second `Calls`, in another style: it keeps the facts about each call, nothing that follows from them, and computes everything again from
//! these facts at each instant. The numbers are those of `docs/calls-rules.md`.

mod facts;
mod updates;

pub(super) use facts::Reference;
