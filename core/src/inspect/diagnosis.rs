//! A diagnosis as numbers, and its canonical form.

use super::Diagnosis;
#[cfg(feature = "__verify")]
use crate::context::Context;
#[cfg(feature = "__verify")]
use crate::inspect::canonical::View;
use crate::inspect::words::fields;

fields!(Diagnosis { failure, seen });

#[cfg(feature = "__verify")]
impl Diagnosis {
    /// One that is outdated decides nothing, and a timeout is what a failure without a diagnosis says anyway.
    pub(crate) fn canonical(self, view: &View<'_>) -> Option<Self> {
        let is_silent = self.failure == crate::failure::TIMED_OUT;
        let is_needless = is_silent || self.is_outdated(Context::new(view.now, view.config));
        (!is_needless).then(|| Self {
            seen: view.at(self.seen),
            ..self
        })
    }
}
