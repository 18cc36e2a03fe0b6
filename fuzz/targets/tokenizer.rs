//! Whatever is in `tokenizer.json`, the model is added and answers, or is refused.

#![no_main]

use std::sync::Once;

use libfuzzer_sys::fuzz_target;

mod model;

fuzz_target!(|bytes: &[u8]| {
    // The engine catches what the library for tokenizers panics with, which ends the run otherwise.
    // A panic that gets out still does.
    static QUIET: Once = Once::new();
    QUIET.call_once(|| std::panic::set_hook(Box::new(|panic| eprintln!("{panic}"))));
    model::check("tokenizer.json", bytes);
});
