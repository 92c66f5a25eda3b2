//! The step that all shrinking has in common: leaving out parts of a list.

use std::ops::Range;

/// Tries to leave out ranges of a list, long ones first, and every range of a length before shorter ones.
///
/// `length` returns the current length of the list in `state`. `attempt` leaves out a range if what remains still fails, and
/// returns whether it did.
pub(crate) fn leave_out_ranges<S>(
    state: &mut S,
    length: impl Fn(&mut S) -> usize,
    mut attempt: impl FnMut(&mut S, Range<usize>) -> bool,
) {
    let mut size = length(state);
    while size > 0 {
        let mut from = 0;
        while from < length(state) {
            let to = (from + size).min(length(state));
            if !attempt(state, from..to) {
                from = to;
            }
        }
        size /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::leave_out_ranges;

    #[test]
    fn what_is_left_out_leaves_exactly_the_elements_that_are_needed() {
        let mut list: Vec<u32> = (0..100).collect();
        let needed = [3, 4, 57, 99];
        leave_out_ranges(
            &mut list,
            |list| list.len(),
            |list, range| {
                let mut candidate = list.clone();
                candidate.drain(range);
                let fails = needed.iter().all(|it| candidate.contains(it));
                if fails {
                    *list = candidate;
                }
                fails
            },
        );
        assert_eq!(list, needed);
    }
}
