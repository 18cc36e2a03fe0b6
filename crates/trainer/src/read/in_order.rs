//! Work on many threads whose results come back in order.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::error::Result;

/// Reads on this thread, maps on others, and hands the results on in the order of reading.
///
/// `read` also says whether what it read is the last. At most `2 × threads + 1` pieces are in memory.
pub(crate) fn run<I: Send, T: Send>(
    threads: NonZeroUsize,
    mut read: impl FnMut() -> Result<(I, bool)>,
    map: impl Fn(I) -> T + Sync,
    then: &mut impl FnMut(T) -> Result<ControlFlow<()>>,
) -> Result<ControlFlow<()>> {
    let (first, mut is_last) = read()?;
    if is_last {
        // A small file is not worth a thread.
        return then(map(first));
    }
    let most = threads.get() * 2;
    let (pieces, to_do) = sync_channel::<(usize, I)>(most);
    let to_do = Mutex::new(to_do);
    thread::scope(|scope| {
        // It goes before the scope ends, and the threads with it.
        let pieces = pieces;
        let (results, done) = channel();
        for _ in 0..threads.get() {
            let (to_do, results, map) = (&to_do, results.clone(), &map);
            scope.spawn(move || {
                loop {
                    let piece = to_do.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((place, piece)) = piece else {
                        break;
                    };
                    let result = catch_unwind(AssertUnwindSafe(|| map(piece)));
                    if results.send((place, result)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(results);
        let mut next = Some(first);
        let (mut sent, mut handed) = (0, 0);
        let mut early = BTreeMap::new();
        while next.is_some() || handed < sent {
            if sent - handed < most
                && let Some(piece) = next.take()
            {
                if pieces.send((sent, piece)).is_err() {
                    break;
                }
                sent += 1;
                if !is_last {
                    let piece;
                    (piece, is_last) = read()?;
                    next = Some(piece);
                }
                continue;
            }
            let Ok((place, result)) = done.recv() else {
                break;
            };
            early.insert(place, result.unwrap_or_else(|panic| resume_unwind(panic)));
            while let Some(result) = early.remove(&handed) {
                handed += 1;
                if then(result)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn squares(threads: usize, to: usize, stop: usize) -> (Vec<usize>, ControlFlow<()>) {
        let mut numbers = 0..=to;
        let mut found = Vec::new();
        let flow = run(
            NonZeroUsize::new(threads).unwrap(),
            || {
                let number = numbers.next().unwrap();
                Ok((number, number == to))
            },
            |number| number * number,
            &mut |square| {
                found.push(square);
                Ok(if square >= stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            },
        );
        (found, flow.unwrap())
    }

    #[test]
    fn results_come_in_the_order_of_reading() {
        for (threads, to) in [(1, 0), (2, 1), (2, 100), (5, 1000)] {
            let expected: Vec<usize> = (0..=to).map(|n| n * n).collect();
            assert_eq!(squares(threads, to, usize::MAX), (expected, ControlFlow::Continue(())));
        }
    }

    #[test]
    fn whoever_takes_the_results_may_break_off() {
        assert_eq!(squares(3, 1000, 16), (vec![0, 1, 4, 9, 16], ControlFlow::Break(())));
    }
}
