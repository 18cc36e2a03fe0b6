//! Training data as JSON Lines: read or refused, and written as what it is.

#![no_main]

mod records;

use libfuzzer_sys::fuzz_target;
use trainer::FileType;

fuzz_target!(|bytes: &[u8]| records::check(bytes, FileType::JsonLines));
