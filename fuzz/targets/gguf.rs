//! Whatever is in a file that calls itself GGUF, the model is added and answers, or is refused.

#![no_main]

use libfuzzer_sys::fuzz_target;

mod model;

fuzz_target!(|bytes: &[u8]| model::check_in(|folder| {
    let file = folder.join("it.gguf");
    std::fs::write(&file, bytes).unwrap();
    file
}));
