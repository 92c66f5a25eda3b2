//! All claims, in simulated groups whose faults end; and the reference model, on inputs that keep no promise.

use livebus_verify::dispatch::differential::compare_steps;
use livebus_verify::dispatch::simulation::simulate_steps;
use proptest::prelude::*;

use crate::config_for;
use crate::settings::{any_config, any_topic, steps};

proptest! {
    #![proptest_config(config_for!("claims", 1_000))]

    /// D1 to D19 at every step, D20 at the end.
    #[test]
    fn claims_hold_in_a_group_with_faults(
        topic in any_topic(),
        members in 1_usize..4,
        rates in 1_u64..=u64::MAX,
        numbers in steps(600),
    ) {
        simulate_steps(&topic, members, rates, &numbers)
            .map_err(|failure| TestCaseError::fail(failure.to_string()))?;
    }

    /// Without faults no record is handled twice.
    #[test]
    fn claims_hold_in_a_group_without_faults(
        topic in any_topic(),
        members in 1_usize..4,
        numbers in steps(300),
    ) {
        let summary = simulate_steps(&topic, members, 0, &numbers)
            .map_err(|failure| TestCaseError::fail(failure.to_string()))?;
        prop_assert_eq!(summary.again, 0);
    }

    /// Every action and every deadline.
    #[test]
    fn core_and_reference_model_do_the_same(config in any_config(), numbers in steps(200)) {
        compare_steps(&config, &numbers)
            .map_err(|difference| TestCaseError::fail(difference.to_string()))?;
    }
}
