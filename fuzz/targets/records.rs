//! What holds of training data, in whatever file it lies.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use serde_json::Value;
use trainer::{Check, Conversion, Converted, FileType, Format, Kind, Reader, Record, Result};

pub(crate) fn check(bytes: &[u8], kind: FileType) {
    let reader = Reader::text(bytes, kind);
    let lines = bytes.len() as u64 + 1;
    let (mut last, mut usable, mut faults) = (0, 0, 0);
    reader
        .for_each(|place, record| {
            assert!(place.line() <= lines);
            match record {
                Ok(record) => {
                    assert!(place.line() >= last.max(1), "records come in the order of the file");
                    last = place.line();
                    usable += 1;
                    if let Record::Pair(pair) = record {
                        assert_eq!(pair.to_example().label, pair.label);
                    }
                }
                Err(_) => faults += 1,
            }
            ControlFlow::Continue(())
        })
        .expect("text in the hand can be read");

    let report = Check::new(reader.clone()).run().expect("text in the hand can be read");
    assert_eq!((report.records, report.faults_in_all), (usable, faults));

    for format in Format::ALL {
        for set in [Kind::Supervised, Kind::Unpaired, Kind::Preference] {
            if !format.offers(set) {
                continue;
            }
            let Ok((out, told)) = convert(&reader, format, set, 1) else {
                continue;
            };
            assert_eq!(told.read, usable);
            let (again, _) = convert(&reader, format, set, 3).expect("threads change nothing");
            assert_eq!(again, out);
            // What was written is read, and written again as it was.
            let written = Reader::text(&out, FileType::JsonLines);
            if told.written > 0 {
                let (twice, _) = convert(&written, format, set, 1).expect("it is of this format");
                assert_eq!(values(&twice), values(&out));
            }
        }
    }
}

/// The order of the fields that ride along may be another.
fn values(lines: &[u8]) -> Vec<Value> {
    let read = |line: &str| serde_json::from_str(line).expect("lines are of JSON");
    std::str::from_utf8(lines).expect("JSON is text").lines().map(read).collect()
}

fn convert(
    reader: &Reader<'_>,
    format: Format,
    kind: Kind,
    threads: usize,
) -> Result<(Vec<u8>, Converted)> {
    let threads = NonZeroUsize::new(threads).expect("not 0");
    let mut out = Vec::new();
    let conversion = Conversion::of_kind(reader.clone(), format, kind)?.with_threads(threads);
    let told = conversion.write_to(&mut out)?;
    Ok((out, told))
}
