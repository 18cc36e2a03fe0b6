//! A histogram as lines of text.

use std::fmt::{self, Write as _};

use super::{Histogram, range};

/// Shows a histogram as bars, a line for each range of counts.
///
/// Ranges grow as the counts do: each is a doubling, or a half or a quarter of one if there are few.
/// A bar is empty only where there is nothing.
#[derive(Clone, Copy, Debug)]
pub struct Bars<'a> {
    histogram: &'a Histogram,
    width: usize,
}

/// Narrower lines have no room for bars.
const NARROWEST: usize = 30;
/// A doubling is cut in more parts as long as there are no more lines than this.
const LINES: usize = 16;

impl<'a> Bars<'a> {
    pub(super) fn new(histogram: &'a Histogram, width: usize) -> Self {
        Self { histogram, width: width.max(NARROWEST) }
    }

    /// How many counts are in each range, from the first with any to the last.
    fn rows(&self, parts: u64) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        for (bucket, &number) in self.histogram.buckets.iter().enumerate() {
            let (first, last) = range(bucket as u64);
            let lead = part_of(first, parts);
            match rows.last_mut() {
                Some(row) if row.part == lead => {
                    row.last = last;
                    row.number += number;
                }
                _ => rows.push(Row { part: lead, first, last, number }),
            }
        }
        let is_there = |row: &Row| row.number > 0;
        let first = rows.iter().position(is_there).unwrap_or(rows.len());
        let last = rows.iter().rposition(is_there).map_or(first, |last| last + 1);
        rows[first..last].to_vec()
    }
}

/// Counts that share a line.
#[derive(Clone, Copy, Debug)]
struct Row {
    part: (u32, u64),
    first: u64,
    last: u64,
    number: u64,
}

/// Which doubling a count is in, and which of its parts. Doublings of less counts have fewer parts.
fn part_of(count: u64, parts: u64) -> (u32, u64) {
    let Some(doubling) = count.checked_ilog2() else { return (0, 0) };
    let shift = doubling.saturating_sub(parts.ilog2());
    (doubling + 1, count >> shift)
}

impl fmt::Display for Bars<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.histogram.number == 0 {
            return f.write_str("no counts");
        }
        let finest = [4, 2, 1].map(|parts| self.rows(parts));
        let rows = finest.iter().find(|rows| rows.len() <= LINES).unwrap_or(&finest[2]);
        let texts = rows.iter().map(|row| (range_text(row), grouped(row.number)));
        let texts: Vec<_> = texts.collect();
        let longest = |text: fn(&(String, String)) -> &String| {
            texts.iter().map(|it| text(it).len()).max().unwrap_or(0)
        };
        let (ranges, numbers) = (longest(|it| &it.0), longest(|it| &it.1));
        // Two spaces on each side of the bar.
        let room = self.width.saturating_sub(ranges + numbers + 4).max(1);
        let most = rows.iter().map(|row| row.number).max().unwrap_or(1);
        for (at, (row, (range, number))) in rows.iter().zip(&texts).enumerate() {
            if at > 0 {
                f.write_char('\n')?;
            }
            write!(f, "{range:>ranges$}  {number:>numbers$}")?;
            let bar = bar(row.number, most, room);
            if !bar.is_empty() {
                write!(f, "  {bar}")?;
            }
        }
        Ok(())
    }
}

fn range_text(row: &Row) -> String {
    if row.first == row.last {
        grouped(row.first)
    } else {
        format!("{} to {}", grouped(row.first), grouped(row.last))
    }
}

/// A bar as long as its share of the longest, in eighths of a character.
fn bar(number: u64, most: u64, room: usize) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = (number as f64 / most as f64 * room as f64 * 8.0).round() as usize;
    let eighths = if number > 0 { eighths.max(1) } else { 0 };
    let mut bar = "█".repeat(eighths / 8);
    if eighths % 8 > 0 {
        bar.push(EIGHTHS[eighths % 8]);
    }
    bar
}

/// A number with a comma before each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::Histogram;

    #[test]
    fn few_counts_have_finer_ranges() {
        check(
            [3, 3, 4, 5, 9].into_iter(),
            40,
            expect![[r#"
                 3  2  █████████████████████████████
                 4  1  ██████████████▌
                 5  1  ██████████████▌
                 6  0
                 7  0
            8 to 9  1  ██████████████▌"#]],
        );
        check(
            (0..1_000).map(|at| at * at % 700 + 100),
            50,
            expect![[r#"
             96 to 111   48  █████████▍
            112 to 127   45  ████████▊
            128 to 159   44  ████████▌
            160 to 191   27  █████▎
            192 to 223   62  ████████████
            224 to 255   34  ██████▋
            256 to 319  103  ████████████████████
            320 to 383   92  █████████████████▉
            384 to 447   98  ███████████████████
            448 to 511   79  ███████████████▍
            512 to 639  164  ███████████████████████████████▉
            640 to 767  170  █████████████████████████████████
            768 to 895   34  ██████▋"#]],
        );
    }

    #[test]
    fn counts_far_apart_have_a_line_for_each_doubling() {
        check(
            [0, 1, 100_000, 100_001, 7].into_iter(),
            44,
            expect![[r#"
                            0  1  ███████████
                            1  1  ███████████
                       2 to 3  0
                       4 to 7  1  ███████████
                      8 to 15  0
                     16 to 31  0
                     32 to 63  0
                    64 to 127  0
                   128 to 255  0
                   256 to 511  0
                 512 to 1,023  0
               1,024 to 2,047  0
               2,048 to 4,095  0
               4,096 to 8,191  0
              8,192 to 16,383  0
             16,384 to 32,767  0
             32,768 to 65,535  0
            65,536 to 131,071  2  ██████████████████████"#]],
        );
    }

    #[test]
    fn of_nothing_there_are_no_bars() {
        check([].into_iter(), 40, expect!["no counts"]);
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_asked_and_every_count_is_in_one(
            counts in prop::collection::vec(0..1_000_000_000_u64, 1..100),
            width in 48..120_usize,
        ) {
            let histogram: Histogram = counts.iter().copied().collect();
            let shown = histogram.bars(width).to_string();
            let mut number = 0;
            for line in shown.lines() {
                prop_assert!(line.chars().count() <= width, "{}", line);
                let words: Vec<_> = line.split_whitespace().collect();
                let at = if words.get(1) == Some(&"to") { 3 } else { 1 };
                number += words[at].replace(',', "").parse::<usize>().unwrap();
            }
            prop_assert_eq!(number, counts.len());
        }
    }

    #[track_caller]
    fn check(counts: impl Iterator<Item = u64>, width: usize, expected: Expect) {
        expected.assert_eq(&counts.collect::<Histogram>().bars(width).to_string());
    }
}
