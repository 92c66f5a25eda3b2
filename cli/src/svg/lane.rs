//! The lanes, from the top to the bottom.

use super::axis::Scale;
use super::canvas::Canvas;
use super::history::History;
use super::{bands, marks, proofs};

/// A lane of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    Status,
    Warning,
    Proofs,
    Messages,
    Hints,
    Client,
    Handlers,
}

impl Lane {
    /// Returns the lanes that have content, and those that are always drawn.
    pub(super) fn of(history: &History) -> impl Iterator<Item = Self> {
        let all = [
            Self::Status,
            Self::Warning,
            Self::Proofs,
            Self::Messages,
            Self::Hints,
            Self::Client,
            Self::Handlers,
        ];
        all.into_iter().filter(|lane| match lane {
            Self::Status | Self::Proofs | Self::Messages | Self::Client => true,
            Self::Warning => history.reports.iter().any(|it| it.report.warning.is_some()),
            Self::Hints => !history.hints.is_empty(),
            Self::Handlers => !history.registrations.all().is_empty(),
        })
    }

    pub(super) const fn height(self) -> f64 {
        match self {
            Self::Status => 68.0,
            Self::Proofs => 66.0,
            Self::Warning => 22.0,
            Self::Messages | Self::Hints | Self::Client | Self::Handlers => 28.0,
        }
    }

    /// Returns its label, and the second line of that.
    pub(super) const fn label(self) -> (&'static str, &'static str) {
        match self {
            Self::Status => ("status", "and its cause"),
            Self::Warning => ("warning", ""),
            Self::Proofs => ("proofs", "and the lease left"),
            Self::Messages => ("checks", "liveness messages"),
            Self::Hints => ("hints", "prove nothing"),
            Self::Client => ("client", "starts and stops"),
            Self::Handlers => ("handlers", "registrations"),
        }
    }

    pub(super) fn draw(self, canvas: &mut Canvas, history: &History, scale: &Scale, y: f64) {
        let height = self.height();
        match self {
            Self::Status => bands::statuses(canvas, history, scale, y, height),
            Self::Warning => bands::warnings(canvas, history, scale, y, height),
            Self::Proofs => proofs::draw(canvas, history, scale, y, height),
            Self::Messages => marks::messages(canvas, history, scale, y, height),
            Self::Hints => marks::hints(canvas, history, scale, y, height),
            Self::Client => marks::client(canvas, history, scale, y, height),
            Self::Handlers => marks::registrations(canvas, history, scale, y, height),
        }
    }
}
