//! Counts beside those of tiktoken.
//!
//! `tests/python/tiktoken` makes what is compared with, and its README says what is in it.

use std::{collections::BTreeMap, fs, path::PathBuf};

use super::OpenAiCounter;
use crate::tokens::{Encoding, EncodingError};

#[test]
#[ignore = "needs the texts of `cargo xtask test --only tokens`"]
fn documents_have_as_many_tokens_as_tiktoken_says() {
    compare("documents.bin", 200_000);
}

#[test]
#[ignore = "needs the texts of `cargo xtask test --only tokens`"]
fn adversarial_strings_have_as_many_tokens_as_tiktoken_says() {
    compare("adversarial.bin", 20_000);
}

#[test]
#[ignore = "needs the texts of `cargo xtask test --only tokens`"]
fn a_library_has_as_many_tokens_as_tiktoken_says() {
    compare("library.bin", 1_000);
}

#[test]
#[ignore = "needs the texts of `cargo xtask test --only tokens`"]
fn a_megabyte_of_one_character_has_as_many_tokens_as_tiktoken_says() {
    compare("runs.bin", 6);
}

#[test]
#[ignore = "needs the texts of `cargo xtask test --only tokens`"]
fn every_character_is_of_the_kind_that_tiktoken_takes_it_for() {
    compare("characters.bin", 5 * 1024);
}

#[test]
#[ignore = "needs the texts of `cargo xtask test --only tokens`"]
fn models_have_the_encodings_that_tiktoken_says() {
    let models: BTreeMap<String, String> =
        serde_json::from_slice(&fs::read(made("models.json")).unwrap()).unwrap();
    assert!(models.len() > 60, "{}", models.len());
    for (model, theirs) in &models {
        let ours = match Encoding::of_model(model) {
            // The control tokens apart, this is the same.
            Ok(Encoding::O200kBase) if theirs == "o200k_harmony" => "o200k_harmony",
            Ok(encoding) => encoding.name(),
            Err(EncodingError::OldEncoding { encoding, .. }) => encoding,
            Err(error) => panic!("{error}"),
        };
        assert_eq!(ours, theirs, "{model}");
    }
}

/// Compares every text of a file, of which there are so many at least.
#[track_caller]
fn compare(file: &str, texts: usize) {
    let bytes = fs::read(made(file)).unwrap();
    let mut counters =
        [Encoding::O200kBase, Encoding::Cl100kBase].map(|it| (it, OpenAiCounter::new(it)));
    let mut rest = &bytes[..];
    let mut read = 0;
    while !rest.is_empty() {
        let (head, tail) = rest.split_first_chunk::<12>().unwrap();
        let [length, counts @ ..] =
            [0, 4, 8].map(|at| u32::from_le_bytes(*head[at..].first_chunk().unwrap()));
        let (text, tail) = tail.split_at(length as usize);
        let text = std::str::from_utf8(text).unwrap();
        for ((encoding, counter), theirs) in counters.iter_mut().zip(counts) {
            assert_eq!(
                counter.count(text),
                u64::from(theirs),
                "{encoding}, text {read}: {}",
                text.escape_debug().take(500).collect::<String>()
            );
        }
        (rest, read) = (tail, read + 1);
    }
    assert!(read >= texts, "{read} of {texts}");
}

fn made(file: &str) -> PathBuf {
    let folder = std::env::var_os("ATTUNE_TEST_TIKTOKEN").expect("the folder of texts");
    PathBuf::from(folder).join(file)
}
