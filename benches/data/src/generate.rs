//! A CSV file of questions and answers, the same on every machine: a third of a kB in each row,
//! with quotes, line breaks, and words of several scripts.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Result;

pub(crate) fn run(path: &Path, megabytes: u64) -> Result<()> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut out = BufWriter::new(File::create(path)?);
    let mut written = write_row(&mut out, ["prompt", "completion"])?;
    let mut row = 0_u64;
    while written < megabytes * 1_000_000 {
        row += 1;
        let (prompt, completion) =
            (format!("{row} {}", text(&mut random, 8..24)), text(&mut random, 16..48));
        written += write_row(&mut out, [&prompt, &completion])?;
    }
    out.flush()?;
    Ok(())
}

/// Words, of which one in a hundred is in quotes, and now and then a second line.
fn text(random: &mut fastrand::Rng, words: std::ops::Range<usize>) -> String {
    let mut text = String::new();
    for at in 0..random.usize(words) {
        if at > 0 {
            text.push_str(if random.u8(..100) < 2 { "\n" } else { " " });
        }
        let word = WORDS[random.usize(..WORDS.len())];
        match random.u8(..100) {
            0 => text.extend(["\"", word, "\""]),
            1..5 => text.extend([word, ","]),
            _ => text.push_str(word),
        }
    }
    text
}

/// Writes a row as Python's `csv` does: quotes only where they are needed.
fn write_row(out: &mut impl Write, cells: [&str; 2]) -> Result<u64> {
    let cells = cells.map(|cell| match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    });
    let line = format!("{}\r\n", cells.join(","));
    out.write_all(line.as_bytes())?;
    Ok(line.len() as u64)
}

const WORDS: [&str; 40] = [
    "the",
    "of",
    "and",
    "model",
    "answer",
    "question",
    "water",
    "which",
    "depth",
    "measured",
    "lake",
    "in",
    "to",
    "is",
    "that",
    "training",
    "was",
    "clear",
    "metres",
    "surface",
    "between",
    "example",
    "for",
    "under",
    "conversation",
    "learned",
    "озеро",
    "глубина",
    "Байкал",
    "вода",
    "самое",
    "чистое",
    "метров",
    "café",
    "naïve",
    "Zürich",
    "湖は深い",
    "水",
    "😀",
    "👩‍🚀",
];
