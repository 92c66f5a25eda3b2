//! One world played to a runner, and its trace compared with that of the core.

use super::by_hand::by_hand;
use super::stage::{Host, Stage};
use super::step::Step;
use super::trace::{Scene, first_difference};
use super::world::World;

/// How many live in a world where a loop finds several things when it wakes. It may look at them in a random order, so one
/// that is right in one order only would else be found right too often.
const TIMES: usize = 8;

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
    let steps = by_hand(world).map_err(|senseless| senseless.to_string())?;
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
