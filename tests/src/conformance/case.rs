//! One case: a world, and what is claimed of it.

use super::by_hand::by_hand;
use super::stage::{Host, Stage};
use super::step::Step;
use super::trace::{Scene, first_difference, millis};
use super::world::World;

/// What every story begins with, so that no claim repeats it.
const BEGINNING: [&str; 2] = ["0 Preparing: Configured", "0 Prepared: Starting"];

/// How many live in a world where a loop finds several things when it wakes. It may look at them in a random order, so one
/// that is right in one order only would else be found right too often.
const TIMES: usize = 8;

/// A world, and what is to be seen in it.
#[derive(Debug, Clone)]
pub struct Case {
    /// What is true, as a sentence.
    pub sentence: &'static str,
    /// Where.
    pub world: World,
    shows: Vec<&'static str>,
    asks: Option<Vec<u64>>,
}

impl Case {
    /// `sentence` is true in `world`.
    #[must_use]
    pub const fn new(sentence: &'static str, world: World) -> Self {
        Self {
            sentence,
            world,
            shows: Vec::new(),
            asks: None,
        }
    }

    /// Claims all changes of status and all looks, each with its millisecond, after the first two that never differ.
    #[must_use]
    pub fn shows(self, lines: impl Into<Vec<&'static str>>) -> Self {
        Self {
            shows: lines.into(),
            ..self
        }
    }

    /// Claims the milliseconds at which liveness messages go out.
    #[must_use]
    pub fn asks(self, at: impl Into<Vec<u64>>) -> Self {
        Self {
            asks: Some(at.into()),
            ..self
        }
    }

    /// Checks the claim on the core, driven by hand.
    ///
    /// # Errors
    ///
    /// What is to be seen instead.
    pub fn check(&self) -> Result<(), String> {
        let steps = by_hand(&self.world);
        let shown: Vec<&str> = steps
            .iter()
            .flat_map(|it| &it.claims)
            .map(String::as_str)
            .collect();
        let claimed: Vec<&str> = BEGINNING.iter().chain(&self.shows).copied().collect();
        if shown != claimed {
            return Err(format!("claimed: {claimed:#?}\nshown: {shown:#?}"));
        }
        let asked: Vec<String> = steps
            .iter()
            .flat_map(|it| &it.asks)
            .map(|at| millis(*at))
            .collect();
        match &self.asks {
            Some(asks) if asks.iter().map(u64::to_string).ne(asked.iter().cloned()) => {
                Err(format!("claimed to ask at {asks:?}, asked at {asked:?}"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Plays one world to a runner and compares its trace with that of the core, driven by hand.
///
/// # Errors
///
/// Where the two part, or what the runner owed and did not do.
pub fn play<H: Host>(host: &H, world: &World) -> Result<(), String> {
    let many = if world.comes_at_once() { TIMES } else { 1 };
    crowd(host, world, many)
}

/// Plays one world to `many` supervisions of a runner at a time, step by step.
///
/// # Errors
///
/// As [`play`], for the first of them that is not as it should be.
pub fn crowd<H: Host>(host: &H, world: &World, many: usize) -> Result<(), String> {
    let steps = by_hand(world);
    let mut stages: Vec<_> = (0..many).map(|_| Stage::new(host, world)).collect();
    for step in &steps {
        for stage in &mut stages {
            stage
                .play(step)
                .map_err(|owed| explain(&steps, stage.scenes(), &owed))?;
        }
        for stage in &mut stages {
            stage
                .settle(step)
                .map_err(|owed| explain(&steps, stage.scenes(), &owed))?;
        }
    }
    let expected = scenes(&steps);
    for stage in stages {
        let trace = stage.leave()?;
        if let Some(difference) = first_difference(&expected, &trace) {
            return Err(difference);
        }
    }
    Ok(())
}

fn scenes(steps: &[Step]) -> Vec<Scene> {
    steps.iter().map(|step| step.scene.clone()).collect()
}

fn explain(steps: &[Step], played: &[Scene], owed: &str) -> String {
    let expected = scenes(&steps[..played.len()]);
    match first_difference(&expected, played) {
        Some(difference) => format!("{owed}\n{difference}"),
        None => owed.to_owned(),
    }
}
