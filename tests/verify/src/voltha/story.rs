//! The smallest story of a failure: the same world with everything left out that it does not need.

use std::time::Duration;

use super::differential::{Tally, Unexplained, play};
use super::world::World;

/// Leaves out whatever can be left out so that `world` still fails, and tells how it fails then.
#[must_use]
pub fn smallest(world: World, failure: Unexplained) -> (World, Unexplained) {
    let mut story = Story { world, failure };
    story.end_at_the_failure();
    loop {
        let before = story.size();
        story.without(|world| &mut world.traffic);
        story.without(|world| &mut world.bus);
        story.without(|world| &mut world.starts);
        story.attempt(|world| world.shutdown = None);
        story.sooner();
        story.end_at_the_failure();
        if story.size() == before {
            return (story.world, story.failure);
        }
    }
}

struct Story {
    world: World,
    failure: Unexplained,
}

impl Story {
    fn size(&self) -> (usize, usize, usize, bool, usize) {
        let world = &self.world;
        (
            world.traffic.len(),
            world.bus.len(),
            world.starts.len(),
            world.shutdown.is_some(),
            self.failure.log.len(),
        )
    }

    fn attempt(&mut self, change: impl FnOnce(&mut World)) -> bool {
        let mut world = self.world.clone();
        change(&mut world);
        match play(&world, &mut Tally::default()) {
            Ok(()) => false,
            Err(failure) => {
                *self = Self { world, failure };
                true
            }
        }
    }

    fn end_at_the_failure(&mut self) {
        let end = self.failure.at;
        self.attempt(|world| {
            world.end = end;
            world.traffic.retain(|(at, _)| *at <= end);
            world.bus.retain(|(at, _)| *at <= end);
        });
    }

    /// Moves everything towards the beginning, by much at first, where that makes the story shorter.
    fn sooner(&mut self) {
        let mut by = self.world.end;
        while by > Duration::from_secs(1) {
            let before = (self.world.clone(), self.failure.clone());
            let moved = self.attempt(|world| world.move_sooner(by));
            if !moved || self.failure.log.len() >= before.1.log.len() {
                (self.world, self.failure) = before;
                by /= 2;
            }
        }
    }

    /// Leaves out runs of a list, long ones first.
    fn without<T>(&mut self, list: impl Fn(&mut World) -> &mut Vec<T>) {
        let mut run = list(&mut self.world).len();
        while run > 0 {
            let mut from = 0;
            while from < list(&mut self.world).len() {
                let until = (from + run).min(list(&mut self.world).len());
                let left_out = self.attempt(|world| {
                    list(world).drain(from..until);
                });
                if !left_out {
                    from = until;
                }
            }
            run /= 2;
        }
    }
}
