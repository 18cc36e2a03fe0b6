//! Byte pair encoding of one piece: of all neighbours whose join is a token, those with the lowest
//! rank are joined, the first ones first, until none is left.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::vocabulary::{NONE, Vocabulary};

/// How many tokens the piece of a text from `start` to `end` is, if it is not one itself.
///
/// It takes `n log n` steps at most for `n` bytes. `lists` is memory for long pieces.
#[inline]
pub(super) fn count(
    vocabulary: &Vocabulary,
    lists: &mut Lists,
    text: &[u8],
    start: usize,
    end: usize,
) -> usize {
    if end - start <= FEW {
        count_few(vocabulary, text, start, end)
    } else {
        // A place has 32 bits, so that of four gigabytes without a space each part is on its own.
        let parts = text[start..end].chunks(u32::MAX as usize);
        parts.map(|part| lists.count(vocabulary, part)).sum()
    }
}

/// Up to so many bytes, a part begins where the bit of a word is set.
const FEW: usize = 64;
/// The bits of a place, below the rank of the join there.
const PLACE: i32 = FEW as i32 - 1;
/// A join that is no token.
const NEVER: i32 = i32::MAX;

pub(super) fn count_few(vocabulary: &Vocabulary, text: &[u8], start: usize, end: usize) -> usize {
    let length = end - start;
    let with_place = |rank: u32, place: usize| match rank {
        NONE => NEVER,
        // A rank has twenty bits.
        _ => (rank as i32) << 6 | place as i32,
    };
    // The least of these is the join to make.
    let mut joins = [NEVER; FEW];
    for (place, pair) in text[start..end].windows(2).enumerate() {
        joins[place] = with_place(vocabulary.pair(pair[0], pair[1]), place);
    }
    let joined =
        |from: usize, to: usize| with_place(vocabulary.rank(text, start + from, start + to), from);
    let mut parts = u64::MAX >> (FEW - length);
    loop {
        let next = least(&joins, length);
        if next == NEVER {
            return parts.count_ones() as usize;
        }
        let place = (next & PLACE) as usize;
        let after = parts & u64::MAX << place << 1;
        let gone = after.trailing_zeros() as usize;
        parts &= !(1 << gone);
        joins[gone] = NEVER;
        let first_end =
            |parts: u64| if parts == 0 { length } else { parts.trailing_zeros() as usize };
        let beyond = after & (after - 1);
        let end = first_end(beyond);
        joins[place] = match beyond {
            0 => NEVER,
            _ => joined(place, first_end(beyond & (beyond - 1))),
        };
        let before = parts & ((1 << place) - 1);
        if before != 0 {
            let left = before.ilog2() as usize;
            joins[left] = joined(left, end);
        }
    }
}

/// The least of the joins of a piece, found in several at a time.
#[inline(always)]
fn least(joins: &[i32; FEW], length: usize) -> i32 {
    let (chunks, _) = joins.as_chunks::<8>();
    let mut least = [NEVER; 8];
    for chunk in &chunks[..length.div_ceil(8)] {
        for (least, join) in least.iter_mut().zip(chunk) {
            *least = (*least).min(*join);
        }
    }
    least.into_iter().fold(NEVER, i32::min)
}

/// The parts of a long piece as a list, by the place of their first byte; kept for the next piece.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// The rank of each part joined with the next.
    ranks: Vec<u32>,
    previous: Vec<u32>,
    next: Vec<u32>,
    heap: BinaryHeap<Reverse<(u32, u32)>>,
}

impl Lists {
    pub(super) fn count(&mut self, vocabulary: &Vocabulary, piece: &[u8]) -> usize {
        let Self { ranks, previous, next, heap } = self;
        let end = piece.len() as u32;
        ranks.clear();
        ranks.extend(piece.windows(2).map(|it| vocabulary.pair(it[0], it[1])));
        ranks.push(NONE);
        next.clear();
        next.extend(1..=end);
        previous.clear();
        previous.extend((0..end).map(|place| place.saturating_sub(1)));
        let known = (0..end).zip(ranks.iter()).filter(|(_, rank)| **rank != NONE);
        heap.clear();
        heap.extend(known.map(|(place, &rank)| Reverse((rank, place))));
        let mut parts = piece.len();
        while let Some(Reverse((rank, place))) = heap.pop() {
            let at = place as usize;
            // What was joined since has another rank by now.
            if ranks[at] != rank {
                continue;
            }
            let gone = next[at] as usize;
            next[at] = next[gone];
            ranks[gone] = NONE;
            if let Some(back) = previous.get_mut(next[at] as usize) {
                *back = place;
            }
            parts -= 1;
            let before = previous[at] as usize;
            for left in [at, before] {
                ranks[left] = match next.get(next[left] as usize) {
                    Some(&end) => vocabulary.rank(piece, left, end as usize),
                    None => NONE,
                };
                if ranks[left] != NONE {
                    heap.push(Reverse((ranks[left], left as u32)));
                }
                if before == at {
                    break;
                }
            }
        }
        // One very long piece is not remembered by its memory.
        if piece.len() > MANY {
            *self = Self::default();
        }
        parts
    }
}

/// The memory for pieces of more bytes is given back.
const MANY: usize = 1 << 16;
