//! One case: settings and a story, a pure function of a seed and a number.

use livebus_core::Settings;

use super::dice::Dice;
use super::script::Step;
use super::{script, settings};

/// Settings, and what is told to a supervisor that has them.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) settings: Settings,
    pub(super) steps: Vec<Step>,
}

impl Case {
    /// The case of this number.
    pub(super) fn draw(seed: u64, number: u64, steps: usize) -> Self {
        let mut dice = Dice::of_case(seed, number);
        let settings = settings::draw(&mut dice);
        let steps = script::draw(&mut dice, &settings, steps);
        Self { settings, steps }
    }
}
