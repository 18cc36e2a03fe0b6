//! Whatever is in `model.safetensors`, the model is added and answers, or is refused.

#![no_main]

use libfuzzer_sys::fuzz_target;

mod model;

fuzz_target!(|bytes: &[u8]| model::check("model.safetensors", bytes));
