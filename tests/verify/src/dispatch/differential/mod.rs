//! The core and the reference model, on the same random scripts: every action and every deadline must be the same.

mod script;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Instant;

use livebus_core::dispatch::{Action, Config, Delivery, Dispatcher, OnRemoved};

use super::environment::EPOCH;
use super::reference::Reference;
use super::simulation::random_config;
use crate::rng::Rng;

pub use script::{Input, Script};

/// Where both differ.
#[derive(Debug, Clone)]
pub struct Difference {
    /// The seed of the script, if it has one.
    pub seed: Option<u64>,
    /// The events up to the difference, as text.
    pub script: Vec<String>,
    /// What the core did.
    pub core: String,
    /// What the reference model did.
    pub reference: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.script {
            writeln!(f, "{line}")?;
        }
        if let Some(seed) = self.seed {
            writeln!(f, "seed {seed}")?;
        }
        write!(f, "core      {}\nreference {}", self.core, self.reference)
    }
}

impl std::error::Error for Difference {}

/// Compares both on the script of a seed, with settings of this seed. Returns the kinds of actions that came.
///
/// # Errors
///
/// The first difference.
pub fn compare(seed: u64, steps: u32) -> Result<BTreeSet<&'static str>, Box<Difference>> {
    let mut rng = Rng::new(seed);
    let config = random_config(&mut rng, |settings, rng| {
        settings.delivery = rng.pick(&[Delivery::Group, Delivery::Group, Delivery::Broadcast]);
        settings.on_removed = rng.pick(&[OnRemoved::Stop, OnRemoved::Continue]);
    });
    let numbers: Vec<u64> = (0..steps).map(|_| rng.next_u64()).collect();
    compare_steps(&config, &numbers).map_err(|mut difference| {
        difference.seed = Some(seed);
        difference
    })
}

/// Compares both on the script that has a step for each number. Returns the kinds of actions that came.
///
/// # Errors
///
/// The first difference.
pub fn compare_steps(
    config: &Config,
    numbers: &[u64],
) -> Result<BTreeSet<&'static str>, Box<Difference>> {
    let mut core = Dispatcher::new(config.clone(), *EPOCH);
    let mut reference = Reference::new(config.settings().clone(), *EPOCH);
    let mut script = Script::new(*EPOCH);
    let mut kinds = BTreeSet::new();
    let mut texts = Vec::new();
    let different = |script: &[String], reference| {
        Box::new(Difference {
            seed: None,
            script: script.to_vec(),
            core: "something else".to_owned(),
            reference,
        })
    };
    for &number in numbers {
        let input = script.draw(number, core.poll_timeout());
        texts.push(format!("{:?} {:?}", input.at - *EPOCH, input.event()));
        if let Some(event) = input.event() {
            core.handle_event(input.at, event);
            reference.handle_event(input.at, event);
        } else {
            core.handle_timeout(input.at);
            reference.handle_timeout(input.at);
        }
        // What a recording begins with in the middle.
        core = Dispatcher::restore(config.clone(), *EPOCH, &core.snapshot(*EPOCH))
            .filter(|restored| *restored == core)
            .ok_or_else(|| different(&texts, "equal to its snapshot".to_owned()))?;
        let actions: Vec<Action> = std::iter::from_fn(|| core.poll_action()).collect();
        let theirs: Vec<Action> = std::iter::from_fn(|| reference.poll_action()).collect();
        let (timeout, their_timeout) = (core.poll_timeout(), reference.poll_timeout());
        if actions != theirs || timeout != their_timeout {
            let since = |at: Option<Instant>| at.map(|at| at.saturating_duration_since(*EPOCH));
            return Err(Box::new(Difference {
                core: format!("{actions:?} {:?}", since(timeout)),
                ..*different(&texts, format!("{theirs:?} {:?}", since(their_timeout)))
            }));
        }
        for action in &actions {
            kinds.insert(script.follow(action));
        }
    }
    Ok(kinds)
}
