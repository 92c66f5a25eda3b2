//! Graphs that are small enough to be drawn on paper.

use livebus_core::{Phase, Status};

use super::*;
use crate::explore::moves::BusState;

/// States 0.., of which the last is outside; edges with their ticks.
fn graph(states: u32, edges: &[(u32, u32, bool)]) -> Explored {
    let mut explored = Explored::default();
    for state in 0..states {
        explored.starts.push(explored.edges.len());
        explored.states.push(Facts {
            status: Status::NotReady,
            phase: if state == states - 1 {
                Phase::Stopped
            } else {
                Phase::Draining
            },
            bus: BusState::Up,
            ending: false,
            pressing: false,
        });
        for (_, to, tick) in edges.iter().filter(|edge| edge.0 == state) {
            explored.edges.push(Edge {
                to: *to,
                what: if *tick { Move::Tick } else { Move::Hint },
                tries: false,
                starts: false,
            });
        }
    }
    explored.starts.push(explored.edges.len());
    explored
}

fn longest(explored: &Explored) -> Result<u32, Stays> {
    longest_way(explored, |it| it.phase != Phase::Stopped, |_, _| Leads::On).map(|it| it.0)
}

#[test]
fn the_longest_of_two_ways_counts() {
    let two_ways = graph(
        4,
        &[(0, 3, true), (0, 1, true), (1, 2, false), (2, 3, true)],
    );
    assert_eq!(longest(&two_ways), Ok(2));
}

#[test]
fn a_cycle_in_which_time_passes_stays_for_ever() {
    let cycle = graph(3, &[(0, 1, true), (1, 0, false), (1, 2, true)]);
    assert!(matches!(longest(&cycle), Err(Stays::ForEver(_))));
    let loop_of_one = graph(2, &[(0, 0, true), (0, 1, true)]);
    assert_eq!(longest(&loop_of_one), Err(Stays::ForEver(0)));
}

#[test]
fn a_cycle_in_which_no_time_passes_is_left() {
    let cycle = graph(3, &[(0, 1, false), (1, 0, false), (1, 2, true)]);
    assert_eq!(longest(&cycle), Ok(1));
}

#[test]
fn a_state_without_a_way_on_is_stuck() {
    let dead_end = graph(3, &[(0, 1, true), (0, 2, true)]);
    assert_eq!(longest(&dead_end), Err(Stays::Stuck(1)));
    let only_itself = graph(2, &[(0, 0, false)]);
    assert_eq!(longest(&only_itself), Err(Stays::Stuck(0)));
}

#[test]
fn what_is_waited_for_is_a_way_out_wherever_it_ends() {
    let cycle = graph(3, &[(0, 1, true), (1, 0, true), (1, 2, true)]);
    let inside = |it: &Facts| it.phase != Phase::Stopped;
    let out = |_: &Facts, edge: &Edge| match edge.to {
        0 => Leads::Out,
        2 => Leads::Nowhere,
        _ => Leads::On,
    };
    assert_eq!(longest_way(&cycle, inside, out).map(|it| it.0), Ok(2));
}

#[test]
fn what_leads_to_the_goal_reaches_it_and_nothing_else_does() {
    let explored = graph(4, &[(0, 1, true), (1, 3, true), (2, 2, true), (3, 2, true)]);
    let reaches = can_reach(&explored, |it| it.phase == Phase::Stopped, |_, _| true);
    assert_eq!(reaches, [true, true, false, true]);
}
