//! How many tokens of each sequence a step takes in.
//!
//! Those that go on with an answer have one, and all of them are taken. Prompts are read in pieces
//! beside them, so that a long one holds nobody up for longer than a piece takes. A piece ends with
//! a page, and so does the last but for a few tokens, whatever the company: then the prompt gives
//! the same bits however it was cut, and from whichever page on it is read.

use crate::kernels::FEW;
use crate::network::PAGE;

/// A sequence that waits for a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    /// How many tokens it has taken in.
    pub(super) start: usize,
    /// How many it has yet to.
    pub(super) left: usize,
}

impl Waiting {
    fn is_long(self) -> bool {
        self.left > FEW
    }

    /// How many tokens it has before the few at its end, if they begin a page.
    fn long(self) -> usize {
        match (self.start + self.left) % PAGE {
            rest @ 1..=FEW => self.left - rest,
            _ => self.left,
        }
    }

    /// How many tokens to take if there is room for so many.
    fn piece(self, room: usize) -> usize {
        if self.long() <= room {
            return self.long();
        }
        let end = (self.start + room) / PAGE * PAGE;
        end.saturating_sub(self.start)
    }
}

/// How many tokens to take of each of those that wait, the one that came first in front.
pub(super) fn plan(waiting: &[Waiting]) -> Vec<usize> {
    let mut taken: Vec<usize> =
        waiting.iter().map(|it| if it.is_long() { 0 } else { it.left }).collect();
    let mut room = if taken.iter().any(|taken| *taken > 0) { BESIDE } else { ALONE };
    let mut long: Vec<usize> = (0..waiting.len()).filter(|i| waiting[*i].is_long()).collect();
    // The first has half of the room for itself; of the rest, that which is soonest done.
    if let Some(first) = long.first() {
        taken[*first] = waiting[*first].piece(room / 2);
        room -= taken[*first];
    }
    long.sort_by_key(|i| waiting[*i].left);
    for i in long {
        let Waiting { start, left } = waiting[i];
        let rest = Waiting { start: start + taken[i], left: left - taken[i] };
        if rest.is_long() {
            let piece = rest.piece(room);
            taken[i] += piece;
            room -= piece;
        }
    }
    taken
}

/// So many tokens of prompts are read at once while others wait for their next one.
const BESIDE: usize = 2 * PAGE;
/// So many while nobody does.
const ALONE: usize = 8 * PAGE;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(waiting: &[(usize, usize)], expected: &[usize]) {
        let waiting: Vec<_> =
            waiting.iter().map(|(start, left)| Waiting { start: *start, left: *left }).collect();
        assert_eq!(plan(&waiting), expected);
    }

    #[test]
    fn each_answer_goes_on_and_prompts_are_read_in_pieces_beside() {
        check(&[(100, 1), (7, 1)], &[1, 1]);
        check(&[(0, 5)], &[5]);
        check(&[(0, 30)], &[30]);
        // The few at the end, if they begin a page, come with the next step.
        check(&[(0, 64)], &[64]);
        check(&[(0, 70)], &[64]);
        check(&[(64, 6)], &[6]);
        check(&[(0, 3000)], &[512]);
        check(&[(100, 1), (0, 3000), (7, 1)], &[1, 128, 1]);
        check(&[(64, 3000), (100, 1)], &[128, 1]);
        // A short prompt does not wait until a long one is read.
        check(&[(0, 3000), (100, 1), (0, 40)], &[64, 1, 40]);
        check(&[(0, 3000), (0, 100), (0, 90)], &[256 + 64, 100, 90]);
    }

    proptest! {
        #[test]
        fn somebody_always_goes_on_and_pieces_end_with_pages(
            waiting in prop::collection::vec((0..50_usize, 1..2000_usize), 1..20),
        ) {
            let waiting: Vec<_> = waiting
                .into_iter()
                .map(|(pages, left)| Waiting { start: pages * PAGE, left })
                .collect();
            let taken = plan(&waiting);
            prop_assert!(taken.iter().sum::<usize>() > 0);
            let mut read = 0;
            for (waiting, taken) in waiting.iter().zip(taken) {
                let end = waiting.start + taken;
                prop_assert!(end % PAGE == 0 || taken == waiting.left);
                if waiting.is_long() {
                    read += taken;
                    prop_assert!(taken == 0 || taken > FEW);
                } else {
                    prop_assert_eq!(taken, waiting.left);
                }
            }
            prop_assert!(read <= ALONE);
        }
    }
}
