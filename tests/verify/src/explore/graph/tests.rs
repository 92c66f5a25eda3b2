//! Tests on graphs that are small enough to draw on paper.

use livebus_core::{Phase, Status};

use super::*;
use crate::explore::moves::BusState;

/// Builds a graph of states 0.., of which the last is outside. Each edge says whether it takes a tick.
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
            deadline_in_a_tick: false,
            handler_fails: false,
        });
        for (_, to, tick) in edges.iter().filter(|edge| edge.0 == state) {
            explored.edges.push(Edge {
                to: *to,
                what: if *tick { Move::Tick } else { Move::Shutdown },
                attempts: false,
                starts: false,
            });
        }
    }
    explored.starts.push(explored.edges.len());
    explored
}

fn max_ticks(explored: &Explored) -> Result<u32, Stays> {
    longest_path(
        explored,
        |it| it.phase != Phase::Stopped,
        |_, _| EdgeRole::Inside,
    )
    .map(|it| it.0)
}

#[test]
fn longest_of_two_paths_counts() {
    let two_paths = graph(
        4,
        &[(0, 3, true), (0, 1, true), (1, 2, false), (2, 3, true)],
    );
    assert_eq!(max_ticks(&two_paths), Ok(2));
}

#[test]
fn cycle_in_which_time_passes_is_never_left() {
    let cycle = graph(3, &[(0, 1, true), (1, 0, false), (1, 2, true)]);
    assert!(matches!(max_ticks(&cycle), Err(Stays::Forever(_))));
    let loop_of_one = graph(2, &[(0, 0, true), (0, 1, true)]);
    assert_eq!(max_ticks(&loop_of_one), Err(Stays::Forever(0)));
}

#[test]
fn cycle_in_which_no_time_passes_is_left() {
    let cycle = graph(3, &[(0, 1, false), (1, 0, false), (1, 2, true)]);
    assert_eq!(max_ticks(&cycle), Ok(1));
}

#[test]
fn state_without_a_next_state_is_stuck() {
    let dead_end = graph(3, &[(0, 1, true), (0, 2, true)]);
    assert_eq!(max_ticks(&dead_end), Err(Stays::Stuck(1)));
    let only_itself = graph(2, &[(0, 0, false)]);
    assert_eq!(max_ticks(&only_itself), Err(Stays::Stuck(0)));
}

#[test]
fn awaited_edge_is_an_exit_wherever_it_ends() {
    let cycle = graph(3, &[(0, 1, true), (1, 0, true), (1, 2, true)]);
    let inside = |it: &Facts| it.phase != Phase::Stopped;
    let out = |_: &Facts, edge: &Edge| match edge.to {
        0 => EdgeRole::Exit,
        2 => EdgeRole::Excluded,
        _ => EdgeRole::Inside,
    };
    assert_eq!(longest_path(&cycle, inside, out).map(|it| it.0), Ok(2));
}

#[test]
fn only_states_with_a_path_to_the_goal_reach_it() {
    let explored = graph(4, &[(0, 1, true), (1, 3, true), (2, 2, true), (3, 2, true)]);
    let reaches = can_reach(&explored, |it| it.phase == Phase::Stopped, |_, _| true);
    assert_eq!(reaches, [true, true, false, true]);
}
